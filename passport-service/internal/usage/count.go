package usage

import (
	"context"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

const (
	// countAge is the age of the last count from which on a refused write starts another count.
	countAge = 24 * time.Hour
	// settleTime is longer than a write takes plus the difference between the clocks of
	// instances.
	settleTime = 15 * time.Second
	// maxCountPause is the time without a run after which a count is abandoned.
	maxCountPause = time.Hour
)

// A count covers the passports at CountFrom, which is the start of a second in the near future:
// no instance has added a later write yet. It starts settleTime after CountFrom, when all
// earlier writes are stored or have failed. Therefore only the time of a write decides whether
// the count includes it or Written does, no matter when an instance adds it.

// isCounting reports whether a count has begun and not ended.
func (u *Usage) isCounting() bool { return u.CountedAt.Before(u.CountFrom) }

// isRunning is like isCounting, but false for an abandoned count.
func (u *Usage) isRunning(now time.Time) bool {
	last := u.CountFrom
	if u.CountRunAt.After(last) {
		last = u.CountRunAt
	}
	return u.isCounting() && now.Before(last.Add(maxCountPause))
}

// add adds an amount that was written at the given time, unless the last count includes it.
func (u *Usage) add(at time.Time, amount Amount) {
	switch isEarlier := at.Before(u.CountFrom); {
	case isEarlier && !u.isCounting():
		return
	case !isEarlier:
		u.Written = u.Written.Plus(amount)
	}
	u.Total = u.Total.Plus(amount)
}

// startCount begins a count of an owner and enqueues it. If one has begun, it only enqueues
// that one, in case the process that began it was killed.
func (l *Ledger) startCount(ctx context.Context, owner string) {
	ctx = context.WithoutCancel(ctx)
	row, err := l.Usages.Update(ctx, owner, func(u *Usage) (store.Change, error) {
		if u.isRunning(l.now()) {
			return store.Change{}, store.ErrNoChange
		}
		u.CountFrom, u.CountRunAt, u.Written = l.now().Add(settleTime).Truncate(time.Second), time.Time{}, Amount{}
		return store.Change{}, nil
	})
	if err == nil {
		err = l.Count(ctx, owner, row.Doc.CountFrom)
	}
	if err != nil {
		l.Log.WarnContext(ctx, "passports are not counted, the next write tries again", "owner", owner, "err", err)
	}
}

// CountTime returns the time at which a count can begin.
func CountTime(from time.Time) time.Time { return from.Add(settleTime) }

// RenewCount must be called at the beginning of each run of a count, because a count is
// abandoned after an hour without a run. It reports whether the count is still running.
func (l *Ledger) RenewCount(ctx context.Context, owner string, from time.Time) (running bool, err error) {
	_, err = l.Usages.Update(ctx, owner, func(u *Usage) (store.Change, error) {
		if running = u.CountFrom.Equal(from) && u.isRunning(l.now()); !running {
			return store.Change{}, store.ErrNoChange
		}
		u.CountRunAt = l.now()
		return store.Change{}, nil
	})
	if fault.Is(err, fault.NotFound) {
		return false, nil // somebody has deleted it: the next write starts a count
	}
	return running, err
}

// EndCount stores the result of a count. It changes nothing if the count was abandoned.
func (l *Ledger) EndCount(ctx context.Context, owner string, from time.Time, counted Amount) error {
	_, err := l.Usages.Update(ctx, owner, func(u *Usage) (store.Change, error) {
		if !u.CountFrom.Equal(from) || !u.isRunning(l.now()) {
			return store.Change{}, store.ErrNoChange
		}
		u.Total, u.CountedAt = counted.Plus(u.Written), l.now()
		return store.Change{}, nil
	})
	return err
}

// IsCounting reports whether a count is running that includes a passport deleted at a time.
// Until it ends, the passport must not be removed.
func (l *Ledger) IsCounting(ctx context.Context, owner string, deletedAt time.Time) (bool, error) {
	if l == nil {
		return false, nil
	}
	row, err := l.Usages.Get(ctx, owner)
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return row.Doc.isRunning(l.now()) && !deletedAt.Before(row.Doc.CountFrom), err
}
