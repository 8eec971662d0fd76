package audit

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

const (
	flushInterval = 2 * time.Second
	flushTimeout  = 5 * time.Second
	maxAddresses  = 10 // of one entry
)

// Count records a login or logout of an account, or of none if account is empty. There is
// one entry for each account, action and hour, so that an attacker cannot fill the store.
// Run and Flush store it: a process that is killed loses the counts of two seconds.
func (l *Log) Count(ctx context.Context, action Action, account string) {
	l.add(l.counted(ctx, action, account))
}

// CountClient records a request for a token of an API client, or of none if client is empty,
// like Count.
func (l *Log) CountClient(ctx context.Context, action Action, client string) {
	e := l.counted(ctx, action, "")
	e.Client = client
	l.add(e)
}

// CountNow is like Count, and stores the entry before it returns, if the store responds. It
// does not store other pending entries, because each login would then have to wait for all
// failed ones.
func (l *Log) CountNow(ctx context.Context, action Action, account string) {
	l.storeOrAdd(ctx, l.counted(ctx, action, account))
}

func (l *Log) counted(ctx context.Context, action Action, account string) Entry {
	e := l.complete(ctx, Entry{Account: account, Action: action})
	e.By, e.Count, e.LastAt = "", 1, e.At
	if e.From != "" {
		e.Addresses = []string{e.From}
	}
	return e
}

// storeOrAdd stores a counted entry, or adds it to the pending ones if that fails.
func (l *Log) storeOrAdd(ctx context.Context, e Entry) {
	if err := l.store(ctx, e); err != nil {
		l.Log.WarnContext(ctx, "logins not counted yet, will retry", "entry", e.countID(), "err", err)
		l.add(e)
	}
}

// add merges a counted entry into the pending ones.
func (l *Log) add(e Entry) {
	id := e.countID()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pending == nil {
		l.pending = map[string]Entry{}
	}
	if p, ok := l.pending[id]; ok {
		p.merge(e)
		e = p
	}
	l.pending[id] = e
}

// countID returns the key of a counted entry.
func (e Entry) countID() string {
	return fmt.Sprintf("%s/%s/%d", e.Action, cmp.Or(e.Account, e.Client), e.At.Truncate(time.Hour).Unix())
}

// merge adds the counts of another entry of the same account, action and hour.
func (e *Entry) merge(o Entry) {
	e.Count += o.Count
	addresses := slices.Concat(e.Addresses, o.Addresses)
	if o.LastAt.Before(e.LastAt) {
		addresses = slices.Concat(o.Addresses, e.Addresses)
	} else {
		e.LastAt, e.From, e.RequestID = o.LastAt, o.From, o.RequestID
	}
	e.Addresses = lastDistinct(addresses)
}

// lastDistinct returns the last maxAddresses different addresses, in order.
func lastDistinct(addresses []string) (last []string) {
	for _, a := range slices.Backward(addresses) {
		if len(last) < maxAddresses && !slices.Contains(last, a) {
			last = append(last, a)
		}
	}
	slices.Reverse(last)
	return last
}

// Flush stores the pending entries. Those that cannot be stored stay pending.
func (l *Log) Flush(ctx context.Context) {
	l.mu.Lock()
	pending := l.pending
	l.pending = nil
	l.mu.Unlock()
	for _, e := range pending {
		l.storeOrAdd(ctx, e)
	}
}

// store adds a counted entry to the stored one of the same account, action and hour.
func (l *Log) store(ctx context.Context, e Entry) error {
	for {
		_, err := l.Entries.Update(ctx, e.countID(), func(stored *Entry) (store.Change, error) {
			stored.merge(e)
			return store.Change{}, nil
		})
		if !fault.Is(err, fault.NotFound) {
			return err
		}
		if _, err = l.Entries.Insert(ctx, e.countID(), e); !fault.Is(err, fault.Conflict) {
			return err
		}
	}
}

// Run stores counted entries every two seconds until ctx is done, and then once more.
func (l *Log) Run(ctx context.Context) error {
	tick := time.NewTicker(flushInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			l.Flush(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
			defer cancel()
			l.Flush(last)
			return nil
		}
	}
}
