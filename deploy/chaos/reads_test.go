package main

import (
	"testing"
)

// violationsOf checks the reads of a passport that does not exist any more.
func violationsOf(operations []*operation) []violation {
	c := &checker{verdict: verdict{counts: map[string]int{}}}
	c.checkReads(&item{stored: stored{missing: true}, operations: operations})
	return c.violations
}

// TestHistories checks histories of a passport. Each begins with its creation as
// version 1 with the value a, from 0 to 1.
func TestHistories(t *testing.T) {
	do := func(begin, end int64, o operation) *operation {
		o.begin, o.end = begin, end
		return &o
	}
	write := func(begin, end int64, value string, version int64) *operation {
		return do(begin, end, operation{action: change, value: value, version: version, gotValue: value, gotHash: "hash " + value})
	}
	read := func(begin, end int64, value string, version int64) *operation {
		return do(begin, end, operation{action: reading, version: version, gotValue: value, gotHash: "hash " + value})
	}
	inDoubt := func(begin int64, action, value string) *operation {
		return do(begin, 0, operation{action: action, value: value})
	}
	readNothing := func(begin, end int64) *operation { return do(begin, end, operation{action: reading, gone: true}) }
	published := operation{action: publication, version: 2, gotValue: "a", gotHash: "hash p"}
	for name, test := range map[string]struct {
		history []*operation
		legal   bool
	}{
		"sequence":                                {[]*operation{write(2, 3, "b", 2), read(4, 5, "b", 2), write(6, 7, "c", 3), read(8, 9, "c", 3)}, true},
		"read during a write returns either":      {[]*operation{write(2, 9, "b", 2), read(3, 4, "a", 1), read(5, 6, "b", 2)}, true},
		"stale read":                              {[]*operation{write(2, 3, "b", 2), read(4, 5, "a", 1)}, false},
		"version decreases":                       {[]*operation{write(2, 9, "b", 2), read(3, 4, "b", 2), read(5, 6, "a", 1)}, false},
		"lost write":                              {[]*operation{write(2, 3, "b", 2), write(4, 5, "c", 2)}, false},
		"lost write before a read":                {[]*operation{write(2, 3, "b", 2), read(4, 5, "c", 2)}, false},
		"version without a write":                 {[]*operation{read(2, 3, "b", 2)}, false},
		"other content of the same version":       {[]*operation{read(2, 3, "a", 1), do(4, 5, operation{action: reading, version: 1, gotValue: "a", gotHash: "other"})}, false},
		"write in doubt takes effect later":       {[]*operation{inDoubt(2, change, "b"), read(4, 5, "a", 1), read(6, 7, "b", 2)}, true},
		"write in doubt never takes effect":       {[]*operation{inDoubt(2, change, "b"), write(4, 5, "c", 2), read(6, 7, "c", 2)}, true},
		"write in doubt takes effect twice":       {[]*operation{inDoubt(2, change, "b"), read(4, 5, "b", 2), read(6, 7, "b", 3)}, false},
		"write in doubt takes effect early":       {[]*operation{read(2, 3, "b", 2), inDoubt(4, change, "b")}, false},
		"read in doubt":                           {[]*operation{inDoubt(2, reading, ""), write(4, 5, "b", 2)}, true},
		"condition is not met":                    {[]*operation{write(2, 3, "b", 2), do(4, 5, operation{action: change, value: "c", ifVersion: 1, version: 3})}, false},
		"newest version is refused":               {[]*operation{do(2, 3, operation{action: refusal, ifVersion: 1})}, false},
		"old version is refused":                  {[]*operation{write(2, 3, "b", 2), do(4, 5, operation{action: refusal, ifVersion: 1})}, true},
		"read after the deletion":                 {[]*operation{do(2, 3, operation{action: deletion}), read(4, 5, "a", 1)}, false},
		"passport does not exist before deletion": {[]*operation{readNothing(2, 3), do(4, 5, operation{action: deletion})}, false},
		"deletion in doubt":                       {[]*operation{inDoubt(2, deletion, ""), read(3, 4, "a", 1), readNothing(5, 6)}, true},
		"publication and change":                  {[]*operation{do(2, 3, published), write(4, 5, "b", 3)}, true},
		"lost publication":                        {[]*operation{do(2, 3, published), read(4, 5, "a", 1)}, false},
	} {
		found := violationsOf(append([]*operation{write(0, 1, "a", 1)}, test.history...))
		if legal := len(found) == 0; legal != test.legal {
			t.Errorf("%s: got legal %v, want %v: %v", name, legal, test.legal, found)
		}
	}
}

// TestLongHistoryIsChecked with as many operations in doubt as there may be.
func TestLongHistoryIsChecked(t *testing.T) {
	it := &item{id: "1"}
	for n := int64(1); it.allows(change); n++ {
		if n <= 8 {
			it.doubts++
			it.operations = append(it.operations, &operation{action: change, value: "x", begin: n})
		} else { // the operations in doubt explain the versions up to 8
			it.operations = append(it.operations, &operation{action: change, value: "x", begin: n, end: n, version: n})
		}
	}
	if found := violationsOf(it.operations); len(it.operations) < 80 || len(found) > 0 {
		t.Errorf("got %v for %d operations, want no violation for 80", found, len(it.operations))
	}
}
