// Package outbox carries events from the store they were written to, to the
// broker: each at least once, and in order per aggregate.
//
// A write leaves its events with the aggregate and a due time one lease ahead,
// and wakes the relay of its own process, which publishes without asking
// anybody. What is past its due time (the writer died, or is too slow) is
// taken over by any relay that moves the due time first. An acknowledgement
// names the event, so it is true whoever gives it. Two relays may therefore
// publish an event twice, but each goes through the events of an aggregate in
// their order and stops at the first the broker does not take: the first
// occurrences are complete and in order.
package outbox

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/battery-passport/suite/pkg/event"
)

// Lease is how long the writer of an event has for publishing it before other
// relays take it over.
const Lease = 10 * time.Second

const (
	workers        = 32
	poll           = time.Second          // between two looks for what is past due
	crowded        = 5 * time.Millisecond // the same, where the queue was full
	dueLimit       = 100                  // aggregates taken over at a time
	publishTimeout = 10 * time.Second     // for one event
	grace          = 2 * time.Second      // for what is at hand when Run is told to end
)

// Due is an aggregate whose events were to be published by now.
type Due struct {
	ID string
	At time.Time // its due time, as it is stored
}

// MaxBacklog is how many aggregates a Backlog looks at.
const MaxBacklog = 1000

// Backlog is what waits to be published.
type Backlog struct {
	Events int       // of MaxBacklog aggregates at most
	Oldest time.Time // when the oldest of them happened
}

// Source is the store's side of a relay. All methods are safe for concurrent
// use and fail with fault.Unavailable when the store does not answer.
type Source interface {
	// Written gives the ids of aggregates that this process wrote events to.
	// It is a hint: an id may be missing when many are written at once.
	Written() <-chan string
	// Waiting returns the events of an aggregate, oldest first.
	Waiting(ctx context.Context, id string) ([]event.Envelope, error)
	// Acknowledge removes an event that the broker has. It is no error when the
	// event is gone.
	Acknowledge(ctx context.Context, id, eventID string) error
	// Due returns up to limit aggregates that were due before now.
	Due(ctx context.Context, now time.Time, limit int) ([]Due, error)
	// Backlog looks at what waits, for those who watch over the suite.
	Backlog(ctx context.Context) (Backlog, error)
	// TakeOver moves the due time to until and tells whether it did: not when
	// somebody else moved it, or when nothing waits any more.
	TakeOver(ctx context.Context, due Due, until time.Time) (bool, error)
}

// Publisher hands an event to a broker and returns when the broker has it. An
// error means that it may or may not have it.
type Publisher interface {
	Publish(ctx context.Context, e event.Envelope) error
}

// Relay publishes the events of one Source.
type Relay struct {
	Source    Source
	Publisher Publisher
	Log       *slog.Logger
	Lease     time.Duration // Lease where it is zero

	queue   *queue
	mu      sync.Mutex
	failing bool
}

// Run publishes until ctx is done; then it finishes what is at hand, for two
// seconds at most, and returns nil. What is left waits in the store.
func (r *Relay) Run(ctx context.Context) error {
	if r.Lease == 0 {
		r.Lease = Lease
	}
	r.queue = newQueue()
	late, stop := context.WithCancel(context.WithoutCancel(ctx)) // ends a grace after ctx
	defer stop()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(grace, stop) })()

	var g errgroup.Group
	g.Go(func() error { r.listen(ctx); return nil })
	g.Go(func() error { r.watch(ctx); return nil })
	for range workers {
		g.Go(func() error { r.work(ctx, late); return nil })
	}
	return g.Wait()
}

// listen queues what this process writes.
func (r *Relay) listen(ctx context.Context) {
	for {
		select {
		case id := <-r.Source.Written():
			r.queue.add(id)
		case <-ctx.Done():
			return
		}
	}
}

// watch takes over what is past due.
func (r *Relay) watch(ctx context.Context) {
	for away := false; ; {
		more, err := r.takeOver(ctx)
		switch {
		case err != nil && !away && ctx.Err() == nil:
			away = true
			r.Log.WarnContext(ctx, "outbox cannot be read", "err", err)
		case err == nil && away:
			away = false
			r.Log.InfoContext(ctx, "outbox can be read again")
		}
		wait := min(poll, r.Lease)
		if more {
			wait = crowded
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// takeOver tells whether there may be more, for which the queue has no room. It
// leaves what is queued here as it is: to move its due time again and again would
// be all that a relay does while the broker is away.
func (r *Relay) takeOver(ctx context.Context) (more bool, err error) {
	for r.queue.room() {
		now, limit := time.Now(), dueLimit+r.queue.size() // queued ones hide nobody
		due, err := r.Source.Due(ctx, now, limit)
		if err != nil {
			return false, err
		}
		if err := r.takeAll(ctx, due, now.Add(r.Lease)); err != nil {
			return false, err
		}
		if len(due) < limit {
			return false, nil
		}
	}
	return true, nil
}

// takeAll takes over what is not queued here, some at a time: a store may write
// what comes together with one wait for its disk.
func (r *Relay) takeAll(ctx context.Context, all []Due, until time.Time) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(workers)
	for _, d := range all {
		if r.queue.has(d.ID) {
			continue
		}
		g.Go(func() error {
			ok, err := r.Source.TakeOver(ctx, d, until)
			if ok {
				r.queue.add(d.ID)
			}
			return err
		})
	}
	return g.Wait()
}

// work publishes aggregate by aggregate. No aggregate is with two workers.
func (r *Relay) work(ctx, late context.Context) {
	for {
		id, ok := r.queue.next(ctx, late)
		if !ok {
			return
		}
		r.done(id, r.drain(late, id))
	}
}

// drain publishes what waits with an aggregate, in order, and stops at the
// first event that fails.
func (r *Relay) drain(ctx context.Context, id string) error {
	waiting, err := r.Source.Waiting(ctx, id)
	if err != nil {
		return fmt.Errorf("read the events of %s: %w", id, err)
	}
	for _, e := range waiting {
		if err := r.publish(ctx, e); err != nil {
			return fmt.Errorf("publish %s %s: %w", e.Type, e.ID, err)
		}
		if err := r.Source.Acknowledge(ctx, id, e.ID); err != nil {
			return fmt.Errorf("acknowledge %s %s: %w", e.Type, e.ID, err)
		}
	}
	return nil
}

func (r *Relay) publish(ctx context.Context, e event.Envelope) error {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	return r.Publisher.Publish(ctx, e)
}

// done logs when the first aggregate begins to fail and when none fails any
// more, not each attempt between.
func (r *Relay) done(id string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	failing := r.queue.done(id, err != nil) > 0
	switch {
	case failing && !r.failing:
		r.Log.Warn("events wait", "err", err)
	case !failing && r.failing:
		r.Log.Info("events go out again")
	}
	r.failing = failing
}
