package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/wire"
)

// pages returns the ids of a list by page. It calls between after each page but the
// last.
func pages(t *testing.T, cells *store.Collection[Cell], q store.Query, between func(page int)) (all [][]string) {
	t.Helper()
	for {
		p, err := cells.List(t.Context(), q)
		if err != nil {
			t.Fatalf("List(%+v) = %v", q, err)
		}
		ids := make([]string, len(p.Rows))
		for i, r := range p.Rows {
			ids[i] = r.ID
		}
		if all = append(all, ids); p.Next == "" {
			return all
		}
		q.Cursor = p.Next
		between(len(all) - 1)
	}
}

// fullPages returns the ids of a list, whose pages except the last must be full.
func fullPages(t *testing.T, cells *store.Collection[Cell], q store.Query, between func(page int)) []string {
	t.Helper()
	all := pages(t, cells, q, between)
	for i, ids := range all[:len(all)-1] {
		if len(ids) != q.Limit {
			t.Errorf("page %d has %d rows, want %d", i, len(ids), q.Limit)
		}
	}
	return slices.Concat(all...)
}

func noop(int) {}

func stablePages(t *testing.T, db store.DB) {
	cells := store.Open(db, CellSchema())
	var ids, unchanged []string
	for i := range 40 {
		id := newID()
		ids = append(ids, id)
		insert(t, cells, id, Cell{Owner: "ann", Made: day(10 + i/3)}) // three with the same time
		if i%4 != 0 {
			unchanged = append(unchanged, id)
		}
	}
	for _, order := range []store.Order{store.OldestFirst, store.NewestFirst} {
		oldest := order == store.OldestFirst
		next := 0 // the next to delete
		got := fullPages(t, cells, store.Query{Scopes: []string{"ann"}, Order: order, Limit: 7}, func(page int) {
			insert(t, cells, newID(), Cell{Owner: "ann", Made: day(page)}) // older than all others
			insert(t, cells, newID(), Cell{Owner: "ann", Made: day(90 + page)})
			if id := ids[next]; oldest {
				if err := cells.Delete(t.Context(), id, 1); err != nil {
					t.Errorf("Delete = %v", err)
				}
				next += 4
			}
		})
		want := slices.Clone(unchanged)
		if !oldest {
			slices.Reverse(want)
		}
		got = slices.DeleteFunc(got, func(id string) bool { return !slices.Contains(unchanged, id) })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("oldest first %v: rows that existed during all pages (-want +got)\n%s", oldest, diff)
		}
	}
}

func lists(t *testing.T, db store.DB) {
	cells := store.Open(db, CellSchema())
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
		"543210": {Scopes: []string{store.All}}, "012345": {Scopes: []string{store.All}, Order: store.OldestFirst}, "210": {Scopes: []string{"ann"}}, "": {Scopes: []string{"eve"}},
		"10":  {Scopes: []string{"ann"}, Filters: map[string]string{"colour": "red"}},
		"310": {Scopes: []string{store.All}, Filters: map[string]string{"colour": "red", "shape": ""}},
		"31":  {Scopes: []string{store.All}, Filters: map[string]string{"colour": "red", "shape": "flat"}},
		"1":   {Scopes: []string{"ann"}, Filters: map[string]string{"colour": "red", "shape": "flat"}},
		"2":   {Scopes: []string{store.All}, Filters: map[string]string{"colour": "blue"}},
		"5":   {Scopes: []string{store.All}, Filters: map[string]string{"colour": "red\x00colour\x00blue"}},
	} {
		q.Limit = 2
		wantList(t, cells, q, names, want)
	}
}

// wantList compares the names of the rows that q lists.
func wantList(t *testing.T, cells *store.Collection[Cell], q store.Query, names map[string]string, want string) {
	t.Helper()
	var got strings.Builder
	for _, id := range fullPages(t, cells, q, noop) {
		got.WriteString(names[id])
	}
	if got.String() != want {
		t.Errorf("List(%+v) = %s, want %s", q, got.String(), want)
	}
}

