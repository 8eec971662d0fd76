// Package outbox publishes the events that were stored with their aggregates: each
// event at least once, and in order per aggregate.
//
// A write stores its events with the aggregate, together with a lease, and notifies
// the relay of its own process, which publishes them from memory. If earlier events of the
// aggregate are still waiting, it reads all of them from the store. When the lease expires
// (the writer has crashed or is too slow), any relay may claim the aggregate by extending
// the lease; its writer then no longer publishes it from memory. An acknowledgement names
// the event, so it is valid no matter which relay sends it.
//
// Two relays may therefore publish an event twice: if the lease expires while the first one
// is publishing, or has read the events but not published them. But each relay publishes the
// events of an aggregate in their order and stops at the first failure, so the first
// deliveries are complete and in order.
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
	"golang.org/x/sync/semaphore"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
)

// Lease is the time that the writer of an event has to publish it before other relays
// may claim it.
const Lease = 10 * time.Second

const (
	workers           = 256                  // aggregates that are published concurrently; the publisher batches their events
	batchSize         = 256                  // aggregates per read, and events per acknowledgement
	readLimit         = 512                  // events per read; the last aggregate is always read completely
	maxBytes          = 64 << 20             // data of the events that are published; those of one read and 2*queueBytes may be in memory, too
	claimInterval     = time.Second          // between two searches for expired leases
	fullQueueInterval = 5 * time.Millisecond // the same while the queue is full
	claimLimit        = 500                  // aggregates per claim
	publishTimeout    = 10 * time.Second     // per event
	gracePeriod       = 2 * time.Second      // for queued events after the context of Run is done
)

// Publisher sends events to a broker. Publish returns when the broker has stored the
// event. After an error the broker may or may not have stored it.
type Publisher interface {
	Publish(ctx context.Context, e event.Envelope) error
}

// Relay publishes the events of one Source.
type Relay struct {
	Source    Source
	Publisher Publisher
	Log       *slog.Logger
	Lease     time.Duration // the constant Lease if zero

	queue   *queue
	memory  *semaphore.Weighted // bytes
	mu      sync.Mutex
	failing bool
}

// Run publishes events until ctx is done. Then it publishes the queued events for at
// most two more seconds and returns nil. The other events stay in the store.
func (r *Relay) Run(ctx context.Context) error {
	if r.Lease == 0 {
		r.Lease = Lease
	}
	r.queue, r.memory = newQueue(), semaphore.NewWeighted(maxBytes)
	drain, stop := context.WithCancel(context.WithoutCancel(ctx)) // done one grace period after ctx
	defer stop()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(gracePeriod, stop) })()

	aggregates, results := make(chan Aggregate), make(chan result, batchSize)
	var g, publishers errgroup.Group
	g.Go(func() error { r.enqueueWritten(ctx); return nil })
	g.Go(func() error { r.enqueueExpired(ctx); return nil })
	g.Go(func() error { defer close(aggregates); r.read(ctx, drain, aggregates); return nil })
	for range workers {
		publishers.Go(func() error { r.publishAll(drain, aggregates, results); return nil })
	}
	g.Go(func() error { defer close(results); return publishers.Wait() })
	g.Go(func() error { r.acknowledge(drain, results); return nil })
	return g.Wait()
}

// enqueueWritten queues the aggregates that this process writes.
func (r *Relay) enqueueWritten(ctx context.Context) {
	for {
		select {
		case a := <-r.Source.Notify():
			r.queue.add(a)
		case <-ctx.Done():
			return
		}
	}
}

