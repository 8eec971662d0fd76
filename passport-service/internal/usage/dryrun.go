package usage

import (
	"context"
	"maps"
	"sync"
)

// Counter counts writes. Its methods are those of Ledger.
type Counter interface {
	Check(ctx context.Context, w Write) error
	Reserve(ctx context.Context, w Write) error
	Add(ctx context.Context, w Write) error
	Release(ctx context.Context, w Write)
}

// DryRun is a Counter that fails like its Ledger, but adds nothing to it. It is safe for
// concurrent use.
type DryRun struct {
	Ledger *Ledger

	mu      sync.Mutex
	written map[string]Amount // by owner
}

// Check implements Counter.
func (d *DryRun) Check(ctx context.Context, w Write) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.Ledger.check(ctx, w, d.written[w.Owner])
}

// Reserve implements Counter.
func (d *DryRun) Reserve(ctx context.Context, w Write) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.Ledger.check(ctx, w, d.written[w.Owner]); err != nil {
		return err
	}
	d.add(w)
	return nil
}

// Add implements Counter. It always succeeds.
func (d *DryRun) Add(_ context.Context, w Write) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.add(w)
	return nil
}

// Release implements Counter.
func (d *DryRun) Release(ctx context.Context, w Write) {
	w.Amount = Amount{}.Minus(w.Amount)
	d.Add(ctx, w)
}

func (d *DryRun) add(w Write) {
	if d.written == nil {
		d.written = map[string]Amount{}
	}
	d.written[w.Owner] = d.written[w.Owner].Plus(w.Amount)
}

// Savepoint returns a function that discards all later writes.
func (d *DryRun) Savepoint() (rollback func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	written := maps.Clone(d.written)
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.written = written
	}
}
