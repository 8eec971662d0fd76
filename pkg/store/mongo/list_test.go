package mongo_test

import (
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/mongo"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// TestListExaminesShortestList asks the server how many records a list with two
// filters reads: 10 of 400 have one of the values.
func TestListExaminesShortestList(t *testing.T) {
	name := newName()
	coll := collection(t, name)
	cells := store.Open(open(t, name), storetest.CellSchema())
	var writes []store.Write[storetest.Cell]
	for i := range 400 {
		c := storetest.Cell{Owner: "ann", Colour: "red", Shape: "round"}
		if i%40 == 0 {
			c.Shape = "square"
		}
		writes = append(writes, store.Write[storetest.Cell]{ID: newName(), Doc: c})
	}
	if _, err := cells.InsertMany(t.Context(), writes); err != nil {
		t.Fatal(err)
	}
	const red, square = "ann\x00colour\x00red", "ann\x00shape\x00square"
	for _, lists := range [][]string{{square, red}, {square}} {
		find := bson.D{{Key: "find", Value: coll.Name()}, {Key: "filter", Value: mongo.ListFilter(store.ListQuery{Lists: lists})}, {Key: "sort", Value: bson.D{{Key: "keys.sort", Value: -1}}}, {Key: "limit", Value: 50}}
		var explained struct {
			ExecutionStats struct{ NReturned, TotalDocsExamined int }
		}
		if err := coll.Database().RunCommand(t.Context(), bson.D{{Key: "explain", Value: find}, {Key: "verbosity", Value: "executionStats"}}).Decode(&explained); err != nil {
			t.Fatal(err)
		}
		if stats := explained.ExecutionStats; stats.NReturned != 10 || stats.TotalDocsExamined != 10 {
			t.Errorf("%q: %+v, want 10 documents examined and returned", lists, stats)
		}
	}
}
