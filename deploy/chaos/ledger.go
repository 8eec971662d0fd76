package main

import (
	"fmt"
	"math/rand/v2"
	"sync"
)

// ledger is what was asked of the suite, and what of that it acknowledged. What
// was asked and neither acknowledged nor refused is in doubt. It is safe for
// concurrent use; what it gives out is read only under its lock, or when nobody
// writes any more.
type ledger struct {
	mu        sync.Mutex
	passports []*passport
	documents []*document
	people    []*person
	seen      []violation // while it was written
	acks      int
}

// passport is one that was asked for.
type passport struct {
	who            *account
	identifier, id string // no id: it is not known whether there is one
	mark           string // reason of its first version
	sure           bool   // it was acknowledged
	publishable    bool
	writes         []*write
	newest         int64 // version that was acknowledged, or read

	publishing, published bool // asked for, acknowledged
	deleting, deleted     bool
}

// write is one change of a passport. Its mark is the reason that the version
// has, and its value is what it writes.
type write struct {
	mark, value string
	version     int64 // 0: in doubt
	refused     bool
}

// document is a file that was sent. Its mark is its description.
type document struct {
	who               *account
	mark, id, sum     string
	sure              bool
	deleting, deleted bool
}

// person is an account that was asked for.
type person struct {
	who   *account
	sure  bool
	moves []*move // into organisations

}

type move struct {
	organisation string
	sure         bool
}

// do changes the ledger.
func (l *ledger) do(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

// ack is do for what was acknowledged.
func (l *ledger) ack(f func()) {
	l.do(func() { l.acks++; f() })
}

// saw notes what is wrong already while it is written.
func (l *ledger) saw(kind, subject, format string, args ...any) {
	l.do(func() { l.seen = append(l.seen, violation{kind, subject, fmt.Sprintf(format, args...)}) })
}

// some returns one of those passports of a team that fit, among the newest, so
// that several write the same.
func (l *ledger) some(rng *rand.Rand, who *account, fits func(*passport) bool) *passport {
	const among = 8
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []*passport
	for i := len(l.passports) - 1; i >= 0 && len(found) < among; i-- {
		if p := l.passports[i]; p.who == who && p.id != "" && !p.deleting && fits(p) {
			found = append(found, p)
		}
	}
	if len(found) == 0 {
		return nil
	}
	return found[rng.IntN(len(found))]
}

// someDocument returns one that is there.
func (l *ledger) someDocument(rng *rand.Rand, who *account) *document {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []*document
	for _, d := range l.documents {
		if d.who == who && d.id != "" && !d.deleting {
			found = append(found, d)
		}
	}
	if len(found) == 0 {
		return nil
	}
	return found[rng.IntN(len(found))]
}

func (l *ledger) somePerson(rng *rand.Rand) *person {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []*person
	for _, p := range l.people {
		if p.who.id != "" {
			found = append(found, p)
		}
	}
	if len(found) == 0 {
		return nil
	}
	return found[rng.IntN(len(found))]
}
