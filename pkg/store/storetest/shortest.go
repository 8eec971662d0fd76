package storetest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/store"
)

// recorder is a database that records which list each page reads.
type recorder struct {
	store.DB
	read *[]string
}

type recordingTable struct {
	store.Table
	read *[]string
}

func (r recorder) Table(name string, unique []string) store.Table {
	return recordingTable{r.DB.Table(name, unique), r.read}
}

func (r recordingTable) List(ctx context.Context, q store.ListQuery) ([]store.Record, error) {
	*r.read = append(*r.read, q.Lists[0])
	return r.Table.List(ctx, q)
}

// shortestList lists cells with two filters: a page reads the list with fewer cells
// after its cursor, whatever the names of the filters.
func shortestList(t *testing.T, db store.DB) {
	var read []string
	cells := store.Open(recorder{db, &read}, CellSchema())
	var writes []store.Write[Cell]
	for i := range 400 {
		c := Cell{Owner: "ann", Colour: "red", Shape: "round", Made: day(i)}
		if i%40 == 0 {
			c.Shape = "square" // 10 of 400
		}
		if i >= 250 {
			c.Colour = fmt.Sprint("colour ", i) // 150 cells
		}
		writes = append(writes, store.Write[Cell]{ID: newID(), Doc: c})
	}
	if _, err := cells.InsertMany(t.Context(), writes); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		colour, shape string
		order         store.Order
		count         int
		want          string
	}{
		{"red", "square", store.NewestFirst, 7, "square"},
		{"red", "round", store.NewestFirst, 243, "red"}, // 250 of 390
		{"colour 300", "round", store.OldestFirst, 1, "colour 300"},
		{"green", "round", store.OldestFirst, 0, "green"},
	} {
		read = nil
		q := store.Query{Scopes: []string{"ann"}, Filters: map[string]string{"colour": c.colour, "shape": c.shape}, Order: c.order, Limit: 200}
		n := 0
		for _, page := range pages(t, cells, q, noop) {
			n += len(page)
		}
		if n != c.count || !strings.HasSuffix(read[0], "\x00"+c.want) {
			t.Errorf("%s and %s: %d cells from the list %q, want %d from %s", c.colour, c.shape, n, read[0], c.count, c.want)
		}
	}
}
