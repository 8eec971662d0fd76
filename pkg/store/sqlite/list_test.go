package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/sqlite"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// TestListReadsRangeOfFirstList checks with the query plan that a page reads a range of
// the first list, and looks up single rows in the others.
func TestListReadsRangeOfFirstList(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plan.db")
	cells := store.Open(open(t, path), storetest.CellSchema())
	if _, err := cells.List(t.Context(), store.Query{Scopes: []string{store.All}}); err != nil { // creates the tables
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	query, args := sqlite.ListStatement("cells", store.ListQuery{Lists: []string{"short", "long"}, Limit: 50})
	rows, err := db.Query("EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(detail, "SEARCH") || strings.HasPrefix(detail, "SCAN") || strings.Contains(detail, "TEMP") {
			plan = append(plan, detail)
		}
	}
	want := []string{
		"SEARCH l USING PRIMARY KEY (name=? AND sort>? AND sort<?)",
		"SEARCH cells_list EXISTS USING PRIMARY KEY (name=? AND sort=?)",
		"SEARCH r USING INDEX sqlite_autoindex_cells_1 (id=?)",
	}
	if diff := cmp.Diff(want, plan); diff != "" {
		t.Errorf("query plan (-want +got)\n%s", diff)
	}
}
