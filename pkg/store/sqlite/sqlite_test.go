package sqlite_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/sqlite"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

func open(t *testing.T, path string) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(context.Background()) })
	return db
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.DB { return open(t, filepath.Join(t.TempDir(), "new", "a ?#%.db")) })
}

func TestMain(m *testing.M) { storetest.Main(m, openPath) }

func openPath(ctx context.Context, path string) (store.DB, error) { return sqlite.Open(ctx, path) }

func TestKilledWritersLoseNothing(t *testing.T) {
	storetest.Crash(t, filepath.Join(t.TempDir(), "crash.db"), openPath)
}
