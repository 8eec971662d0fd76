package storetest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/outbox"
	"github.com/battery-passport/suite/pkg/store"
)

// Broker is a fake broker that checks the order of the events of each key.
type Broker struct {
	mu     sync.Mutex
	seen   map[string]int64 // key → newest sequence
	events map[string]bool
	Errs   []error
	Fails  bool // every eleventh event is refused, half of these after it was taken
	n      int
}

// Publish implements outbox.Publisher.
func (b *Broker) Publish(_ context.Context, e event.Envelope) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.n++
	refused := b.Fails && b.n%11 == 0
	if refused && b.n%2 == 0 {
		return errors.New("refused")
	}
	if b.seen == nil {
		b.seen, b.events = map[string]int64{}, map[string]bool{}
	}
	if !b.events[e.ID] && e.Sequence != b.seen[e.Key]+1 {
		b.Errs = append(b.Errs, fmt.Errorf("%s: first occurrence of %d after %d", e.Key, e.Sequence, b.seen[e.Key]))
	}
	b.events[e.ID] = true
	b.seen[e.Key] = max(b.seen[e.Key], e.Sequence)
	if refused {
		return errors.New("lost the answer")
	}
	return nil
}

// Newest returns the newest sequence that was published of a key.
func (b *Broker) Newest(key string) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.seen[key]
}

// twoRelays has the writer's relay, with a lease so short that the other one
// takes over all the time, and a broker that fails.
func twoRelays(t *testing.T, db store.DB) {
	cells := store.Open(db, CellSchema())
	broker := &Broker{Fails: true}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	quiet := slog.New(slog.DiscardHandler)
	for range 2 {
		relay := &outbox.Relay{Source: pastDue{cells.Outbox()}, Publisher: broker, Log: quiet, Lease: 5 * time.Millisecond}
		wg.Go(func() {
			if err := relay.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	const each = 30
	ids := []string{newID(), newID(), newID(), newID(), newID(), newID()}
	writeInParallel(t, cells, ids, each)
	waitUntilPublished(t, cells, ids)
	stop()
	wg.Wait()
	for _, err := range broker.Errs {
		t.Error(err)
	}
	for _, id := range ids {
		if got := broker.Newest(id); got != 2*each+1 {
			t.Errorf("%s: published up to %d, want %d", id, got, 2*each+1)
		}
	}
	if broker.n == len(broker.events) {
		t.Error("no event came twice: the two relays did not meet")
	}
}

// writeInParallel has two writers of each aggregate, each of which writes that
// many events.
func writeInParallel(t *testing.T, cells *store.Collection[Cell], ids []string, each int) {
	t.Helper()
	var writers sync.WaitGroup
	for _, id := range ids {
		insert(t, cells, id, Cell{}, counted(id, 0))
		for range 2 {
			writers.Go(func() {
				for range each {
					count(t, cells, id)
				}
			})
		}
	}
	writers.Wait()
}

func waitUntilPublished(t *testing.T, cells *store.Collection[Cell], ids []string) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for left := 1; left > 0; {
		left = 0
		for _, id := range ids {
			left += len(events(t, cells, id))
		}
		select {
		case <-deadline:
			t.Fatalf("%d events still wait", left)
		default:
		}
	}
}

// pastDue shows leases as over, so that relays always find something to take.
type pastDue struct{ outbox.Source }

func (p pastDue) Expired(ctx context.Context, now time.Time, limit int) ([]outbox.Expired, error) {
	return p.Source.Expired(ctx, now.Add(outbox.Lease+time.Duration(rand.N(100))*time.Millisecond), limit)
}

// deletedBesideRelay deletes, without an event, what a relay is at work on.
func deletedBesideRelay(t *testing.T, db store.DB) {
	cells := store.Open(db, CellSchema())
	relay := &outbox.Relay{Source: cells.Outbox(), Publisher: &Broker{}, Log: slog.New(slog.DiscardHandler)}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := relay.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	defer wg.Wait()
	defer stop()
	ids := make([]string, 300)
	for i := range ids {
		ids[i] = newID()
		insert(t, cells, ids[i], Cell{})
		count(t, cells, ids[i])
		if err := cells.Delete(t.Context(), ids[i], 2); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(20 * time.Second)
	left := 0
	for _, id := range ids {
		_, err := cells.Insert(t.Context(), id, Cell{}) // does where nothing is left
		for err != nil && time.Now().Before(deadline) {
			_, err = cells.Insert(t.Context(), id, Cell{})
		}
		if err != nil {
			left++
		}
	}
	if left > 0 {
		t.Errorf("%d of %d that were deleted are still there", left, len(ids))
	}
}
