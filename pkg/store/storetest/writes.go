package storetest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/wire"
)

// EntrySchema declares how the history of cells is stored.
func EntrySchema() store.Schema[Cell] {
	return store.Schema[Cell]{
		Name: "entries", Version: 1, UniqueIndexes: []string{"serial"},
		Unique:  func(c *Cell) map[string]string { return map[string]string{"serial": c.Serial} },
		Indexes: func(c *Cell) store.Indexes { return store.Indexes{Scopes: []string{store.All}, Created: c.Made} },
	}
}

// encodingErrors inserts some documents that cannot be encoded: each error is at the
// index of its document, and the others are stored.
func encodingErrors(t *testing.T, db store.DB) {
	cells := store.Open(db, CellSchema())
	var writes []store.Write[Cell]
	for i := range 230 { // more than a batch
		w := store.Write[Cell]{ID: newID()}
		if i%110 == 0 {
			w.Doc.Data = wire.Value("{")
		}
		writes = append(writes, w)
	}
	errs, err := cells.InsertMany(t.Context(), writes)
	if err != nil || len(errs) != len(writes) {
		t.Fatalf("InsertMany = %d errors of %d writes, %v", len(errs), len(writes), err)
	}
	for i, w := range writes {
		_, err := cells.Get(t.Context(), w.ID)
		if bad := i%110 == 0; bad != (errs[i] != nil) || bad != (err != nil) {
			t.Errorf("write %d: InsertMany = %v, Get = %v, want an error: %v", i, errs[i], err, bad)
		}
	}
}

func insertMany(t *testing.T, db store.DB) {
	cells, existing, repeated := store.Open(db, CellSchema()), newID(), newID()
	insert(t, cells, existing, Cell{Serial: "S1"})
	writes := []store.Write[Cell]{{ID: existing}, {ID: newID(), Doc: Cell{Serial: "S1"}}, {ID: repeated}, {ID: repeated}}
	want := []string{store.ID, "serial", "", store.ID}
	for i := range 230 { // more than a batch
		id := newID()
		writes = append(writes, store.Write[Cell]{ID: id, Doc: Cell{Serial: fmt.Sprint("new", i)}})
		want = append(want, "")
		if i%2 == 0 {
			writes[len(writes)-1].Events = append(writes[len(writes)-1].Events, counted(id, i))
		}
	}
	writes, want = append(writes, store.Write[Cell]{ID: newID(), Doc: Cell{Serial: "new7"}}), append(want, "serial")
	errs, err := cells.InsertMany(t.Context(), writes)
	if err != nil || len(errs) != len(writes) {
		t.Fatalf("InsertMany = %d errors of %d writes, %v", len(errs), len(writes), err)
	}
	for i, w := range writes {
		index, duplicate := store.Duplicate(errs[i])
		if index != want[i] || errs[i] != nil && !duplicate {
			t.Errorf("write %d: %v, want a conflict on %q", i, errs[i], want[i])
		}
		if want[i] == "" {
			if waiting := WaitingEvents(t, cells.Outbox(), w.ID); len(waiting) != len(w.Events) || len(waiting) > 0 && (waiting[0].ID != w.Events[0].ID || waiting[0].Sequence != 1) {
				t.Errorf("write %d: waiting events %+v, want %d", i, waiting, len(w.Events))
			}
			if row, err := cells.Get(t.Context(), w.ID); err != nil || row.Doc.Serial != w.Doc.Serial {
				t.Errorf("write %d: Get = %+v, %v, want serial %q", i, row, err, w.Doc.Serial)
			}
		}
	}
	if errs, err := cells.InsertMany(t.Context(), nil); err != nil || len(errs) != 0 {
		t.Errorf("InsertMany without writes = %v, %v, want none", errs, err)
	}
}

// insertManyFails lets the database fail in the second batch: each of its writes has
// the error, and those of the first batch are stored.
func insertManyFails(t *testing.T, db store.DB) {
	cells := store.Open(failingDB{db, new(atomic.Int32)}, CellSchema())
	writes := make([]store.Write[Cell], 230)
	for i := range writes {
		writes[i].ID = newID()
	}
	errs, err := cells.InsertMany(t.Context(), writes)
	if !fault.Is(err, fault.Unavailable) || len(errs) != len(writes) {
		t.Fatalf("InsertMany = %d errors of %d writes, %v", len(errs), len(writes), err)
	}
	stored := 0
	for i, w := range writes {
		_, getErr := cells.Get(t.Context(), w.ID)
		if (errs[i] == nil) != (getErr == nil) || errs[i] != nil && !fault.Is(errs[i], fault.Unavailable) {
			t.Errorf("write %d: InsertMany = %v, Get = %v", i, errs[i], getErr)
		}
		if getErr == nil {
			stored++
		}
	}
	if stored == 0 || stored == len(writes) {
		t.Errorf("%d of %d are stored, want the first batch", stored, len(writes))
	}
}

// failingDB is a database whose tables accept one insertion.
type failingDB struct {
	store.DB
	insertions *atomic.Int32
}

func (db failingDB) Table(name string, unique []string) store.Table {
	return failingTable{db.DB.Table(name, unique), db.insertions}
}

type failingTable struct {
	store.Table
	insertions *atomic.Int32
}

func (t failingTable) Insert(ctx context.Context, records ...store.Insertion) ([]error, error) {
	if t.insertions.Add(1) > 1 {
		return nil, fault.New(fault.Unavailable, "the database does not respond")
	}
	return t.Table.Insert(ctx, records...)
}