func cursors(t *testing.T, db store.DB) {
	cells := store.Open(db, CellSchema())
	for i := range 4 {
		insert(t, cells, newID(), Cell{Owner: "ann", Colour: "red", Made: day(i)})
	}
	query := store.Query{Scopes: []string{"ann"}, Limit: 2}
	page, err := cells.List(t.Context(), query)
	if err != nil || page.Next == "" {
		t.Fatalf("List = %+v, %v", page, err)
	}
	other := "A"
	if strings.HasPrefix(page.Next, other) {
		other = "B"
	}
	invalid := map[string]store.Query{
		"other scope":        {Scopes: []string{store.All}, Cursor: page.Next, Limit: 2},
		"other filter":       {Scopes: []string{"ann"}, Filters: map[string]string{"colour": "red"}, Cursor: page.Next, Limit: 2},
		"other order":        {Scopes: []string{"ann"}, Order: store.OldestFirst, Cursor: page.Next, Limit: 2},
		"not base64":         {Scopes: []string{"ann"}, Cursor: "!!", Limit: 2},
		"too short":          {Scopes: []string{"ann"}, Cursor: "AAAA", Limit: 2},
		"truncated":          {Scopes: []string{"ann"}, Cursor: page.Next[:len(page.Next)-4], Limit: 2},
		"altered":            {Scopes: []string{"ann"}, Cursor: other + page.Next[1:], Limit: 2},
		"altered at the end": {Scopes: []string{"ann"}, Cursor: page.Next[:len(page.Next)-4] + "enp6", Limit: 2}, // zzz is not the end of a UUID
	}
	for name, q := range invalid {
		if _, err := cells.List(t.Context(), q); !fault.Is(err, fault.Malformed) {
			t.Errorf("%s: List = %v, want malformed", name, err)
		}
	}
	for limit, want := range map[int]int{-1: 1, 0: 1, store.MaxLimit + 1: 4} {
		page, err := cells.List(t.Context(), store.Query{Scopes: []string{"ann"}, Limit: limit})
		if err != nil || len(page.Rows) != want {
			t.Errorf("limit %d: %d rows, %v, want %d", limit, len(page.Rows), err, want)
		}
	}
	query.Limit, query.Cursor = 1, page.Next // the limit may differ between pages
	if page, err := cells.List(t.Context(), query); err != nil || len(page.Rows) != 1 {
		t.Errorf("page with another limit: %+v, %v, want one row", page, err)
	}
}

func largePages(t *testing.T, db store.DB) {
	cells := store.Open(db, CellSchema())
	big := wire.Value(`"` + strings.Repeat("x", 3<<20) + `"`)
	for i := range 5 {
		insert(t, cells, newID(), Cell{Owner: "ann", Made: day(i), Data: big})
	}
	var sizes []int
	for _, ids := range pages(t, cells, store.Query{Scopes: []string{"ann"}, Limit: 200}, noop) {
		sizes = append(sizes, len(ids))
	}
	if diff := cmp.Diff([]int{2, 2, 1}, sizes); diff != "" {
		t.Errorf("rows per page of at most 8 MiB (-want +got)\n%s", diff)
	}
	// Each of these arrays is 200 kB as JSON but more than 1 MB in MongoDB.
	numbers := wire.Value("[1" + strings.Repeat(",1", 99_999) + "]")
	for i := range 20 {
		insert(t, cells, newID(), Cell{Owner: "bob", Made: day(i), Data: numbers})
	}
	sizes = nil
	for _, ids := range pages(t, cells, store.Query{Scopes: []string{"bob"}, Limit: 200}, noop) {
		sizes = append(sizes, len(ids))
	}
	if diff := cmp.Diff([]int{20}, sizes); diff != "" {
		t.Errorf("rows per page of documents that are larger in the database than as JSON (-want +got)\n%s", diff)
	}
}

// scopes merges the lists of several owners: each aggregate is listed once, in
// order, with every page size.
func scopes(t *testing.T, db store.DB) {
	schema := CellSchema()
	schema.Indexes = func(c *Cell) store.Indexes {
		return store.Indexes{Scopes: strings.Split(c.Owner, ","), Created: c.Made, Filters: map[string]string{"colour": c.Colour}}
	}
	cells := store.Open(db, schema)
	mergedLists(t, cells)
	mergedLargePages(t, cells)
}

