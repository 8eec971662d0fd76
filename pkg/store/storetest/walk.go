package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// allPages reads the aggregates of several pages with All, and moves them with UpdateAll.
func allPages(t *testing.T, db store.DB) {
	cells := store.Open(db, CellSchema())
	for i := range 5 {
		if _, err := cells.Insert(t.Context(), fmt.Sprint("c", i), Cell{Owner: "ann", Colour: "red", Made: day(i)}); err != nil {
			t.Fatal(err)
		}
	}
	q := store.Query{Scopes: []string{"ann"}, Filters: map[string]string{"colour": "red"}, Order: store.OldestFirst, Limit: 2}
	var ids []string
	for row, err := range cells.All(t.Context(), q) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, row.ID)
	}
	if want := []string{"c0", "c1", "c2", "c3", "c4"}; !slices.Equal(ids, want) {
		t.Errorf("All = %v, want %v", ids, want)
	}
	for _, err := range cells.All(t.Context(), store.Query{Scopes: []string{"ann"}, Cursor: "invalid"}) {
		if !fault.Is(err, fault.Malformed) {
			t.Errorf("All with an invalid cursor = %v, want fault.Malformed", err)
		}
	}
	if err := cells.UpdateAll(t.Context(), q, func(c *Cell) (store.Change, error) {
		c.Colour = "blue"
		return store.Change{}, nil
	}); err != nil {
		t.Fatal(err)
	}
	blue, err := cells.List(t.Context(), store.Query{Scopes: []string{"ann"}, Filters: map[string]string{"colour": "blue"}, Limit: store.MaxLimit})
	if err != nil || len(blue.Rows) != 5 {
		t.Errorf("%d cells were moved, %v, want 5", len(blue.Rows), err)
	}
}

// getOrInsert asks for an aggregate that does not exist with several concurrent calls: all get the
// one that is inserted.
func getOrInsert(t *testing.T, cells *store.Collection[Cell], id string) {
	t.Helper()
	var calls sync.WaitGroup
	owners := make([]string, 8)
	for i := range owners {
		calls.Go(func() {
			row, err := cells.GetOrInsert(t.Context(), id, func() Cell { return Cell{Owner: fmt.Sprint("owner", i)} })
			if owners[i] = row.Doc.Owner; err != nil || row.ID != id || row.Version != 1 {
				t.Errorf("GetOrInsert = %+v, %v, want version 1 of %s", row, err, id)
			}
		})
	}
	calls.Wait()
	stored, err := cells.GetOrInsert(t.Context(), id, func() Cell { panic("the aggregate exists") })
	if err != nil {
		t.Fatal(err)
	}
	for _, owner := range owners {
		if owner != stored.Doc.Owner {
			t.Errorf("one call returned the cell of %s, the stored one is of %s", owner, stored.Doc.Owner)
		}
	}
}
