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
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
)

// Lease is how long the writer of an event has for publishing it before other
// relays take it over.
const Lease = 10 * time.Second

const (
	workers        = 32                   // aggregates whose events are with the broker
	together       = 256                  // aggregates that are read, and events that are acknowledged, at a time
	readLimit      = 512                  // events that are read at a time, and those of one aggregate
	poll           = time.Second          // between two looks for what is past due
	crowded        = 5 * time.Millisecond // the same, where the queue was full
	dueLimit       = 500                  // aggregates taken over at a time
	publishTimeout = 10 * time.Second     // for one event
	grace          = 2 * time.Second      // for what is at hand when Run is told to end
)

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

	read, sent := make(chan aggregate, workers), make(chan receipt, together)
	var g, publishers errgroup.Group
	g.Go(func() error { r.listen(ctx); return nil })
	g.Go(func() error { r.watch(ctx); return nil })
	g.Go(func() error { defer close(read); r.read(ctx, late, read); return nil })
	for range workers {
		publishers.Go(func() error { r.work(late, read, sent); return nil })
	}
	g.Go(func() error { defer close(sent); return publishers.Wait() })
	g.Go(func() error { r.acknowledge(late, sent); return nil })
	return g.Wait()
}

// listen queues what this process writes.
func (r *Relay) listen(ctx context.Context) {
	for {
		select {
		case id := <-r.Source.Notify():
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
		due, err := r.Source.Expired(ctx, now, limit)
		if err != nil {
			return false, err
		}
		all := len(due) < limit
		due = slices.DeleteFunc(due, func(d Expired) bool { return r.queue.has(d.ID) })
		if len(due) > dueLimit {
			due, all = due[:dueLimit], false
		}
		if len(due) > 0 { // it is a write
			taken, err := r.Source.Claim(ctx, due, now.Add(r.Lease))
			for _, id := range taken {
				r.queue.add(id)
			}
			if err != nil {
				return false, err
			}
		}
		if all {
			return false, nil
		}
	}
	return true, nil
}

// aggregate is one whose events are to be published. No aggregate is with two
// workers.
type aggregate struct {
	id     string
	events []event.Envelope
}

// read reads what waits with the aggregates that are queued, many at once where
// many are.
func (r *Relay) read(ctx, late context.Context, to chan<- aggregate) {
	for {
		ids, ok := r.queue.next(ctx, late, together)
		if !ok {
			return
		}
		waiting, failed := r.waiting(late, ids)
		for _, id := range ids {
			events, ok := waiting[id]
			switch {
			case failed[id] != nil:
				r.done(id, fmt.Errorf("read the events of %s: %w", id, failed[id]))
			case ok:
				to <- aggregate{id, events}
			default:
				r.queue.put(id)
			}
		}
	}
}

// waiting reads what waits with aggregates, and tells of which it cannot be read.
// Where that is for what one of them holds, the others are read without it.
func (r *Relay) waiting(ctx context.Context, ids []string) (map[string][]event.Envelope, map[string]error) {
	waiting, err := r.Source.Waiting(ctx, ids, readLimit)
	if err == nil {
		return waiting, nil
	}
	waiting, failed := map[string][]event.Envelope{}, map[string]error{}
	for _, id := range ids {
		if len(ids) == 1 || fault.Is(err, fault.Unavailable) {
			failed[id] = err
			continue
		}
		one, wrong := r.waiting(ctx, []string{id})
		maps.Copy(waiting, one)
		maps.Copy(failed, wrong)
	}
	return waiting, failed
}

// receipt tells what came of an event, or that an aggregate has none.
type receipt struct {
	Published       // Event is empty where nothing was published
	last      bool  // of its aggregate
	err       error // of the last
}

// work publishes what waits with an aggregate, in order, and stops at the first
// event that fails.
func (r *Relay) work(ctx context.Context, from <-chan aggregate, to chan<- receipt) {
	for a := range from {
		if len(a.events) == 0 {
			to <- receipt{Published: Published{ID: a.id}, last: true}
		}
		for i, e := range a.events {
			if err := r.publish(ctx, e); err != nil {
				to <- receipt{Published: Published{ID: a.id}, last: true, err: fmt.Errorf("publish %s %s: %w", e.Type, e.ID, err)}
				break
			}
			to <- receipt{Published: Published{ID: a.id, Event: e.ID}, last: i == len(a.events)-1}
		}
	}
}

// acknowledge has the store forget what was published, as much at once as there
// is, and ends the work on each aggregate.
func (r *Relay) acknowledge(ctx context.Context, from <-chan receipt) {
	failed := map[string]error{} // by aggregate, until its last receipt
	for first := range from {
		receipts := []receipt{first}
		for len(receipts) < together && len(from) > 0 {
			receipts = append(receipts, <-from)
		}
		var events []Published
		for _, p := range receipts {
			if p.Event != "" {
				events = append(events, p.Published)
			}
		}
		if len(events) > 0 {
			if err := r.Source.Acknowledge(ctx, events); err != nil {
				for _, p := range events {
					failed[p.ID] = fmt.Errorf("acknowledge %s of %s: %w", p.Event, p.ID, err)
				}
			}
		}
		for _, p := range receipts {
			if p.last {
				r.done(p.ID, cmp.Or(p.err, failed[p.ID]))
				delete(failed, p.ID)
			}
		}
	}
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
