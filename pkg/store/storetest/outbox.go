package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/outbox"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// count increments the count of a cell, with an event.
func count(t *testing.T, cells *store.Collection[Cell], id string) {
	t.Helper()
	if _, err := cells.Update(t.Context(), id, func(c *Cell) (store.Change, error) {
		c.Count++
		return store.Change{Events: []event.Envelope{counted(id, c.Count)}}, nil
	}); err != nil {
		t.Fatalf("Update(%s) = %v", id, err)
	}
}

// WaitingEvents returns the events of an aggregate that are not acknowledged.
func WaitingEvents(t testing.TB, source outbox.Source, id string) []event.Envelope {
	t.Helper()
	waiting, err := source.Waiting(t.Context(), []string{id}, 1)
	if _, ok := waiting[id]; err != nil || !ok {
		t.Fatalf("Waiting(%s) = %v, %v", id, waiting, err)
	}
	return waiting[id]
}

func events(t *testing.T, cells *store.Collection[Cell], id string) []event.Envelope {
	t.Helper()
	return WaitingEvents(t, cells.Outbox(), id)
}

func acknowledge(t *testing.T, cells *store.Collection[Cell], id string, events ...event.Envelope) error {
	var published []outbox.Published
	for _, e := range events {
		published = append(published, outbox.Published{ID: id, Event: e.ID})
	}
	return cells.Outbox().Acknowledge(t.Context(), published)
}

func waiting(t *testing.T, db store.DB) {
	cells, id := store.Open(db, CellSchema()), newID()
	first := counted(id, 0)
	insert(t, cells, id, Cell{}, first)
	first.Sequence = 1
	wantNotified(t, cells, id, first)
	count(t, cells, id)
	count(t, cells, id)
	if _, err := cells.Update(t.Context(), id, func(c *Cell) (store.Change, error) { c.Count++; return store.Change{}, nil }); err != nil {
		t.Error(err)
	}
	got := events(t, cells, id)
	if len(got) != 3 || got[1].Sequence != 2 || got[2].Sequence != 3 {
		t.Fatalf("waiting events %+v, want sequences 1, 2 and 3", got)
	}
	if diff := cmp.Diff(first, got[0]); diff != "" {
		t.Errorf("event from the outbox (-want +got)\n%s", diff)
	}
	// Events are acknowledged by id, in any order and possibly more than once.
	for _, e := range []event.Envelope{got[1], got[1], got[0]} {
		if err := acknowledge(t, cells, id, e); err != nil {
			t.Errorf("Acknowledge = %v", err)
		}
	}
	if rest := events(t, cells, id); len(rest) != 1 || rest[0].ID != got[2].ID {
		t.Errorf("waiting events %+v, want the last", rest)
	}
	if row, err := cells.Get(t.Context(), id); err != nil || row.Version != 4 || row.Doc.Count != 3 {
		t.Errorf("after acknowledgements: %+v, %v, want version 4 and count 3", row, err)
	}
	notifications(t, cells)
}

// wantNotified receives a notification with the events, or without any if other events waited.
func wantNotified(t *testing.T, cells *store.Collection[Cell], id string, events ...event.Envelope) {
	t.Helper()
	select {
	case got := <-cells.Outbox().Notify():
		if left := time.Until(got.Lease); left <= 0 || left > outbox.Lease {
			t.Errorf("the lease of the notification ends in %v, want at most %v", left, outbox.Lease)
		}
		if diff := cmp.Diff(outbox.Aggregate{ID: id, Events: events, Lease: got.Lease}, got); diff != "" {
			t.Errorf("notification (-want +got)\n%s", diff)
		}
	default:
		t.Errorf("Notify is empty, want %s", id)
	}
}

// notifications writes while events wait: the relay must read those first.
func notifications(t *testing.T, cells *store.Collection[Cell]) {
	t.Helper()
	for len(cells.Outbox().Notify()) > 0 {
		<-cells.Outbox().Notify()
	}
	id := newID()
	insert(t, cells, id, Cell{})
	for range 2 {
		count(t, cells, id) // alone in the outbox
		wantNotified(t, cells, id, events(t, cells, id)...)
		count(t, cells, id)
		wantNotified(t, cells, id)
		if err := acknowledge(t, cells, id, events(t, cells, id)...); err != nil {
			t.Fatal(err)
		}
	}
	last := counted(id, 9)
	if err := cells.Delete(t.Context(), id, 5, last); err != nil {
		t.Fatal(err)
	}
	last.Sequence = 6
	wantNotified(t, cells, id, last)
}

