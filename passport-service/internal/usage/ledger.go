package usage

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

const (
	flushInterval = time.Second
	lastFlush     = 2500 * time.Millisecond // when the service stops; as long as a write may take
)

// Ledger counts the writes of this process. A nil Ledger counts nothing. It is safe for
// concurrent use.
type Ledger struct {
	Usages *store.Collection[Usage]
	Quotas Quotas
	Now    func() time.Time
	Log    *slog.Logger
	// Count enqueues a count of the passports that an owner had at a time. It must be idempotent.
	Count func(ctx context.Context, owner string, from time.Time) error

	mu     sync.Mutex
	owners map[string]*account
}

// account is the usage of an owner in this process.
type account struct {
	stored    Amount // at the last flush
	pending   writes // not stored yet
	flushing  writes // being stored
	countedAt time.Time
	isActive  bool // since the last flush
}

func (a *account) used() Amount { return a.stored.Plus(a.pending.sum()).Plus(a.flushing.sum()) }

func (a *account) add(w Write) {
	second := w.At.Unix()
	a.pending[second], a.isActive = a.pending[second].Plus(w.Amount), true
}

// writes are amounts by the second of Write.At: a count begins with a second.
type writes map[int64]Amount

func (w writes) sum() (sum Amount) {
	for _, amount := range w {
		sum = sum.Plus(amount)
	}
	return sum
}

// Reserve adds a write to the usage of its owner before it is stored. It fails with
// fault.QuotaExceeded if the write exceeds a quota. Call Release if the write fails.
func (l *Ledger) Reserve(ctx context.Context, w Write) error {
	return l.use(ctx, w, func(a *account) error {
		if err := l.Quotas.check(w.Owner, a.used(), w.Amount); err != nil {
			return err
		}
		a.add(w)
		return nil
	})
}

// Add adds a write without checking a quota.
func (l *Ledger) Add(ctx context.Context, w Write) error {
	return l.use(ctx, w, func(a *account) error {
		a.add(w)
		return nil
	})
}

// Check fails like Reserve, but adds nothing.
func (l *Ledger) Check(ctx context.Context, w Write) error { return l.check(ctx, w, Amount{}) }

// check is like Check after other writes of the owner.
func (l *Ledger) check(ctx context.Context, w Write, others Amount) error {
	return l.use(ctx, w, func(a *account) error { return l.Quotas.check(w.Owner, a.used().Plus(others), w.Amount) })
}

// Release subtracts a reserved write that has failed.
func (l *Ledger) Release(ctx context.Context, w Write) {
	w.Amount = Amount{}.Minus(w.Amount)
	if err := l.Add(context.WithoutCancel(ctx), w); err != nil {
		l.Log.WarnContext(ctx, "usage of passports not updated, it is too high until the next count", "owner", w.Owner, "err", err)
	}
}

// use calls f with the account of the owner of a write. It does nothing for an empty write.
func (l *Ledger) use(ctx context.Context, w Write, f func(*account) error) error {
	if l == nil || w.Amount == (Amount{}) {
		return nil
	}
	for {
		l.mu.Lock()
		if a := l.owners[w.Owner]; a != nil {
			err := f(a)
			countedAt := a.countedAt
			l.mu.Unlock()
			if fault.Is(err, fault.QuotaExceeded) && l.Now().Sub(countedAt) >= countAge {
				l.startCount(ctx, w.Owner)
			}
			return err
		}
		l.mu.Unlock()
		if err := l.load(ctx, w.Owner); err != nil {
			return err
		}
	}
}

func (l *Ledger) now() time.Time { return l.Now().UTC().Truncate(time.Millisecond) }

// load reads the usage of an owner. If it was never counted, a count begins: there may be
// passports of an earlier release.
func (l *Ledger) load(ctx context.Context, owner string) error {
	row, err := l.Usages.GetOrInsert(ctx, owner, func() Usage { return Usage{ID: owner} })
	if err != nil {
		return err
	}
	if row.Doc.CountedAt.IsZero() {
		l.startCount(ctx, owner)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.owners == nil {
		l.owners = map[string]*account{}
	}
	if l.owners[owner] == nil {
		l.owners[owner] = &account{stored: row.Doc.Total, pending: writes{}, countedAt: row.Doc.CountedAt, isActive: true}
	}
	return nil
}

// Run stores the counted writes once a second until ctx is done, and then the last ones.
func (l *Ledger) Run(ctx context.Context) error {
	tick := time.NewTicker(flushInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFlush)
			defer cancel()
			l.flush(last)
			return nil
		case <-tick.C:
			l.flush(ctx)
		}
	}
}

// flush adds the pending amounts to the stored usages. It forgets owners without writes
// since the last flush: their usage is read again.
func (l *Ledger) flush(ctx context.Context) {
	for _, owner := range l.begin() {
		if err := l.store(ctx, owner); err != nil {
			l.Log.WarnContext(ctx, "usage of passports not stored, will retry", "owner", owner, "err", err)
		}
	}
}

// begin returns the owners with pending amounts.
func (l *Ledger) begin() (owners []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for owner, a := range l.owners {
		switch {
		case len(a.pending) > 0:
			owners = append(owners, owner)
		case !a.isActive:
			delete(l.owners, owner)
		}
		a.isActive = false
	}
	return owners
}

// store adds the pending writes of an owner to its stored usage. Only flush calls it.
func (l *Ledger) store(ctx context.Context, owner string) error {
	l.mu.Lock()
	a := l.owners[owner]
	a.flushing, a.pending = a.pending, writes{}
	l.mu.Unlock()
	row, err := l.Usages.Update(ctx, owner, func(u *Usage) (store.Change, error) {
		for second, amount := range a.flushing {
			u.add(time.Unix(second, 0), amount)
		}
		return store.Change{}, nil
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	if fault.Is(err, fault.NotFound) {
		delete(l.owners, owner) // somebody has deleted it: the next write starts a count
	}
	if err != nil {
		for second, amount := range a.flushing {
			a.pending[second] = a.pending[second].Plus(amount)
		}
	} else {
		a.stored, a.countedAt = row.Doc.Total, row.Doc.CountedAt
	}
	a.flushing = nil
	return err
}
