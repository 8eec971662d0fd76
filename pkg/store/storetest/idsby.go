package storetest

import (
	"fmt"
	"testing"

	"github.com/battery-passport/suite/pkg/store"
)

// idsBy looks up 1,000 values: of cells, of deleted ones with and without waiting events, and of another index.
func idsBy(t *testing.T, db store.DB) {
	cells := store.Open(db, CellSchema())
	want := map[string]string{}
	var values []string
	for i := range 997 {
		values = append(values, fmt.Sprintf("value %03d'\"\u00fc", i))
		if i%10 == 0 {
			want[values[i]] = newID()
			insert(t, cells, want[values[i]], Cell{Serial: values[i]})
		}
	}
	deleted, waiting := newID(), newID()
	insert(t, cells, deleted, Cell{Serial: "deleted"})
	insert(t, cells, waiting, Cell{Serial: "waiting"}, counted(waiting, 1))
	insert(t, cells, newID(), Cell{Serial: "none of them", Rack: "rack"})
	for _, err := range []error{cells.Delete(t.Context(), deleted, 1), cells.Delete(t.Context(), waiting, 1, counted(waiting, 2))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	ids, err := cells.IDsBy(t.Context(), "serial", append(values, "deleted", "waiting", "rack"))
	if err != nil || len(ids) != len(want) {
		t.Errorf("IDsBy = %d ids, %v, want %d", len(ids), err, len(want))
	}
	for value, id := range ids {
		if want[value] != id {
			t.Errorf("IDsBy: %q has the id %q, want %q", value, id, want[value])
		}
	}
	if ids, err := cells.IDsBy(t.Context(), "rack", []string{"rack", values[0]}); err != nil || len(ids) != 1 || ids["rack"] == "" {
		t.Errorf("IDsBy of the other index = %v, %v, want one id", ids, err)
	}
}
