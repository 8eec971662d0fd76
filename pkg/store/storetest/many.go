package storetest

import (
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/outbox"
	"github.com/battery-passport/suite/pkg/store"
)

// many reads, claims and acknowledges the events of several aggregates at once.
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
	claimAllButOne(t, source, later)
	acknowledgeAllButOne(t, cells, found, want)
	if expired, err := source.Expired(t.Context(), later.Add(2*time.Hour), 9); err != nil || len(expired) != 1 {
		t.Errorf("Expired = %v, %v, want the aggregate with a waiting event", expired, err)
	}
}

// readAll reads the events of all ids. Because of the low limit this takes several
// calls, which never split an aggregate.
func readAll(t *testing.T, source outbox.Source, ids []string, want map[string]int) map[string][]event.Envelope {
	t.Helper()
	found := map[string][]event.Envelope{}
	for remaining, calls := ids, 0; len(remaining) > 0; calls++ {
		waiting, err := source.Waiting(t.Context(), remaining, 2)
		if err != nil || len(waiting) == 0 || calls > len(ids) {
			t.Fatalf("Waiting(%v) = %v, %v in call %d", remaining, waiting, err, calls)
		}
		if calls == 0 && len(waiting) == len(ids) {
			t.Error("the first call returned all aggregates, want fewer because of the limit")
		}
		var rest []string
		for _, id := range remaining {
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
					t.Errorf("event %d of %s is %+v, want sequence %d", i, id, e, i+2)
				}
			}
		}
		remaining = rest
	}
	return found
}

// claimAllButOne claims three expired aggregates. Another relay has claimed one of
// them first.
func claimAllButOne(t *testing.T, source outbox.Source, at time.Time) {
	t.Helper()
	expired, err := source.Expired(t.Context(), at, 9)
	if err != nil || len(expired) != 3 {
		t.Fatalf("Expired = %v, %v, want 3", expired, err)
	}
	expired[1].At = expired[1].At.Add(time.Millisecond) // as if another relay had claimed it
	claimed, err := source.Claim(t.Context(), expired, at.Add(time.Hour))
	if err != nil || len(claimed) != 2 {
		t.Errorf("Claim = %v, %v, want 2", claimed, err)
	}
}

// acknowledgeAllButOne acknowledges the events found, except the second of three.
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
		rest := events(t, cells, id)
		if n == 3 && (len(rest) != 1 || rest[0].ID != found[id][1].ID) || n != 3 && len(rest) > 0 {
			t.Errorf("of %d events of %s, %v wait, want the second of three only", n, id, rest)
		}
	}
}
