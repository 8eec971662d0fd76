package main

import (
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/anishathalye/porcupine"
)

// ledger records what was requested and what of that was acknowledged. The rest
// is refused or in doubt. What it gives out is read only under its lock, or when
// nobody writes any more.
type ledger struct {
	mu         sync.Mutex
	passports  []*passport
	documents  []*document
	people     []*person
	violations []violation // found while the load ran
	acks       int
}

// item is a passport, document or account that was requested.
type item struct {
	who               *account // its owner; for an account, itself
	mark              string   // text that only its creation has
	id                string   // empty: not known yet
	acked             bool     // creation was acknowledged
	deleting, deleted bool     // deletion was requested, acknowledged
}

func (i *item) self() *item { return i }

// name is the id, or the mark where there is none.
func (i *item) name() string {
	if i.id == "" {
		return i.mark
	}
	return i.id
}

type passport struct {
	item
	identifier            string // of the battery
	publishable           bool
	publishing, published bool // requested, acknowledged
	writes                []*write
	operations            []porcupine.Operation
	doubts                int // operations without an answer
}

// write is a change of a passport. Its mark is the reason of the version.
type write struct {
	mark, value string
	version     int64 // 0: in doubt
	refused     bool
}

type document struct {
	item
	sum string
}

type person struct {
	item
	moves []*move // into organisations
}

type move struct {
	organisation string
	acked        bool
}

// do changes the ledger.
func (l *ledger) do(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

// ack is do for an acknowledged write.
func (l *ledger) ack(f func()) { l.do(func() { l.acks++; f() }) }

// violate records what is wrong already while the load runs.
func (l *ledger) violate(invariant, subject, format string, args ...any) {
	l.do(func() {
		l.violations = append(l.violations, violation{invariant, subject, fmt.Sprintf(format, args...)})
	})
}

// pick returns one of the newest items that exist, belong to who (nil: anybody)
// and fit. Few are picked from, so that workers meet at the same ones.
func pick[T interface{ self() *item }](l *ledger, rng *rand.Rand, all *[]T, who *account, fits func(T) bool) (one T, ok bool) {
	const newest = 8
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []T
	for n := len(*all) - 1; n >= 0 && len(found) < newest; n-- {
		if i := (*all)[n].self(); i.id != "" && !i.deleting && (who == nil || who == i.who) && fits((*all)[n]) {
			found = append(found, (*all)[n])
		}
	}
	if len(found) == 0 {
		return one, false
	}
	return found[rng.IntN(len(found))], true
}
