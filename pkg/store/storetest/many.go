package storetest

import (
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/outbox"
	"github.com/battery-passport/suite/pkg/store"
)

// many reads, takes over and acknowledges what waits with several aggregates.
func many(t *testing.T, db store.DB) {
	cells := store.Open(db, CellSchema())
	source, want := cells.Outbox(), map[string]int{newID(): 3, newID(): 0, newID(): 2, newID(): 1, "unknown": 0}
	var ids []string
	for id, n := range want {
		ids = append(ids, id)
		if id == "unknown" {
			continue
		}
		insert(t, cells, id, Cell{})
		for range n {
			count(t, cells, id)
		}
	}
	found := readAll(t, source, ids, want)
	later := time.Now().Add(2 * outbox.Lease)
	takeOverAllButOne(t, source, later)
	acknowledgeAllButOne(t, cells, found, want)
	if due, err := source.Expired(t.Context(), later.Add(2*time.Hour), 9); err != nil || len(due) != 1 {
		t.Errorf("Due = %v, %v, want the one that has an event left", due, err)
	}
}

// readAll reads the events of all ids. With little room it takes some turns, and
// none of them splits an aggregate.
func readAll(t *testing.T, source outbox.Source, ids []string, want map[string]int) map[string][]event.Envelope {
	t.Helper()
	found := map[string][]event.Envelope{}
	for left, turns := ids, 0; len(left) > 0; turns++ {
		waiting, err := source.Waiting(t.Context(), left, 2)
		if err != nil || len(waiting) == 0 || turns > len(ids) {
			t.Fatalf("Waiting(%v) = %v, %v in turn %d", left, waiting, err, turns)
		}
		if turns == 0 && len(waiting) == len(ids) {
			t.Error("all was read at once, beyond the limit")
		}
		var rest []string
		for _, id := range left {
			events, ok := waiting[id]
			if !ok {
				rest = append(rest, id)
				continue
			}
			if found[id] = events; len(events) != want[id] {
				t.Errorf("%d events of %s, want %d", len(events), id, want[id])
			}
			for i, e := range events {
				if e.Key != id || e.Sequence != int64(i+2) {
					t.Errorf("event %d of %s is %+v", i, id, e)
				}
			}
		}
		left = rest
	}
	return found
}

// takeOverAllButOne takes over what is due at a time, but one that another relay
// has moved.
func takeOverAllButOne(t *testing.T, source outbox.Source, at time.Time) {
	t.Helper()
	due, err := source.Expired(t.Context(), at, 9)
	if err != nil || len(due) != 3 {
		t.Fatalf("Due = %v, %v, want 3", due, err)
	}
	due[1].At = due[1].At.Add(time.Millisecond) // as if another relay had moved it
	taken, err := source.Claim(t.Context(), due, at.Add(time.Hour))
	if err != nil || len(taken) != 2 {
		t.Errorf("TakeOver = %v, %v, want 2", taken, err)
	}
}

// acknowledgeAllButOne acknowledges what was found, but the second of three events.
func acknowledgeAllButOne(t *testing.T, cells *store.Collection[Cell], found map[string][]event.Envelope, want map[string]int) {
	t.Helper()
	var published []outbox.Published
	for id, events := range found {
		for i, e := range events {
			if want[id] != 3 || i != 1 {
				published = append(published, outbox.Published{ID: id, Event: e.ID})
			}
		}
	}
	if err := cells.Outbox().Acknowledge(t.Context(), published); err != nil {
		t.Fatal(err)
	}
	for id, n := range want {
		left := events(t, cells, id)
		if n == 3 && (len(left) != 1 || left[0].ID != found[id][1].ID) || n != 3 && len(left) > 0 {
			t.Errorf("of %d events of %s there are %v left", n, id, left)
		}
	}
}
