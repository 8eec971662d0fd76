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
	"github.com/battery-passport/suite/pkg/waittest"
)

// Broker is a fake broker that checks the order of the events of each key.
type Broker struct {
	mu     sync.Mutex
	newest map[string]int64 // key → newest sequence
	events map[string]bool  // ids
	Errs   []error          // events out of order
	Fails  bool             // every eleventh event returns an error; half of these are published
	n      int
}

// Publish implements outbox.Publisher.
func (b *Broker) Publish(_ context.Context, e event.Envelope) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.n++
	fails := b.Fails && b.n%11 == 0
	if fails && b.n%2 == 0 {
		return errors.New("not published")
	}
	if b.newest == nil {
		b.newest, b.events = map[string]int64{}, map[string]bool{}
	}
	if !b.events[e.ID] && e.Sequence != b.newest[e.Key]+1 {
		b.Errs = append(b.Errs, fmt.Errorf("%s: first occurrence of sequence %d after %d", e.Key, e.Sequence, b.newest[e.Key]))
	}
	b.events[e.ID] = true
	b.newest[e.Key] = max(b.newest[e.Key], e.Sequence)
	if fails {
		return errors.New("response lost")
	}
	return nil
}

// Newest returns the newest published sequence of a key.
func (b *Broker) Newest(key string) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.newest[key]
}

// twoRelays runs two relays, with a lease so short that they often claim each other's
// aggregates, and a broker that fails.
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
			t.Errorf("%s: published up to sequence %d, want %d", id, got, 2*each+1)
		}
	}
	if broker.n == len(broker.events) {
		t.Error("no event was published twice, want both relays to publish some")
	}
}

// writeInParallel runs two writers per aggregate. Each writes that many events.
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
	waittest.Success(t, "events", func() error {
		waiting := 0
		for _, id := range ids {
			waiting += len(events(t, cells, id))
		}
		if waiting > 0 {
			return fmt.Errorf("%d are not published", waiting)
		}
		return nil
	})
}

// pastDue treats all leases as expired, so that relays always find aggregates to
// claim.
type pastDue struct{ outbox.Source }

func (p pastDue) Expired(ctx context.Context, now time.Time, limit int) ([]outbox.ExpiredLease, error) {
	return p.Source.Expired(ctx, now.Add(outbox.Lease+time.Duration(rand.N(100))*time.Millisecond), limit)
}

// deletedDuringRelay deletes aggregates, without an event, while a relay publishes
// their events.
func deletedDuringRelay(t *testing.T, db store.DB) {
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
	for _, id := range ids {
		waittest.Success(t, "Insert after the removal", func() error {
			_, err := cells.Insert(t.Context(), id, Cell{})
			return err
		})
	}
}
