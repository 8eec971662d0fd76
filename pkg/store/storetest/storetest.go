// Package storetest is the conformance suite for the drivers of the store, and has
// helpers for tests of services with a store.
package storetest

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/wire"
)

// Cell is the aggregate of the suite.
type Cell struct {
	Serial string     `json:"serial,omitempty"` // unique
	Rack   string     `json:"rack,omitempty"`   // unique, another index
	Owner  string     `json:"owner"`            // scope
	Colour string     `json:"colour,omitempty"` // filter
	Shape  string     `json:"shape,omitempty"`  // filter
	Count  int        `json:"count"`
	Made   time.Time  `json:"made"`
	Data   wire.Value `json:"data,omitempty"`
}

// CellSchema declares how cells are stored.
func CellSchema() store.Schema[Cell] {
	return store.Schema[Cell]{
		Name: "cells", Version: 3, UniqueIndexes: []string{"serial", "rack"},
		Unique: func(c *Cell) map[string]string { return map[string]string{"serial": c.Serial, "rack": c.Rack} },
		Indexes: func(c *Cell) store.Indexes {
			return store.Indexes{Scopes: []string{store.All, c.Owner}, Created: c.Made,
				Filters: map[string]string{"colour": c.Colour, "shape": c.Shape}}
		},
	}
}

// Counted is the event of the suite.
type Counted struct {
	Count int    `json:"count"`
	Text  string `json:"text"`
}

// Topic implements event.Payload.
func (Counted) Topic() string { return "cell.counted" }

func counted(id string, n int) event.Envelope {
	return event.New("/storetest", id, day(0), Counted{n, "a \"text\"\n<with> ü\u2028\U0001f50b"})
}

