package mongo_test

import (
	"fmt"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// TestListsExamineOnlyTheirPage asks the server how many records it examines for the commands of
// lists: of 400 cells, 10 are square.
func TestListsExamineOnlyTheirPage(t *testing.T) {
	cells, sent := openMonitored(t)
	var writes []store.Write[storetest.Cell]
	for i := range 400 {
		c := storetest.Cell{Owner: "ann", Colour: "red", Shape: "round"}
		if i%40 == 0 {
			c.Shape = "square"
		}
		writes = append(writes, store.Write[storetest.Cell]{ID: fmt.Sprintf("%03d", i), Doc: c})
	}
	if _, err := cells.InsertMany(t.Context(), writes); err != nil {
		t.Fatal(err)
	}
	red, square := map[string]string{"colour": "red"}, map[string]string{"shape": "square"}
	for name, c := range map[string]struct {
		query store.Query
		want  int // records: those of the page and the one after it
	}{
		"no filter":           {store.Query{}, 51},
		"one filter":          {store.Query{Filters: red}, 51},
		"oldest first":        {store.Query{Filters: red, Order: store.OldestFirst}, 51},
		"deep page":           {store.Query{Filters: red, Cursor: store.Query{Scopes: []string{"ann"}, Filters: red}.CursorAfter(storetest.Cell{}.Made, "200")}, 51},
		"filter of few":       {store.Query{Filters: square}, 10},
		"shortest of filters": {store.Query{Filters: map[string]string{"colour": "red", "shape": "square"}}, 10},
	} {
		c.query.Scopes, c.query.Limit = []string{"ann"}, 50
		page, err := cells.List(t.Context(), c.query)
		if err != nil || len(page.Rows) != min(c.want, 50) {
			t.Fatalf("%s: List = %d rows, %v, want %d", name, len(page.Rows), err, min(c.want, 50))
		}
		command := sent.last()
		var find bson.D
		for _, field := range []string{"find", "filter", "projection", "sort", "limit"} {
			find = append(find, bson.E{Key: field, Value: command.Lookup(field)})
		}
		var explained struct {
			ExecutionStats struct{ NReturned, TotalDocsExamined int }
		}
		if err := sent.db.RunCommand(t.Context(), bson.D{{Key: "explain", Value: find}, {Key: "verbosity", Value: "executionStats"}}).Decode(&explained); err != nil {
			t.Fatal(err)
		}
		if stats := explained.ExecutionStats; stats.NReturned != c.want || stats.TotalDocsExamined != c.want {
			t.Errorf("%s: %+v, want %d records examined and returned", name, stats, c.want)
		}
	}
}
