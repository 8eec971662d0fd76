package outbox_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/outbox"
	"github.com/battery-passport/suite/pkg/store"
)

// largeEvents has as many events of 16 KiB for each aggregate as may wait, and counts the bytes
// that were read.
type largeEvents struct {
	outbox.Source
	read atomic.Int64
}

func (l *largeEvents) Waiting(ctx context.Context, ids []string, limit int) (map[string][]event.Envelope, error) {
	waiting, err := l.Source.Waiting(ctx, ids[:min(len(ids), limit/store.MaxWaiting)], limit)
	for id, events := range waiting {
		events[0].Data = make([]byte, 16<<10)
		waiting[id] = slices.Repeat(events, store.MaxWaiting) // they share their data, so that the test needs little memory
		l.read.Add(int64(store.MaxWaiting * len(events[0].Data)))
	}
	return waiting, err
}

// TestEventsInMemoryAreLimited: after an outage of the broker, 160 MiB of events wait. The relay
// reads at most 64 MiB and the two aggregates of one read more while none is published, and
// publishes all of them afterwards.
func TestEventsInMemoryAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cells, published, begin := open(t), atomic.Int64{}, make(chan struct{})
		const aggregates = 40
		for i := range aggregates {
			insert(t, cells, fmt.Sprint(i))
		}
		source := &largeEvents{Source: onlyExpired{cells.Outbox()}}
		stop := start(t, &outbox.Relay{Source: source, Publisher: publisherFunc(func() { <-begin; published.Add(1) })})
		synctest.Wait()
		if mib := source.read.Load() >> 20; mib < 64 || mib > 64+2*4 {
			t.Errorf("%d MiB were read, want 64 to 72", mib)
		}
		close(begin)
		synctest.Wait()
		if published.Load() != aggregates*store.MaxWaiting {
			t.Errorf("%d events published, want %d", published.Load(), aggregates*store.MaxWaiting)
		}
		stop()
	})
}

// TestNotifiedEventsInMemoryAreLimited: 160 MiB of events are written while the broker is down. At
// most 64 MiB and twice the size of the queue are published from memory; the others are read.
func TestNotifiedEventsInMemoryAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cells, published, begin := open(t), atomic.Int64{}, make(chan struct{})
		notifications := make(chan outbox.Aggregate)
		source := &largeEvents{Source: notified{onlyNotified{cells.Outbox()}, notifications}}
		stop := start(t, &outbox.Relay{Source: source, Publisher: publisherFunc(func() { <-begin; published.Add(1) })})
		const aggregates = 40
		for i := range aggregates {
			id := fmt.Sprint(i)
			insert(t, cells, id)
			a := receive(t, cells.Outbox().Notify(), "notification")
			a.Events[0].Data = make([]byte, 16<<10)
			a.Events = slices.Repeat(a.Events, store.MaxWaiting)
			notifications <- a
			synctest.Wait()
		}
		close(begin)
		synctest.Wait()
		if published.Load() != aggregates*store.MaxWaiting {
			t.Errorf("%d events published, want %d", published.Load(), aggregates*store.MaxWaiting)
		}
		if mib := aggregates*4 - source.read.Load()>>20; mib < 64 || mib > 64+2*8 {
			t.Errorf("%d MiB were published from memory, want 64 to 80", mib)
		}
		stop()
	})
}

type publisherFunc func()

func (f publisherFunc) Publish(context.Context, event.Envelope) error { f(); return nil }
