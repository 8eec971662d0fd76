package storetest

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// oldCell is a Cell as schema 2 had it: its count was text, and its owner had
// another name.
type oldCell struct {
	Serial string `json:"serial"`
	Keeper string `json:"keeper"`
	Count  string `json:"count"`
}

func oldCells() store.Schema[oldCell] {
	return store.Schema[oldCell]{
		Name: "cells", Version: 2, UniqueIndexes: []string{"serial", "rack"},
		Unique:  func(c *oldCell) map[string]string { return map[string]string{"serial": c.Serial} },
		Indexes: func(c *oldCell) store.Indexes { return store.Indexes{Scopes: []string{"", c.Keeper}, Created: day(0)} },
	}
}

func newCells(t *testing.T) store.Schema[Cell] {
	kind := CellSchema()
	kind.Migrate = func(schema int, doc []byte) ([]byte, error) {
		if schema != 2 {
			t.Errorf("a document of schema %d is to be migrated", schema)
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
	return kind
}

func migration(t *testing.T, db store.DB) {
	before, now, id := store.Open(db, oldCells()), store.Open(db, newCells(t)), newID()
	if _, err := before.Insert(t.Context(), id, oldCell{"S1", "ann", "7"}, counted(id, 7)); err != nil {
		t.Fatal(err)
	}
	wantMigrated(t, now, id)
	if _, err := before.Get(t.Context(), id); err != nil {
		t.Errorf("what was only read is another for those of before: %v", err)
	}

	// A write stores the new form, which needs no migration and which those of
	// before leave alone. Its events stay what they are.
	if _, err := now.Update(t.Context(), id, func(c *Cell) (store.Change, error) { c.Count++; return store.Change{}, nil }); err != nil {
		t.Fatal(err)
	}
	got, err := store.Open(db, CellSchema()).Get(t.Context(), id)
	if err != nil || got.Doc.Count != 8 || got.Doc.Owner != "ann" {
		t.Errorf("after a write: %+v, %v", got, err)
	}
	if _, err := before.Get(t.Context(), id); !fault.Is(err, fault.Unavailable) {
		t.Errorf("those of before read it: %v", err)
	}
	if _, err := before.Update(t.Context(), id, func(*oldCell) (store.Change, error) { return store.Change{}, nil }); !fault.Is(err, fault.Unavailable) {
		t.Errorf("those of before write it: %v", err)
	}
	if events := WaitingEvents(t, now.Outbox(), id); len(events) != 1 {
		t.Errorf("events %v", events)
	}
}

// wantMigrated reads an old cell by all ways.
func wantMigrated(t *testing.T, now *store.Collection[Cell], id string) {
	t.Helper()
	want := store.Row[Cell]{ID: id, Version: 1, Doc: Cell{Serial: "S1", Owner: "ann", Count: 7, Made: day(0)}}
	for name, get := range map[string]func() (store.Row[Cell], error){
		"Get":   func() (store.Row[Cell], error) { return now.Get(t.Context(), id) },
		"GetBy": func() (store.Row[Cell], error) { return now.GetBy(t.Context(), "serial", "S1") },
		"List": func() (store.Row[Cell], error) {
			page, err := now.List(t.Context(), store.Query{Scopes: []string{"ann"}, Limit: 1})
			return append(page.Rows, store.Row[Cell]{})[0], err
		},
	} {
		got, err := get()
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s = %v (-want +got)\n%s", name, err, diff)
		}
	}
}
