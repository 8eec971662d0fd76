package main

import (
	"math"
	"testing"

	"github.com/anishathalye/porcupine"
)

// TestHistories judges histories of a passport. Each begins with its creation
// as version 1 with the value a, from 0 to 1.
func TestHistories(t *testing.T) {
	op := func(from, to int64, in operation, out outcome) porcupine.Operation {
		return porcupine.Operation{Input: in, Call: from, Output: out, Return: to}
	}
	wrote := func(from, to int64, value string, version int64) porcupine.Operation {
		return op(from, to, operation{kind: change, value: value}, outcome{known: true, version: version, value: value, dataHash: "hash " + value})
	}
	read := func(from, to int64, value string, version int64) porcupine.Operation {
		return op(from, to, operation{kind: reading}, outcome{known: true, version: version, value: value, dataHash: "hash " + value})
	}
	doubt := func(from int64, in operation) porcupine.Operation { return op(from, math.MaxInt64, in, outcome{}) }
	gone := outcome{known: true, gone: true}
	for name, c := range map[string]struct {
		history []porcupine.Operation
		legal   bool
	}{
		"one after the other":                  {[]porcupine.Operation{wrote(2, 3, "b", 2), read(4, 5, "b", 2), wrote(6, 7, "c", 3), read(8, 9, "c", 3)}, true},
		"a read during a write sees either":    {[]porcupine.Operation{wrote(2, 9, "b", 2), read(3, 4, "a", 1), read(5, 6, "b", 2)}, true},
		"a stale read":                         {[]porcupine.Operation{wrote(2, 3, "b", 2), read(4, 5, "a", 1)}, false},
		"a version that travels back":          {[]porcupine.Operation{wrote(2, 9, "b", 2), read(3, 4, "b", 2), read(5, 6, "a", 1)}, false},
		"a lost write":                         {[]porcupine.Operation{wrote(2, 3, "b", 2), wrote(4, 5, "c", 2)}, false},
		"a lost write before a read":           {[]porcupine.Operation{wrote(2, 3, "b", 2), read(4, 5, "c", 2)}, false},
		"a version that nobody wrote":          {[]porcupine.Operation{read(2, 3, "b", 2)}, false},
		"another content of the same version":  {[]porcupine.Operation{read(2, 3, "a", 1), op(4, 5, operation{kind: reading}, outcome{known: true, version: 1, value: "a", dataHash: "other"})}, false},
		"a doubt that takes effect later":      {[]porcupine.Operation{doubt(2, operation{kind: change, value: "b"}), read(4, 5, "a", 1), read(6, 7, "b", 2)}, true},
		"a doubt that never takes effect":      {[]porcupine.Operation{doubt(2, operation{kind: change, value: "b"}), wrote(4, 5, "c", 2), read(6, 7, "c", 2)}, true},
		"a doubt that takes effect twice":      {[]porcupine.Operation{doubt(2, operation{kind: change, value: "b"}), read(4, 5, "b", 2), read(6, 7, "b", 3)}, false},
		"a doubt that takes effect before":     {[]porcupine.Operation{read(2, 3, "b", 2), doubt(4, operation{kind: change, value: "b"})}, false},
		"a condition that is not met":          {[]porcupine.Operation{wrote(2, 3, "b", 2), op(4, 5, operation{kind: change, value: "c", ifVersion: 1}, outcome{known: true, version: 3})}, false},
		"a refusal of the newest version":      {[]porcupine.Operation{op(2, 3, operation{kind: refusal, ifVersion: 1}, outcome{known: true})}, false},
		"a refusal of an old version":          {[]porcupine.Operation{wrote(2, 3, "b", 2), op(4, 5, operation{kind: refusal, ifVersion: 1}, outcome{known: true})}, true},
		"a read after the deletion":            {[]porcupine.Operation{op(2, 3, operation{kind: deletion}, outcome{known: true}), read(4, 5, "a", 1)}, false},
		"a missing passport before a deletion": {[]porcupine.Operation{op(2, 3, operation{kind: reading}, gone), op(4, 5, operation{kind: deletion}, outcome{known: true})}, false},
		"a deletion in doubt":                  {[]porcupine.Operation{doubt(2, operation{kind: deletion}), read(3, 4, "a", 1), op(5, 6, operation{kind: reading}, gone)}, true},
		"a publication and a change":           {[]porcupine.Operation{op(2, 3, operation{kind: publication}, outcome{known: true, version: 2, value: "a", dataHash: "p"}), wrote(4, 5, "b", 3)}, true},
		"a lost publication":                   {[]porcupine.Operation{op(2, 3, operation{kind: publication}, outcome{known: true, version: 2, value: "a", dataHash: "p"}), read(4, 5, "a", 1)}, false},
	} {
		p := &passport{operations: append([]porcupine.Operation{wrote(0, 1, "a", 1)}, c.history...)}
		check := &checker{ledger: &ledger{passports: []*passport{p}}, v: verdict{Counts: map[string]int{}}}
		check.judgeReads()
		if legal := len(check.v.Violations) == 0; legal != c.legal {
			t.Errorf("%s: legal %v, want %v: %v", name, legal, c.legal, check.v.Violations)
		}
	}
}

// TestLongHistoryIsJudged: with as many operations in doubt as there may be.
func TestLongHistoryIsJudged(t *testing.T) {
	p := &passport{}
	l := &load{ledger: &ledger{passports: []*passport{p}}}
	for version := int64(1); !p.full(); version++ {
		l.observe(p, version, operation{kind: change, value: "x"}, outcome{known: p.doubts >= maxDoubts-1, version: version})
	}
	for i := range p.operations {
		if p.operations[i].Return != math.MaxInt64 {
			p.operations[i].Return = p.operations[i].Call
		}
	}
	p.operations = p.operations[maxDoubts-1:] // versions begin with 8: the doubts are needed to explain them
	for i := range int64(maxDoubts - 1) {
		p.operations = append(p.operations, porcupine.Operation{Input: operation{kind: change, value: "x"}, Call: i, Output: outcome{}, Return: math.MaxInt64})
	}
	check := &checker{ledger: l.ledger, v: verdict{Counts: map[string]int{}}}
	if check.judgeReads(); len(check.v.Violations) > 0 {
		t.Errorf("violations %v", check.v.Violations)
	}
}
