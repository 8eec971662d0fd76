package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/wire"
)

// walk goes through a list page by page.
func walk(t *testing.T, cells *store.Collection[Cell], q store.Query, between func(page int)) []string {
	t.Helper()
	var ids []string
	for page := 0; ; page++ {
		p, err := cells.List(t.Context(), q)
		if err != nil {
			t.Fatalf("List(%+v) = %v", q, err)
		}
		for _, r := range p.Rows {
			ids = append(ids, r.ID)
		}
		if p.Next == "" {
			return ids
		}
		if len(p.Rows) != q.Limit {
			t.Errorf("page %d has %d rows and is not the last", page, len(p.Rows))
		}
		q.Cursor = p.Next
		between(page)
	}
}

func stablePages(t *testing.T, db store.DB) {
	cells := store.Open(db, Cells())
	var kept, ids []string
	for i := range 40 {
		id := newID()
		ids = append(ids, id)
		insert(t, cells, id, Cell{Owner: "ann", Made: day(10 + i/3)}) // some of the same time
		if i%4 != 0 {
			kept = append(kept, id)
		}
	}
	for _, oldest := range []bool{true, false} {
		gone := 0
		got := walk(t, cells, store.Query{Scope: "ann", Oldest: oldest, Limit: 7}, func(page int) {
			insert(t, cells, newID(), Cell{Owner: "ann", Made: day(page)}) // before all others
			insert(t, cells, newID(), Cell{Owner: "ann", Made: day(90 + page)})
			if id := ids[gone]; oldest {
				if err := cells.Delete(t.Context(), id, 1); err != nil {
					t.Errorf("Delete = %v", err)
				}
				gone += 4
			}
		})
		want := slices.Clone(kept)
		if !oldest {
			slices.Reverse(want)
		}
		got = slices.DeleteFunc(got, func(id string) bool { return !slices.Contains(kept, id) })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("oldest first %v: rows that were there all the time (-want +got)\n%s", oldest, diff)
		}
	}
}

func lists(t *testing.T, db store.DB) {
	cells := store.Open(db, Cells())
	names := map[string]string{}
	for i, c := range []Cell{
		{Owner: "ann", Colour: "red", Shape: "round"}, {Owner: "ann", Colour: "red", Shape: "flat"}, {Owner: "ann", Colour: "blue", Shape: "flat"},
		{Owner: "bob", Colour: "red", Shape: "flat"}, {Owner: "bob"}, {Owner: "bob", Colour: "red\x00colour\x00blue"},
	} {
		c.Made = day(i)
		id := newID()
		names[id] = fmt.Sprint(i)
		insert(t, cells, id, c)
	}
	for want, q := range map[string]store.Query{
		"543210": {}, "012345": {Oldest: true}, "210": {Scope: "ann"}, "": {Scope: "eve"},
		"10":  {Scope: "ann", Filters: map[string]string{"colour": "red"}},
		"310": {Filters: map[string]string{"colour": "red", "shape": ""}},
		"31":  {Filters: map[string]string{"colour": "red", "shape": "flat"}},
		"1":   {Scope: "ann", Filters: map[string]string{"colour": "red", "shape": "flat"}},
		"2":   {Filters: map[string]string{"colour": "blue"}},
		"5":   {Filters: map[string]string{"colour": "red\x00colour\x00blue"}},
	} {
		q.Limit = 2
		var got strings.Builder
		for _, id := range walk(t, cells, q, func(int) {}) {
			got.WriteString(names[id])
		}
		if got.String() != want {
			t.Errorf("List(%+v) = %s, want %s", q, got.String(), want)
		}
	}
}

func cursors(t *testing.T, db store.DB) {
	cells := store.Open(db, Cells())
	for i := range 4 {
		insert(t, cells, newID(), Cell{Owner: "ann", Colour: "red", Made: day(i)})
	}
	query := store.Query{Scope: "ann", Limit: 2}
	page, err := cells.List(t.Context(), query)
	if err != nil || page.Next == "" {
		t.Fatalf("List = %+v, %v", page, err)
	}
	other := "A"
	if strings.HasPrefix(page.Next, other) {
		other = "B"
	}
	foreign := map[string]store.Query{
		"of another scope":   {Cursor: page.Next, Limit: 2},
		"of another filter":  {Scope: "ann", Filters: map[string]string{"colour": "red"}, Cursor: page.Next, Limit: 2},
		"of another order":   {Scope: "ann", Oldest: true, Cursor: page.Next, Limit: 2},
		"not base64":         {Scope: "ann", Cursor: "!!", Limit: 2},
		"short":              {Scope: "ann", Cursor: "AAAA", Limit: 2},
		"cut":                {Scope: "ann", Cursor: page.Next[:len(page.Next)-4], Limit: 2},
		"altered":            {Scope: "ann", Cursor: other + page.Next[1:], Limit: 2},
		"altered at its end": {Scope: "ann", Cursor: page.Next[:len(page.Next)-4] + "enp6", Limit: 2}, // zzz is the end of no UUID
	}
	for name, q := range foreign {
		if _, err := cells.List(t.Context(), q); !fault.Is(err, fault.Malformed) {
			t.Errorf("%s: List = %v, want malformed", name, err)
		}
	}
	query.Limit, query.Cursor = 1, page.Next // another limit goes on
	if page, err := cells.List(t.Context(), query); err != nil || len(page.Rows) != 1 {
		t.Errorf("another limit: %+v, %v", page, err)
	}
}

func largePages(t *testing.T, db store.DB) {
	cells := store.Open(db, Cells())
	big := wire.Value(`"` + strings.Repeat("x", 3<<20) + `"`)
	for i := range 5 {
		insert(t, cells, newID(), Cell{Owner: "ann", Made: day(i), Data: big})
	}
	var sizes []int
	for q := (store.Query{Scope: "ann", Limit: 200}); ; {
		page, err := cells.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, len(page.Rows))
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	if diff := cmp.Diff([]int{2, 2, 1}, sizes); diff != "" {
		t.Errorf("rows per page of at most 8 MiB (-want +got)\n%s", diff)
	}
}
