package storetest

import (
	"encoding/json"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// oldCell is a Cell of schema version 2, with a count of type string and another
// name for the owner.
type oldCell struct {
	Serial string `json:"serial"`
	Keeper string `json:"keeper"`
	Count  string `json:"count"`
}

func oldCells() store.Schema[oldCell] {
	return store.Schema[oldCell]{
		Name: "cells", Version: 2, UniqueIndexes: []string{"serial", "rack"},
		Unique: func(c *oldCell) map[string]string { return map[string]string{"serial": c.Serial} },
		Indexes: func(c *oldCell) store.Indexes {
			return store.Indexes{Scopes: []string{store.All, c.Keeper}, Created: day(0)}
		},
	}
}

func newCells(t *testing.T) store.Schema[Cell] {
	schema := CellSchema()
	schema.Migrate = func(version int, doc []byte) ([]byte, error) {
		if version != 2 {
			t.Errorf("migrate from schema version %d, want 2", version)
		}
		var old oldCell
		if err := json.Unmarshal(doc, &old); err != nil {
			return nil, err
		}
		count, err := strconv.Atoi(old.Count)
		if err != nil {
			return nil, err
		}
		return json.Marshal(Cell{Serial: old.Serial, Owner: old.Keeper, Count: count, Made: day(0)})
	}
	return schema
}

func migration(t *testing.T, db store.DB) {
	earlier, current, id := store.Open(db, oldCells()), store.Open(db, newCells(t)), newID()
	if _, err := earlier.Insert(t.Context(), id, oldCell{"S1", "ann", "7"}, counted(id, 7)); err != nil {
		t.Fatal(err)
	}
	wantMigrated(t, current, id)
	if _, err := earlier.Get(t.Context(), id); err != nil {
		t.Errorf("Get of the earlier schema = %v: a read changed the document", err)
	}

	// A write stores the current form, which needs no migration and which the earlier
	// schema cannot read. The events do not change.
	if _, err := current.Update(t.Context(), id, func(c *Cell) (store.Change, error) { c.Count++; return store.Change{}, nil }); err != nil {
		t.Fatal(err)
	}
	got, err := store.Open(db, CellSchema()).Get(t.Context(), id)
	if err != nil || got.Doc.Count != 8 || got.Doc.Owner != "ann" {
		t.Errorf("after a write: %+v, %v, want count 8 and owner ann", got, err)
	}
	if _, err := earlier.Get(t.Context(), id); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Get of the earlier schema = %v, want unavailable", err)
	}
	if _, err := earlier.Update(t.Context(), id, func(*oldCell) (store.Change, error) { return store.Change{}, nil }); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Update of the earlier schema = %v, want unavailable", err)
	}
	if events := WaitingEvents(t, current.Outbox(), id); len(events) != 1 {
		t.Errorf("%d events wait, want 1", len(events))
	}
}

// wantMigrated reads a cell of the earlier schema with each method.
func wantMigrated(t *testing.T, current *store.Collection[Cell], id string) {
	t.Helper()
	want := store.Row[Cell]{ID: id, Version: 1, Doc: Cell{Serial: "S1", Owner: "ann", Count: 7, Made: day(0)}}
	for name, get := range map[string]func() (store.Row[Cell], error){
		"Get":   func() (store.Row[Cell], error) { return current.Get(t.Context(), id) },
		"GetBy": func() (store.Row[Cell], error) { return current.GetBy(t.Context(), "serial", "S1") },
		"List": func() (store.Row[Cell], error) {
			page, err := current.List(t.Context(), store.Query{Scopes: []string{"ann"}, Limit: 1})
			return append(page.Rows, store.Row[Cell]{})[0], err
		},
	} {
		got, err := get()
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s = %v (-want +got)\n%s", name, err, diff)
		}
	}
}

// unreadable lists rows where every second one has a later schema version.
func unreadable(t *testing.T, db store.DB) {
	later := CellSchema()
	later.Version++
	schemas := []*store.Collection[Cell]{store.Open(db, later), store.Open(db, CellSchema())}
	var want, skipped []string // ids
	for i := range 8 {
		id := newID()
		insert(t, schemas[i%2], id, Cell{Owner: "ann", Made: day(i)})
		if i%2 == 0 {
			skipped = append(skipped, id)
		} else {
			want = append(want, id)
		}
	}
	q := store.Query{Scopes: []string{"ann"}, Order: store.OldestFirst, Limit: 3}
	if page, err := schemas[1].List(t.Context(), q); !fault.Is(err, fault.Unavailable) {
		t.Errorf("List without OnUnreadable = %+v, %v, want unavailable", page, err)
	}
	var unreadable []string
	q.OnUnreadable = func(id string, err error) {
		if unreadable = append(unreadable, id); !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s is unreadable because of %v, want unavailable", id, err)
		}
	}
	got := slices.Concat(pages(t, schemas[1], q, noop)...)
	if diff := cmp.Diff([][]string{want, skipped}, [][]string{got, unreadable}); diff != "" {
		t.Errorf("listed and skipped ids (-want +got)\n%s", diff)
	}
}
