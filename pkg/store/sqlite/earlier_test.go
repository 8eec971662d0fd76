package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// wholeKeys brings the lists of cells into the form of earlier releases, which stored the whole key of a list in each row.
const wholeKeys = `
DROP TABLE cells_list;
CREATE TABLE cells_list (token TEXT, sort TEXT, PRIMARY KEY (token, sort)) STRICT, WITHOUT ROWID;
INSERT INTO cells_list SELECT s.value || char(0) || char(0), sort FROM cells, json_each(keys, '$.scopes') s
	UNION SELECT s.value || char(0) || f.key || char(0) || f.value, sort FROM cells, json_each(keys, '$.scopes') s, json_each(keys, '$.filters') f;`

// listsInKeys is the form of releases before those of wholeKeys, which stored the keys of lists and the position in the
// column keys, and an id in each row of a list.
const listsInKeys = wholeKeys + `
UPDATE cells SET keys = json_remove(json_set(keys, '$.sort', sort, '$.lists',
	json((SELECT json_group_array(token) FROM cells_list l WHERE l.sort = cells.sort))), '$.scopes', '$.filters');
ALTER TABLE cells_list ADD COLUMN id TEXT NOT NULL DEFAULT '';
UPDATE cells_list SET id = substr(sort, instr(sort, '.') + 1);`

// TestRecordsOfEarlierReleases are listed, and leave their lists when they change or are deleted. The
// earlier release then fails instead of finding nothing.
func TestRecordsOfEarlierReleases(t *testing.T) {
	for name, form := range map[string]string{"whole keys": wholeKeys, "lists in keys": listsInKeys} {
		t.Run(name, func(t *testing.T) { testEarlierForm(t, form) })
	}
}

func testEarlierForm(t *testing.T, form string) {
	path := filepath.Join(t.TempDir(), "earlier.db")
	cells := store.Open(open(t, path), storetest.CellSchema())
	for id, made := range map[string]time.Time{"a": {}, "b": time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC), "c.d": {}} {
		if _, err := cells.Insert(t.Context(), id, storetest.Cell{Serial: id, Owner: "ann", Colour: "red", Shape: "flat", Made: made}); err != nil {
			t.Fatal(err)
		}
	}
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(form); err != nil {
		t.Fatal(err)
	}
	cells = store.Open(open(t, path), storetest.CellSchema())
	want := func(colour string, want ...string) {
		t.Helper()
		var got []string
		for row, err := range cells.All(t.Context(), store.Query{Scopes: []string{"ann"}, Filters: map[string]string{"colour": colour, "shape": "flat"}}) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, row.ID)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("list of %s (-want +got)\n%s", colour, diff)
		}
	}
	want("red", "b", "c.d", "a")
	if _, err := db.Exec("SELECT 1 FROM cells_list WHERE token = 'x'"); err == nil {
		t.Error("the earlier release can still read the lists")
	}
	if _, err := cells.Update(t.Context(), "a", func(c *storetest.Cell) (store.Change, error) {
		c.Colour, c.Serial = "blue", "b"
		return store.Change{}, nil
	}); err == nil {
		t.Error("Update to an existing serial = nil, want a conflict")
	}
	if _, err := cells.Update(t.Context(), "a", func(c *storetest.Cell) (store.Change, error) { c.Colour = "blue"; return store.Change{}, nil }); err != nil {
		t.Fatal(err)
	}
	if err := cells.Delete(t.Context(), "c.d", 1); err != nil {
		t.Fatal(err)
	}
	want("blue", "a")
	want("red", "b")
	var rows int
	if err := db.QueryRow("SELECT count(*) FROM cells_list").Scan(&rows); err != nil || rows != 12 { // 2 scopes, 2 filters, 2 cells
		t.Errorf("%d rows of lists, %v, want 12", rows, err)
	}
}
