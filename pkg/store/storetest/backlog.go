package storetest

import (
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/store"
)

// backlog holds what those who watch over the suite are told.
func backlog(t *testing.T, db store.DB) {
	cells := store.Open(db, CellSchema())
	want := func(when string, events int, oldest time.Time) {
		t.Helper()
		b, err := cells.Outbox().Backlog(t.Context())
		if err != nil || b.Events != events || !b.Oldest.Equal(oldest) {
			t.Errorf("%s: Backlog = %+v, %v, want %d events, the oldest of %v", when, b, err, events, oldest)
		}
	}
	want("at first", 0, time.Time{})
	told := func(id string, on int) event.Envelope {
		return event.New("/storetest", id, day(on), Counted{Count: on})
	}
	first, second, third := told("a", 3), told("b", 1), told("b", 2)
	insert(t, cells, "a", Cell{Made: day(0)}, first)
	insert(t, cells, "b", Cell{Made: day(0)}, second, third)
	insert(t, cells, "c", Cell{Made: day(0)})
	want("of two", 3, day(1))
	for _, e := range []event.Envelope{second, third} {
		if err := acknowledge(t, cells, "b", e); err != nil {
			t.Fatal(err)
		}
	}
	want("of one", 1, day(3))
	if err := acknowledge(t, cells, "a", first); err != nil {
		t.Fatal(err)
	}
	want("at last", 0, time.Time{})
}
