package outbox

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/pkg/event"
)

// TestQueuedAggregateIsNotQueuedTwice adds a twice and b once: the events of a are then unknown.
// After a failure, those of b are, too.
func TestQueuedAggregateIsNotQueuedTwice(t *testing.T) {
	q, events := newQueue(), []event.Envelope{{ID: "1"}}
	for _, id := range []string{"a", "b", "a"} {
		q.add(Aggregate{ID: id, Events: events})
	}
	batch, _ := q.next(t.Context(), t.Context(), 9)
	if diff := cmp.Diff([]Aggregate{{ID: "a"}, {ID: "b", Events: events}}, batch); diff != "" {
		t.Errorf("next (-want +got)\n%s", diff)
	}
	q.add(Aggregate{ID: "a", Events: events}) // while it runs
	q.done("a", false)
	q.done("b", true)
	for _, want := range []string{"a", "b"} {
		if batch, _ := q.next(t.Context(), t.Context(), 1); len(batch) != 1 || batch[0].ID != want || batch[0].Events != nil {
			t.Errorf("next = %v, want %s without events", batch, want)
		}
	}
}

func TestBackoffIsCapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		q.add(Aggregate{ID: "a"})
		var backoff time.Duration
		for range 70 {
			start := time.Now()
			q.next(t.Context(), t.Context(), 1)
			if backoff = time.Since(start); backoff > maxBackoff {
				t.Fatalf("backoff of %v, want at most %v", backoff, maxBackoff)
			}
			q.done("a", true)
		}
		if backoff < maxBackoff/2 {
			t.Errorf("last backoff is %v, want at least %v", backoff, maxBackoff/2)
		}
		q.next(t.Context(), t.Context(), 1) // no timer is left
	})
}

// TestFullChannelHasFewEvents: while no relay receives, further notifications have no events, and
// the last ones are dropped.
func TestFullChannelHasFewEvents(t *testing.T) {
	n, withEvents := NewNotifications(), 0
	for range 2 * cap(n) {
		n.Send(Aggregate{Events: []event.Envelope{{ID: "1"}}})
	}
	close(n)
	for a := range n {
		withEvents += len(a.Events)
	}
	if withEvents != notifiedEvents {
		t.Errorf("%d notifications have events, want %d", withEvents, notifiedEvents)
	}
}

// TestFullQueueHasNoEvents adds twice as many bytes as fit: later aggregates have no events until
// others leave the queue.
func TestFullQueueHasNoEvents(t *testing.T) {
	q, mib := newQueue(), []event.Envelope{{Data: make([]byte, 1<<20)}}
	for round := range 2 {
		const n = 2 * queueBytes >> 20
		for i := range n {
			q.add(Aggregate{ID: string(rune('a' + i)), Events: mib})
		}
		batch, _ := q.next(t.Context(), t.Context(), n)
		for i, a := range batch {
			if got, want := a.Events != nil, i < n/2; got != want {
				t.Errorf("round %d: aggregate %d has events: %t, want %t", round, i, got, want)
			}
			q.done(a.ID, false)
		}
	}
}
