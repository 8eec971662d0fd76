package storetest

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// reindexed returns the cells of a release without an index version, and of the next
// release, in which serial numbers are compared in lower case.
func reindexed(db store.DB) (earlier, current *store.Collection[Cell]) {
	next := CellSchema()
	next.IndexVersion = 1
	next.Unique = func(c *Cell) map[string]string { return map[string]string{"serial": strings.ToLower(c.Serial)} }
	lists := next.Indexes
	next.Indexes = func(c *Cell) store.Indexes {
		in := lists(c)
		in.Filters = map[string]string{"serial": strings.ToLower(c.Serial)}
		return in
	}
	return store.Open(db, CellSchema()), store.Open(db, next)
}

// redYields is a ReindexQuery.Yields.
func redYields(holder, other *Cell) bool { return holder.Colour == "red" && other.Colour != "red" }

// reindexAll reindexes all cells of ann and returns the conflicts.
func reindexAll(t *testing.T, cells *store.Collection[Cell]) (conflicts []string) {
	t.Helper()
	for q := (store.ReindexQuery[Cell]{Scope: "ann", Yields: redYields}); ; {
		page, err := cells.Reindex(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		conflicts = append(conflicts, page.Conflicts...)
		if q.Cursor = page.Next; q.Cursor == "" {
			return conflicts
		}
	}
}

// reindex migrates cells whose unique values change. Documents, versions and events
// stay. A cell whose value another one has can be changed, and deleted.
func reindex(t *testing.T, db store.DB) {
	earlier, current := reindexed(db)
	var ids []string
	for i, c := range []Cell{{Serial: "AB1"}, {Serial: "AB2"}, {Serial: "ab2"}, {Serial: "ab3", Colour: "red"}, {Serial: "AB3"}, {Serial: "AB4"}, {Serial: "Ab4"}} {
		id := newID()
		ids = append(ids, id)
		c.Owner, c.Made = "ann", day(i)
		insert(t, earlier, id, c, counted(id, i))
	}
	for pass, want := range [][]string{{ids[1], ids[6]}, {ids[1], ids[3], ids[6]}} { // ids[3] gives its value up to ids[4]
		if diff := cmp.Diff(want, reindexAll(t, current)); diff != "" {
			t.Errorf("pass %d: conflicts (-want +got)\n%s", pass, diff)
		}
	}
	for serial, id := range map[string]string{"ab1": ids[0], "ab2": ids[2], "AB2": ids[1], "ab3": ids[4], "ab4": ids[5], "Ab4": ids[6]} {
		row, err := current.GetBy(t.Context(), "serial", serial)
		if err != nil || row.ID != id || row.Version != 1 {
			t.Errorf("GetBy(%s) = %+v, %v, want %s in version 1", serial, row, err, id)
		}
		if events := WaitingEvents(t, current.Outbox(), id); len(events) != 1 {
			t.Errorf("%d events of %s wait, want 1", len(events), id)
		}
		if page, err := current.List(t.Context(), store.Query{Scopes: []string{"ann"}, Filters: map[string]string{"serial": strings.ToLower(serial)}, Limit: 9}); err != nil ||
			!slices.ContainsFunc(page.Rows, func(r store.Row[Cell]) bool { return r.ID == id }) {
			t.Errorf("list of serial %s = %+v, %v, want %s in it", serial, page.Rows, err, id)
		}
	}
	changeDuplicate(t, current, ids[1])
	changeDuplicate(t, current, ids[3])
	for _, id := range ids {
		if row, err := earlier.Get(t.Context(), id); err != nil {
			t.Errorf("Get of the earlier release = %+v, %v", row, err)
		}
	}
}

// changeDuplicate changes a cell whose serial number another one has.
func changeDuplicate(t *testing.T, cells *store.Collection[Cell], id string) {
	t.Helper()
	for keep, ok := range map[bool]bool{true: true, false: false} {
		_, err := cells.Update(t.Context(), id, func(c *Cell) (store.Change, error) {
			c.Count++
			return store.Change{KeepUnique: keep}, nil
		})
		if ok && err != nil || !ok && !fault.Is(err, fault.Conflict) {
			t.Errorf("Update of a duplicate with KeepUnique %v = %v", keep, err)
		}
	}
	if row, err := cells.Get(t.Context(), id); err != nil || row.Doc.Count != 1 || row.Version != 2 {
		t.Errorf("after one change: %+v, %v", row, err)
	}
}

// reindexAfterRollback changes a reindexed cell with the earlier release, which writes
// its own values, and reindexes it again.
func reindexAfterRollback(t *testing.T, db store.DB) {
	earlier, current := reindexed(db)
	id := newID()
	insert(t, earlier, id, Cell{Serial: "AB1", Owner: "ann"})
	for version := int64(1); version < 3; version++ {
		if conflicts := reindexAll(t, current); conflicts != nil {
			t.Errorf("conflicts %v", conflicts)
		}
		if row, err := current.GetBy(t.Context(), "serial", "ab1"); err != nil || row.ID != id || row.Version != version {
			t.Errorf("GetBy = %+v, %v, want version %d", row, err, version)
		}
		if _, err := current.GetBy(t.Context(), "serial", "AB1"); !fault.Is(err, fault.NotFound) {
			t.Errorf("GetBy of the earlier value = %v, want not found", err)
		}
		if _, err := earlier.Update(t.Context(), id, func(c *Cell) (store.Change, error) { c.Count++; return store.Change{}, nil }); err != nil {
			t.Fatal(err)
		}
	}
}
