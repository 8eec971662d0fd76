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

// CheckStoredForm reads testdata/NAME.json, a record as a release stored it, and
// fails if the schema does not decode it to the same document. Never change these
// files: they represent the content of databases. A later schema version adds files
// and uses the existing ones to test its migration.
func CheckStoredForm[T any](t *testing.T, schema store.Schema[T]) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", schema.Name+".json"))
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
	if _, err := db.Table(schema.Name, schema.UniqueIndexes).Insert(t.Context(), store.Insertion{Record: record}); err != nil {
		t.Fatal(err)
	}
	row, err := store.Open(db, schema).Get(t.Context(), golden.ID)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := wire.Marshal(row.Doc)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(tree(t, golden.Doc), tree(t, encoded)); diff != "" {
		t.Errorf("%s of schema version %d (-want +got)\n%s", schema.Name, golden.Schema, diff)
	}
}

func tree(t *testing.T, text []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}
