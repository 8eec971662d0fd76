package storetest

import (
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/store"
)

// backlog checks the number of waiting events and the time of the oldest.
func backlog(t *testing.T, db store.DB) {
	cells := store.Open(db, CellSchema())
	want := func(when string, events int, oldest time.Time) {
		t.Helper()
		b, err := cells.Outbox().Backlog(t.Context())
		if err != nil || b.Events != events || !b.Oldest.Equal(oldest) {
			t.Errorf("%s: Backlog = %+v, %v, want %d events, the oldest of %v", when, b, err, events, oldest)
		}
	}
	want("before the first event", 0, time.Time{})
	newEvent := func(id string, n int) event.Envelope {
		return event.New("/storetest", id, day(n), Counted{Count: n})
	}
	first, second, third := newEvent("a", 3), newEvent("b", 1), newEvent("b", 2)
	insert(t, cells, "a", Cell{Made: day(0)}, first)
	insert(t, cells, "b", Cell{Made: day(0)}, second, third)
	insert(t, cells, "c", Cell{Made: day(0)})
	want("two aggregates", 3, day(1))
	for _, e := range []event.Envelope{second, third} {
		if err := acknowledge(t, cells, "b", e); err != nil {
			t.Fatal(err)
		}
	}
	want("one aggregate", 1, day(3))
	if err := acknowledge(t, cells, "a", first); err != nil {
		t.Fatal(err)
	}
	want("after the last event", 0, time.Time{})
}