// outlive cancels the context before each kind of write.
func outlive(t *testing.T, db store.DB) {
	cells, entries := store.Open(db, CellSchema()), store.Open(db, EntrySchema())
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := cells.Insert(canceled, "a", Cell{}, counted("a", 0)); err != nil {
		t.Errorf("Insert = %v", err)
	}
	if errs, err := cells.InsertMany(canceled, []store.Write[Cell]{{ID: "b"}, {ID: "c"}}); err != nil || errors.Join(errs...) != nil {
		t.Errorf("InsertMany = %v, %v", errs, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	row, err := cells.Update(ctx, "a", func(c *Cell) (store.Change, error) {
		cancel()
		c.Count++
		return store.Change{History: []store.HistoryRecord{store.HistoryOf(entries, "a/1", *c)}}, nil
	})
	if err != nil || row.Version != 2 {
		t.Errorf("Update = %+v, %v", row, err)
	}
	if _, err := entries.Get(t.Context(), "a/1"); err != nil {
		t.Errorf("Get of the history = %v", err)
	}
	if err := cells.Delete(canceled, "b", 1); err != nil {
		t.Errorf("Delete = %v", err)
	}
	for id, want := range map[string]bool{"a": true, "b": false, "c": true} {
		if _, err := cells.Get(t.Context(), id); (err == nil) != want {
			t.Errorf("Get(%s) = %v, want found: %v", id, err, want)
		}
	}
}

// disconnect closes the connection of an HTTP client while the handler computes the
// change.
func disconnect(t *testing.T, db store.DB) {
	cells := store.Open(db, CellSchema())
	insert(t, cells, "a", Cell{})
	started, written := make(chan bool), make(chan error, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := cells.Update(r.Context(), "a", func(c *Cell) (store.Change, error) {
			close(started)
			<-r.Context().Done()
			c.Count = 7
			return store.Change{}, nil
		})
		written <- err
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-started; cancel() }()
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := server.Client().Do(req); err == nil {
		t.Errorf("the client received a response: %s", res.Status)
		res.Body.Close()
	}
	if err := <-written; err != nil {
		t.Errorf("Update = %v", err)
	}
	if row, err := cells.Get(t.Context(), "a"); err != nil || row.Doc.Count != 7 {
		t.Errorf("stored %+v, %v, want count 7", row, err)
	}
}

func history(t *testing.T, db store.DB) {
	cells, entries := store.Open(db, CellSchema()), store.Open(db, EntrySchema())
	insert(t, cells, "a", Cell{Serial: "S1"})
	insert(t, entries, "other", Cell{Serial: "taken"})
	change := func(serial string) error {
		_, err := cells.Update(t.Context(), "a", func(c *Cell) (store.Change, error) {
			before := *c
			before.Serial = serial
			c.Count++
			return store.Change{History: []store.HistoryRecord{store.HistoryOf(entries, fmt.Sprint("a/", before.Count), before)}}, nil
		})
		return err
	}
	// The record of a writer that failed after its history.
	insert(t, entries, "a/0", Cell{Serial: "0"})
	if err := errors.Join(change("0"), change("1")); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if row, err := entries.Get(t.Context(), fmt.Sprint("a/", i)); err != nil || row.Doc.Count != i || row.Version != 1 {
			t.Errorf("entry %d: %+v, %v, want count %d and version 1", i, row, err, i)
		}
	}
	// If the history cannot be written, the document does not change.
	wantDuplicate(t, "update whose history has a conflict", "serial", change("taken"))
	if row, err := cells.Get(t.Context(), "a"); err != nil || row.Version != 3 || row.Doc.Count != 2 {
		t.Errorf("after a failed history: %+v, %v, want version 3 and count 2", row, err)
	}
}

// historyRace updates one aggregate concurrently. Each update stores the replaced
// document as history.
func historyRace(t *testing.T, db store.DB) {
	cells, entries := store.Open(db, CellSchema()), store.Open(db, EntrySchema())
	insert(t, cells, "a", Cell{})
	const writers, each = 8, 5
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				if _, err := cells.Update(t.Context(), "a", func(c *Cell) (store.Change, error) {
					before := *c
					c.Count++
					return store.Change{History: []store.HistoryRecord{store.HistoryOf(entries, fmt.Sprint("a/", before.Count), before)}}, nil
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	var got, want []string
	for i := range writers * each {
		want = append(want, fmt.Sprint("a/", i, "=", i))
		if row, err := entries.Get(t.Context(), fmt.Sprint("a/", i)); err == nil {
			got = append(got, fmt.Sprint(row.ID, "=", row.Doc.Count))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("history (-want +got)\n%s", diff)
	}
	loseRace(t, cells, entries, writers*each)
}

// loseRace lets an update fail with fault.Stale after it wrote its history.
func loseRace(t *testing.T, cells, entries *store.Collection[Cell], updates int) {
	t.Helper()
	lost := func(c *Cell) (store.Change, error) {
		before := *c
		c.Count++
		if _, err := cells.Update(t.Context(), "a", func(c *Cell) (store.Change, error) { c.Shape = "x"; return store.Change{}, nil }); err != nil {
			t.Error(err)
		}
		return store.Change{History: []store.HistoryRecord{store.HistoryOf(entries, fmt.Sprint("a/", before.Count), Cell{Count: before.Count})}}, nil
	}
	if _, err := cells.Update(t.Context(), "a", lost, store.IfVersion(int64(updates)+1)); !fault.Is(err, fault.Stale) {
		t.Errorf("Update = %v, want stale", err)
	}
	if row, err := cells.Get(t.Context(), "a"); err != nil || row.Doc.Count != updates || !strings.Contains(row.Doc.Shape, "x") {
		t.Errorf("after a lost race: %+v, %v, want count %d and shape x", row, err, updates)
	}
}