func day(n int) time.Time { return time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, n) }

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// Run runs the suite. open returns an empty database and closes it after the test.
func Run(t *testing.T, open func(*testing.T) store.DB) {
	for name, test := range map[string]func(*testing.T, store.DB){
		"DocumentsAreStoredUnchanged":       documents,
		"UnknownIDIsNotFound":               missing,
		"DuplicateErrorNamesTheIndex":       duplicates,
		"IDsByFindsStoredAggregates":        idsBy,
		"AllReadsAllPages":                  allPages,
		"InsertManyReturnsOneErrorPerWrite": insertMany,
		"InsertManyReturnsDatabaseErrors":   insertManyFails,
		"EncodingErrorsDoNotAffectOthers":   encodingErrors,
		"WriteContinuesAfterContextEnds":    outlive,
		"WriteContinuesAfterDisconnect":     disconnect,
		"HistoryIsStoredBeforeTheChange":    history,
		"HistoryOfLostRaceIsHarmless":       historyRace,
		"ScopesAreMerged":                   scopes,
		"ListsAreLimitedByTime":             times,
		"ConcurrentUpdatesAreNotLost":       sixteenWriters,
		"OnlyOneUpdateOfAVersionSucceeds":   stale,
		"FailedChangeStoresNothing":         failingChange,
		"PagesAreStableDuringWrites":        stablePages,
		"ListsMatchScopeAndFilters":         lists,
		"CursorOfOtherListIsRejected":       cursors,
		"LargePagesEndEarly":                largePages,
		"OlderSchemasAreMigrated":           migration,
		"ReindexReplacesTheKeys":            reindex,
		"ReindexIsRepeatedAfterARollback":   reindexAfterRollback,
		"ShortestListIsRead":                shortestList,
		"UnreadableRowsCanBeSkipped":        unreadable,
		"EventsWaitInOrder":                 waiting,
		"BacklogCountsWaitingEvents":        backlog,
		"OutboxIsLimited":                   full,
		"DeletedIsRemovedAfterItsEvents":    deleted,
		"DeletedIsRemovedDuringRelay":       deletedDuringRelay,
		"ExpiredIsClaimedOnce":              claim,
		"OutboxHandlesSeveralAggregates":    many,
		"TwoRelaysPublishAllInOrder":        twoRelays,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func insert(t *testing.T, cells *store.Collection[Cell], id string, c Cell, events ...event.Envelope) {
	t.Helper()
	if _, err := cells.Insert(t.Context(), id, c, events...); err != nil {
		t.Fatalf("Insert(%s) = %v", id, err)
	}
}

func documents(t *testing.T, db store.DB) {
	cells, id := store.Open(db, CellSchema()), newID()
	want := Cell{Serial: "S\x001", Owner: "ann", Count: -1 << 53, Made: time.Date(2026, 11, 22, 9, 0, 0, 120e6, time.UTC), Data: wire.Value(
		`{"z":0,"a":[1,2.5,-0.1,1e-9,123456789012345,1e15,[],{}],"":"empty name","n":null,"t":true,"f":false,` +
			`"s":"ü\u2028🔋\"\\/\b\u0001","a.b":"dot","a\u0000b":"NUL","$set":{"x":1}}`)}
	if err := want.Data.Canonicalize(); err != nil {
		t.Fatal(err)
	}
	insert(t, cells, id, want)
	for name, get := range map[string]func() (store.Row[Cell], error){
		"Get":   func() (store.Row[Cell], error) { return cells.Get(t.Context(), id) },
		"GetBy": func() (store.Row[Cell], error) { return cells.GetBy(t.Context(), "serial", want.Serial) },
	} {
		got, err := get()
		if diff := cmp.Diff(store.Row[Cell]{ID: id, Version: 1, Doc: want}, got); err != nil || diff != "" {
			t.Errorf("%s = %v (-want +got)\n%s", name, err, diff)
		}
	}
	if found, version, err := cells.VersionBy(t.Context(), "serial", want.Serial); err != nil || found != id || version != 1 {
		t.Errorf("VersionBy = %s, %d, %v, want %s, 1", found, version, err, id)
	}
	if ids, err := cells.IDsBy(t.Context(), "serial", []string{"other", want.Serial, want.Serial}); err != nil || len(ids) != 1 || ids[want.Serial] != id {
		t.Errorf("IDsBy = %v, %v, want %s only", ids, err, id)
	}
	want.Serial, want.Data = "", nil
	got, err := cells.Update(t.Context(), id, func(c *Cell) (store.Change, error) { *c = want; return store.Change{}, nil })
	if diff := cmp.Diff(store.Row[Cell]{ID: id, Version: 2, Doc: want}, got); err != nil || diff != "" {
		t.Errorf("Update = %v (-want +got)\n%s", err, diff)
	}
	if got, err := cells.Get(t.Context(), id); err != nil || got.Version != 2 || got.Doc.Data != nil {
		t.Errorf("Get after Update = %+v, %v, want version 2 without data", got, err)
	}
	if version, err := cells.Version(t.Context(), id); err != nil || version != 2 {
		t.Errorf("Version after Update = %d, %v, want 2", version, err)
	}
	if err := db.Ping(t.Context()); err != nil {
		t.Errorf("Ping = %v", err)
	}
}

func missing(t *testing.T, db store.DB) {
	cells, id := store.Open(db, CellSchema()), newID()
	_, get := cells.Get(t.Context(), id)
	_, version := cells.Version(t.Context(), id)
	_, _, versionBy := cells.VersionBy(t.Context(), "serial", "none")
	_, getBy := cells.GetBy(t.Context(), "serial", "none")
	_, update := cells.Update(t.Context(), id, func(*Cell) (store.Change, error) { return store.Change{}, nil })
	for call, err := range map[string]error{
		"Get": get, "Version": version, "GetBy": getBy, "VersionBy": versionBy, "Update": update, "Delete": cells.Delete(t.Context(), id, 1), "Delete with events": cells.Delete(t.Context(), id, 1, counted(id, 1)),
	} {
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("%s = %v, want not found", call, err)
		}
	}
	if ids, err := cells.IDsBy(t.Context(), "serial", []string{"none"}); err != nil || len(ids) > 0 {
		t.Errorf("IDsBy = %v, %v, want none", ids, err)
	}
	page, err := cells.List(t.Context(), store.Query{Scopes: []string{store.All}, Limit: 10})
	if err != nil || len(page.Rows) > 0 || page.Next != "" {
		t.Errorf("List = %+v, %v, want no rows", page, err)
	}
	getOrInsert(t, cells, id)
}

func wantDuplicate(t *testing.T, call, index string, err error) {
	t.Helper()
	if got, ok := store.Duplicate(err); !ok || got != index {
		t.Errorf("%s = %v, want a conflict on %s", call, err, index)
	}
}

func duplicates(t *testing.T, db store.DB) {
	cells, one, two := store.Open(db, CellSchema()), newID(), newID()
	insert(t, cells, one, Cell{Serial: "S1", Rack: "R1"})
	insert(t, cells, two, Cell{})
	insert(t, cells, newID(), Cell{}) // empty values are not indexed

	add := func(id string, c Cell) error { _, err := cells.Insert(t.Context(), id, c, counted(id, 1)); return err }
	wantDuplicate(t, "same id", store.ID, add(one, Cell{}))
	wantDuplicate(t, "same serial", "serial", add(newID(), Cell{Serial: "S1", Rack: "R2"}))
	wantDuplicate(t, "same rack", "rack", add(newID(), Cell{Serial: "S2", Rack: "R1"}))
	set := func(id, serial, rack string) error {
		_, err := cells.Update(t.Context(), id, func(c *Cell) (store.Change, error) {
			c.Serial, c.Rack = serial, rack
			return store.Change{Events: []event.Envelope{counted(id, 2)}}, nil
		})
		return err
	}
	wantDuplicate(t, "update to an existing rack", "rack", set(two, "S2", "R1"))
	if row, err := cells.Get(t.Context(), two); err != nil || row.Version != 1 {
		t.Errorf("after a conflict: %+v, %v, want version 1", row, err)
	}
	if waiting := WaitingEvents(t, cells.Outbox(), two); len(waiting) > 0 {
		t.Errorf("after a conflict %d events wait, want 0", len(waiting))
	}
	// An update or deletion makes the unique values available to others.
	if err := errors.Join(set(one, "", "R1"), set(two, "S1", ""), cells.Delete(t.Context(), one, 2, counted(one, 3)), set(two, "S1", "R1")); err != nil {
		t.Errorf("reusing unique values: %v", err)
	}
	wantDuplicate(t, "reused serial", "serial", add(newID(), Cell{Serial: "S1"}))
	if row, err := cells.GetBy(t.Context(), "rack", "R1"); err != nil || row.ID != two {
		t.Errorf("GetBy(rack, R1) = %s, %v, want %s", row.ID, err, two)
	}
}

func sixteenWriters(t *testing.T, db store.DB) {
	cells, id := store.Open(db, CellSchema()), newID()
	insert(t, cells, id, Cell{})
	const writers, each = 16, 10
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				if _, err := cells.Update(t.Context(), id, func(c *Cell) (store.Change, error) {
					c.Count++
					return store.Change{Events: []event.Envelope{counted(id, c.Count)}}, nil
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	row, err := cells.Get(t.Context(), id)
	if err != nil || row.Doc.Count != writers*each || row.Version != writers*each+1 {
		t.Errorf("count %d, version %d, %v, want %d", row.Doc.Count, row.Version, err, writers*each)
	}
	events := WaitingEvents(t, cells.Outbox(), id)
	if len(events) != writers*each {
		t.Fatalf("%d events, want %d", len(events), writers*each)
	}
	for i, e := range events {
		if e.Sequence != int64(i+2) {
			t.Fatalf("event %d has sequence %d, want %d", i, e.Sequence, i+2)
		}
	}
}

func stale(t *testing.T, db store.DB) {
	cells, id := store.Open(db, CellSchema()), newID()
	insert(t, cells, id, Cell{})
	var mu sync.Mutex
	var wg sync.WaitGroup
	succeeded := 0
	for range 16 {
		wg.Go(func() {
			_, err := cells.Update(t.Context(), id, func(c *Cell) (store.Change, error) { c.Count++; return store.Change{}, nil }, store.IfVersion(7, 1))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				succeeded++
			case !fault.Is(err, fault.Stale):
				t.Errorf("Update = %v, want stale", err)
			}
		})
	}
	wg.Wait()
	if row, err := cells.Get(t.Context(), id); err != nil || succeeded != 1 || row.Doc.Count != 1 {
		t.Errorf("%d updates succeeded, count %d, %v, want 1", succeeded, row.Doc.Count, err)
	}
	if err := cells.Delete(t.Context(), id, 1); !fault.Is(err, fault.Stale) {
		t.Errorf("Delete of an old version = %v, want stale", err)
	}
}

func failingChange(t *testing.T, db store.DB) {
	cells, id := store.Open(db, CellSchema()), newID()
	insert(t, cells, id, Cell{Serial: "S1"})
	// Update does not confuse a fault.Stale of change with a concurrent write, after which it
	// would run change again.
	for _, want := range []error{errors.New("failed"), fault.New(fault.Stale, "stale"), store.ErrNoChange} {
		row, err := cells.Update(t.Context(), id, func(c *Cell) (store.Change, error) {
			c.Serial, c.Count = "S2", 9
			return store.Change{Events: []event.Envelope{counted(id, 1)}}, want
		})
		if want != store.ErrNoChange && !errors.Is(err, want) {
			t.Errorf("Update = %v, want the error of change", err)
		}
		if want == store.ErrNoChange && (err != nil || row.Version != 1 || row.Doc.Serial != "S1") {
			t.Errorf("Update = %+v, %v, want the stored row", row, err)
		}
	}
	row, err := cells.Get(t.Context(), id)
	events := WaitingEvents(t, cells.Outbox(), id)
	if err != nil || row.Version != 1 || row.Doc.Count != 0 || len(events) > 0 {
		t.Errorf("stored %+v, %v, %d events, want version 1, count 0 and no events", row, err, len(events))
	}
}
