package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/battery-passport/suite/pkg/wire"
)

// kind of an operation on a passport.
type kind string

const (
	change      kind = "change" // creation is the first
	publication kind = "publication"
	deletion    kind = "deletion"
	reading     kind = "reading"
	refusal     kind = "refusal" // of a change: the version was another
)

type operation struct {
	kind      kind
	value     string // that a change writes
	ifVersion int64  // 0: any
}

// outcome is what was answered; not known: the operation may take effect at any
// later time or never.
type outcome struct {
	known, gone     bool
	version         int64 // 0: not answered
	value, dataHash string
}

func (s stored) outcome() outcome {
	o := outcome{known: true, version: s.Version}
	if s.Data != nil {
		o.value, o.dataHash = s.warranty(), hashOf(s.Data)
	}
	return o
}

// hashOf is the SHA-256 of the canonical form.
func hashOf(data []byte) string {
	value := wire.Value(data).Clone()
	if err := value.Canonicalize(); err != nil {
		return err.Error()
	}
	sum := sha256.Sum256(value)
	return hex.EncodeToString(sum[:])
}

// Limits of a history, so that judging it ends: nobody uses a passport beyond them.
const (
	maxOperations = 80
	maxDoubts     = 8
	judgeTimeout  = 10 * time.Second
)

func (p *passport) full() bool { return len(p.operations) >= maxOperations || p.doubts >= maxDoubts }

// observe adds an operation that began at start and ends now.
func (l *load) observe(p *passport, start int64, in operation, out outcome) {
	l.do(func() {
		one := porcupine.Operation{ClientId: len(p.operations), Input: in, Call: start, Output: out, Return: l.elapsed()}
		if !out.known {
			one.Return = math.MaxInt64
			p.doubts++
		}
		p.operations = append(p.operations, one)
	})
}

// register is the state of a passport: it is read and written as one register.
type register struct {
	version         int64
	value, dataHash string // the hash is empty until an answer tells it
	published, gone bool
}

var passportModel = porcupine.Model{
	Init: func() any { return register{} },
	Step: func(state, input, output any) (bool, any) {
		s, op, out := state.(register), input.(operation), output.(outcome)
		return s.step(op, out)
	},
}

// step reports whether an operation with this outcome is possible, and the state
// after it.
func (s register) step(op operation, out outcome) (bool, register) {
	possible := !s.gone && (op.ifVersion == 0 || op.ifVersion == s.version)
	switch {
	case out.gone:
		return s.gone, s
	case op.kind == refusal:
		return !possible, s
	case !possible:
		return !out.known, s
	case op.kind == deletion:
		s.gone = true
		return true, s
	case op.kind == change:
		s.version, s.value, s.dataHash = s.version+1, op.value, ""
	case op.kind == publication && !s.published:
		s.version, s.published, s.dataHash = s.version+1, true, ""
	}
	if out.version != 0 && out.version != s.version {
		return false, s
	}
	if out.dataHash == "" {
		return true, s
	}
	same := out.value == s.value && (s.dataHash == "" || s.dataHash == out.dataHash)
	s.dataHash = out.dataHash
	return same, s
}

// judgeReads looks for an order of the operations on each passport that explains
// all answers. It names the first answer without one.
func (c *checker) judgeReads() {
	for _, p := range c.passports {
		operations := slices.Clone(p.operations)
		if h := c.histories[p]; len(operations) > 0 && h != nil && !h.gone && int64(len(h.versions)) == h.head.Version {
			operations = append(operations, porcupine.Operation{Input: operation{kind: reading}, Call: h.readAt, Output: h.head.outcome(), Return: h.readAt + 1})
		}
		c.v.Counts["operations judged"] += len(operations)
		switch porcupine.CheckOperationsTimeout(passportModel, operations, judgeTimeout) {
		case porcupine.Unknown:
			c.fail(linearizable, p.id, "its %d operations cannot be judged within %v", len(operations), judgeTimeout)
		case porcupine.Illegal:
			first := firstIllegal(operations)
			c.fail(linearizable, p.id, "no order of its operations explains that %+v was answered %+v", first.Input, first.Output)
		}
	}
}

// firstIllegal returns the answer with which a history becomes illegal. What is
// in doubt has no answer, and is part of each history.
func firstIllegal(operations []porcupine.Operation) porcupine.Operation {
	slices.SortFunc(operations, func(a, b porcupine.Operation) int { return cmp.Compare(a.Return, b.Return) })
	doubts, _ := slices.BinarySearchFunc(operations, int64(math.MaxInt64), func(o porcupine.Operation, at int64) int { return cmp.Compare(o.Return, at) })
	for n := 1; n <= doubts; n++ {
		if porcupine.CheckOperationsTimeout(passportModel, slices.Concat(operations[:n], operations[doubts:]), judgeTimeout) == porcupine.Illegal {
			return operations[n-1]
		}
	}
	return operations[len(operations)-1]
}