func mergedLists(t *testing.T, cells *store.Collection[Cell]) {
	names := map[string]string{}
	for i, owner := range []string{"new", "old", "new,old", "eve", "old", "new", "old,new", "new"} {
		id := newID()
		names[id] = fmt.Sprint(i)
		insert(t, cells, id, Cell{Owner: owner, Made: day(i / 2), Colour: []string{"red", "blue"}[i%2]})
	}
	for _, c := range []struct {
		q    store.Query
		want string
	}{
		{store.Query{Scopes: []string{"new", "old"}}, "7654210"},
		{store.Query{Scopes: []string{"new", "old"}, Order: store.OldestFirst}, "0124567"},
		{store.Query{Scopes: []string{"new", "none", "new"}}, "76520"},
		{store.Query{Scopes: []string{"new", "old"}, Filters: map[string]string{"colour": "red"}}, "6420"},
		{store.Query{Scopes: []string{"new", "old"}, From: day(1), Until: day(3)}, "542"},
		{store.Query{Scopes: []string{"new"}, AnyOf: store.AnyOf{Filter: "colour", Values: []string{"red", "green", "blue", "red"}}}, "76520"},
		{store.Query{Scopes: []string{"new", "old"}, AnyOf: store.AnyOf{Filter: "colour", Values: []string{"blue", "green"}}}, "751"},
		{store.Query{Scopes: []string{"new"}, AnyOf: store.AnyOf{Filter: "colour", Values: []string{""}}}, ""},
		{store.Query{Scopes: []string{"new"}, AnyOf: store.AnyOf{Filter: "colour"}}, ""},
		{store.Query{}, ""}, // no scope
	} {
		for limit := 1; limit < 9; limit++ {
			c.q.Limit = limit
			wantList(t, cells, c.q, names, c.want)
		}
	}
}

// mergedLargePages merges pages that end early because of their size.
func mergedLargePages(t *testing.T, cells *store.Collection[Cell]) {
	names := map[string]string{}
	big := wire.Value(`"` + strings.Repeat("x", 3<<20) + `"`)
	want := ""
	for i := range 8 {
		id := newID()
		names[id] = string(rune('a' + i))
		want = names[id] + want
		insert(t, cells, id, Cell{Owner: []string{"new", "old"}[i/5], Made: day(50 + i), Data: big})
	}
	var got strings.Builder
	for _, id := range slices.Concat(pages(t, cells, store.Query{Scopes: []string{"new", "old"}, From: day(50), Limit: 200}, noop)...) {
		got.WriteString(names[id])
	}
	if got.String() != want {
		t.Errorf("listed %s, want %s", got.String(), want)
	}
}

// times lists aggregates created within a period.
func times(t *testing.T, db store.DB) {
	cells := store.Open(db, CellSchema())
	names := map[string]string{}
	for i := range 6 {
		id := newID()
		names[id] = fmt.Sprint(i)
		insert(t, cells, id, Cell{Owner: "ann", Made: day(i)})
	}
	for _, c := range []struct {
		from, until time.Time
		want        string
	}{
		{day(2), day(4), "23"},
		{day(2), time.Time{}, "2345"},
		{time.Time{}, day(2), "01"},
		{day(2).Add(time.Microsecond), day(4).Add(time.Microsecond), "34"},
		{day(4), day(2), ""},
		{time.Unix(-1, 0), day(1), "0"},
		{time.Time{}, time.Unix(-1, 0), ""},
		{day(5), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), "5"},
	} {
		q := store.Query{Scopes: []string{"ann"}, From: c.from, Until: c.until, Order: store.OldestFirst, Limit: 1}
		wantList(t, cells, q, names, c.want)
		q.Order = store.NewestFirst
		reversed := []byte(c.want)
		slices.Reverse(reversed)
		wantList(t, cells, q, names, string(reversed))
	}
	page, err := cells.List(t.Context(), store.Query{Scopes: []string{"ann"}, From: day(1), Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cells.List(t.Context(), store.Query{Scopes: []string{"ann"}, From: day(2), Limit: 1, Cursor: page.Next}); !fault.Is(err, fault.Malformed) {
		t.Errorf("List with the cursor of another period = %v, want malformed", err)
	}
}