func full(t *testing.T, db store.DB) {
	cells, id := store.Open(db, CellSchema()), newID()
	insert(t, cells, id, Cell{})
	for range store.MaxWaiting {
		count(t, cells, id)
	}
	more := func(c *Cell) (store.Change, error) {
		c.Count++
		return store.Change{Events: []event.Envelope{counted(id, c.Count)}}, nil
	}
	if _, err := cells.Update(t.Context(), id, more); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Update with %d events waiting = %v, want unavailable", store.MaxWaiting, err)
	}
	waiting := events(t, cells, id)
	if len(waiting) != store.MaxWaiting {
		t.Fatalf("%d events wait, want %d", len(waiting), store.MaxWaiting)
	}
	if err := acknowledge(t, cells, id, waiting[0]); err != nil {
		t.Fatal(err)
	}
	if row, err := cells.Update(t.Context(), id, more); err != nil || row.Doc.Count != store.MaxWaiting+1 {
		t.Errorf("Update after an acknowledgement = %+v, %v, want count %d", row, err, store.MaxWaiting+1)
	}
}

func deleted(t *testing.T, db store.DB) {
	cells, id := store.Open(db, CellSchema()), newID()
	insert(t, cells, id, Cell{Owner: "ann"}, counted(id, 0))
	if err := cells.Delete(t.Context(), id, 1, counted(id, 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := cells.Get(t.Context(), id); !fault.Is(err, fault.NotFound) {
		t.Errorf("Get = %v, want not found", err)
	}
	if _, err := cells.Version(t.Context(), id); !fault.Is(err, fault.NotFound) {
		t.Errorf("Version = %v, want not found", err)
	}
	if page, err := cells.List(t.Context(), store.Query{Scopes: []string{"ann"}, Limit: 9}); err != nil || len(page.Rows) > 0 {
		t.Errorf("List = %+v, %v, want no rows", page, err)
	}
	if err := cells.Delete(t.Context(), id, 2, counted(id, 2)); !fault.Is(err, fault.NotFound) {
		t.Errorf("second Delete = %v, want not found", err)
	}
	_, err := cells.Insert(t.Context(), id, Cell{})
	wantDuplicate(t, "insert while its events wait", store.ID, err)
	waiting := events(t, cells, id)
	if len(waiting) != 2 || waiting[1].Sequence != 2 {
		t.Fatalf("waiting events %+v, want two with sequences 1 and 2", waiting)
	}
	for _, e := range waiting {
		if err := acknowledge(t, cells, id, e); err != nil {
			t.Fatal(err)
		}
	}
	insert(t, cells, id, Cell{}) // the id is available
	if err := cells.Delete(t.Context(), id, 1); err != nil {
		t.Errorf("Delete without events = %v", err)
	}
	deletedWhileWaiting(t, cells, id)
}

// deletedWhileWaiting deletes without an event while an earlier event waits.
func deletedWhileWaiting(t *testing.T, cells *store.Collection[Cell], id string) {
	t.Helper()
	first := counted(id, 0)
	insert(t, cells, id, Cell{}, first)
	if err := cells.Delete(t.Context(), id, 1); err != nil {
		t.Errorf("Delete while an event waits = %v", err)
	}
	if _, err := cells.Get(t.Context(), id); !fault.Is(err, fault.NotFound) {
		t.Errorf("Get = %v, want not found", err)
	}
	if err := acknowledge(t, cells, id, first); err != nil {
		t.Fatal(err)
	}
	insert(t, cells, id, Cell{})
}

// claim claims an aggregate concurrently.
func claim(t *testing.T, db store.DB) {
	cells, id := store.Open(db, CellSchema()), newID()
	source, ctx := cells.Outbox(), t.Context()
	before := time.Now()
	insert(t, cells, id, Cell{}, counted(id, 0))
	if expired, err := source.Expired(ctx, before.Add(outbox.Lease/2), 9); err != nil || len(expired) > 0 {
		t.Errorf("Expired during the lease of the writer = %v, %v, want none", expired, err)
	}
	later := time.Now().Add(2 * outbox.Lease)
	expired, err := source.Expired(ctx, later, 9)
	if err != nil || len(expired) != 1 || expired[0].ID != id {
		t.Fatalf("Expired = %v, %v, want %s", expired, err, id)
	}
	var claims int
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			claimed, err := source.Claim(ctx, expired, later.Add(time.Duration(i)*time.Second))
			if err != nil {
				t.Error(err)
			}
			if len(claimed) > 0 {
				mu.Lock()
				claims++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if claims != 1 {
		t.Errorf("%d claims succeeded, want 1", claims)
	}
	if err := acknowledge(t, cells, id, events(t, cells, id)[0]); err != nil {
		t.Fatal(err)
	}
	if expired, err := source.Expired(ctx, later.Add(time.Hour), 9); err != nil || len(expired) > 0 {
		t.Errorf("Expired after the last acknowledgement = %v, %v, want none", expired, err)
	}
}
