package storetest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/sqlite"
	"github.com/battery-passport/suite/pkg/wire"
)

// CheckStoredForm reads testdata/NAME.json, a record of the kind as it was stored
// once, and fails when the kind does not come to the same document of it, or
// loses a part. Those files stay as they are: they are what is in databases. A
// later schema adds files of its own, and keeps these for its migration.
func CheckStoredForm[T any](t *testing.T, kind store.Schema[T]) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", kind.Name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		ID      string          `json:"id"`
		Schema  int             `json:"schema"`
		Version int64           `json:"version"`
		Doc     json.RawMessage `json:"doc"`
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "stored.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(t.Context())
	record := store.Record{ID: golden.ID, Schema: golden.Schema, Version: golden.Version, Doc: wire.Value(golden.Doc)}
	if _, err := db.Table(kind.Name, kind.UniqueIndexes).Insert(t.Context(), store.Insertion{Record: record}); err != nil {
		t.Fatal(err)
	}
	row, err := store.Open(db, kind).Get(t.Context(), golden.ID)
	if err != nil {
		t.Fatal(err)
	}
	again, err := wire.Marshal(row.Doc)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(tree(t, golden.Doc), tree(t, again)); diff != "" {
		t.Errorf("%s as stored by schema %d (-want +got)\n%s", kind.Name, golden.Schema, diff)
	}
}

func tree(t *testing.T, text []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}