// enqueueExpired claims and queues aggregates whose lease has expired.
func (r *Relay) enqueueExpired(ctx context.Context) {
	for failing := false; ; {
		more, err := r.claim(ctx)
		switch {
		case err != nil && !failing && ctx.Err() == nil:
			failing = true
			r.Log.WarnContext(ctx, "outbox not read, will retry", "err", err)
		case err == nil && failing:
			failing = false
			r.Log.InfoContext(ctx, "reading of the outbox resumed")
		}
		wait := min(claimInterval, r.Lease)
		if more {
			wait = fullQueueInterval
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// claim claims expired aggregates while the queue has room, and reports whether more
// may be left. It skips aggregates in the queue: during an outage of the broker a
// relay would otherwise extend the same leases over and over.
func (r *Relay) claim(ctx context.Context) (more bool, err error) {
	for r.queue.hasRoom() {
		now, limit := time.Now(), claimLimit+r.queue.size() // the skipped ones must not displace others
		expired, err := r.Source.Expired(ctx, now, limit)
		if err != nil {
			return false, err
		}
		all := len(expired) < limit
		expired = slices.DeleteFunc(expired, func(e ExpiredLease) bool { return r.queue.has(e.ID) })
		if len(expired) > claimLimit {
			expired, all = expired[:claimLimit], false
		}
		if len(expired) > 0 {
			claimed, err := r.Source.Claim(ctx, expired, now.Add(r.Lease))
			for _, id := range claimed {
				r.queue.add(Aggregate{ID: id})
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

// read passes queued aggregates on. It reads their waiting events in batches, unless the writer
// has sent them, and waits while the events in memory exceed maxBytes.
func (r *Relay) read(ctx, drain context.Context, to chan<- Aggregate) {
	for {
		batch, ok := r.queue.next(ctx, drain, batchSize)
		if !ok {
			return
		}
		var ids []string
		for _, a := range batch {
			if a.Events == nil {
				ids = append(ids, a.ID)
			}
		}
		waiting, failed := r.waiting(drain, ids)
		for _, a := range batch {
			ok := a.Events != nil
			if !ok {
				a.Lease = time.Time{}
				a.Events, ok = waiting[a.ID]
			}
			switch {
			case failed[a.ID] != nil:
				r.done(a.ID, fmt.Errorf("read the events of %s: %w", a.ID, failed[a.ID]))
			case ok:
				_ = r.memory.Acquire(context.WithoutCancel(drain), a.bytes()) // after drain, publishing fails at once and releases
				to <- a
			default: // left out because of readLimit
				r.queue.putBack(a.ID)
			}
		}
	}
}

// waiting returns the waiting events or an error for each aggregate. If a batch fails
// because of one aggregate, the aggregates are read one by one.
func (r *Relay) waiting(ctx context.Context, ids []string) (map[string][]event.Envelope, map[string]error) {
	if len(ids) == 0 {
		return nil, nil
	}
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
		events, errs := r.waiting(ctx, []string{id})
		maps.Copy(waiting, events)
		maps.Copy(failed, errs)
	}
	return waiting, failed
}

// result is the outcome of publishing one event, or of an aggregate without events.
type result struct {
	Published       // Event is empty if nothing was published
	last      bool  // the last result of the aggregate
	err       error // only in the last result
}

// publishAll publishes the events of aggregates in order. It stops at the first event
// of an aggregate that fails.
func (r *Relay) publishAll(ctx context.Context, from <-chan Aggregate, to chan<- result) {
	for a := range from {
		if a.isExpired() { // while it waited: its events must be read
			r.memory.Release(a.bytes())
			r.queue.putBack(a.ID)
			continue
		}
		if len(a.Events) == 0 {
			to <- result{Published: Published{ID: a.ID}, last: true}
		}
		for i, e := range a.Events {
			if err := r.publish(ctx, e); err != nil {
				to <- result{Published: Published{ID: a.ID}, last: true, err: fmt.Errorf("publish %s %s: %w", e.Type, e.ID, err)}
				break
			}
			to <- result{Published: Published{ID: a.ID, Event: e.ID}, last: i == len(a.Events)-1}
		}
		r.memory.Release(a.bytes())
	}
}

// acknowledge removes published events from the store in batches, and ends the job of
// each aggregate after its last result.
func (r *Relay) acknowledge(ctx context.Context, from <-chan result) {
	failed := map[string]error{} // by aggregate, until its last result
	for first := range from {
		results := []result{first}
		for len(results) < batchSize && len(from) > 0 {
			results = append(results, <-from)
		}
		var events []Published
		for _, p := range results {
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
		for _, p := range results {
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

// done ends a job. It logs the first failure and the end of all failures, not each
// attempt.
func (r *Relay) done(id string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	failing := r.queue.done(id, err != nil) > 0
	switch {
	case failing && !r.failing:
		r.Log.Warn("events not published, will retry", "err", err)
	case !failing && r.failing:
		r.Log.Info("publishing of events resumed")
	}
	r.failing = failing
}
