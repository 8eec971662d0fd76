package store_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// FuzzList lists with any scope, filter and cursor, and expects exactly the matching
// rows in order. Operators of a query language have no meaning in values. Cursors of
// other queries are rejected.
func FuzzList(f *testing.F) {
	db, err := connect.Open(f.Context(), connect.Config{Dir: f.TempDir()}, "fuzz")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { db.Close(context.Background()) })
	cells := store.Open(db, storetest.CellSchema())
	created := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	all := map[string]storetest.Cell{"a": {Owner: "ann", Colour: "red", Shape: "flat"}, "b": {Owner: "ann", Colour: "red"}, "c": {Owner: "bob", Colour: "blue"}}
	for id, c := range all {
		c.Made = created
		if _, err := cells.Insert(f.Context(), id, c); err != nil {
			f.Fatal(err)
		}
	}
	good := store.Query{Scopes: []string{"ann"}, Filters: map[string]string{"colour": "red"}}
	f.Add("ann", "colour", "red", good.CursorAfter(created, "b"))
	f.Add("ann", "colour", "red", "")
	for _, seed := range []string{`{"$ne":""}`, "$where", "' OR 1=1 --", "red%", "red\x00colour\x00blue", "*", "\xff", ""} {
		f.Add("", "colour", seed, "")
		f.Add(seed, "", "", seed)
		f.Add("ann", seed, "red", "AAAAAAAAAAAAAAAAAAAAAAAA")
	}
	f.Add("bob", "colour", "red", good.CursorAfter(created, "b"))
	f.Fuzz(func(t *testing.T, scope, filter, value, cursor string) {
		q := store.Query{Scopes: []string{scope}, Filters: map[string]string{filter: value}, Cursor: cursor, Limit: 10}
		page, err := cells.List(t.Context(), q)
		if err != nil {
			if cursor == "" || !fault.Is(err, fault.Malformed) {
				t.Fatalf("List(%+v) = %v", q, err)
			}
			return
		}
		if cursor != "" && after(q, created, cursor) == "" {
			t.Errorf("List(%+v) accepted the cursor", q)
		}
		var got, want []string
		for _, row := range page.Rows {
			got = append(got, row.ID)
		}
		for _, id := range []string{"c", "b", "a"} { // newest first, then by id
			filters := map[string]string{"colour": all[id].Colour, "shape": all[id].Shape}
			before := cursor == "" || id < after(q, created, cursor)
			if before && (scope == "" || all[id].Owner == scope) && (value == "" || filters[filter] == value) {
				want = append(want, id)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("List(%+v) = %q, want %q", q, got, want)
		}
	})
}

// after returns the id after which a cursor of q continues.
func after(q store.Query, created time.Time, cursor string) string {
	for _, id := range []string{"a", "b", "c"} {
		if cursor == q.CursorAfter(created, id) {
			return id
		}
	}
	return ""
}
