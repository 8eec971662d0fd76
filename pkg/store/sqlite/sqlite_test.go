package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
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

// TestPingFailsWhileFileIsLocked locks the file as another process would.
func TestPingFailsWhileFileIsLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "held.db")
	db := open(t, path)
	if err := db.Ping(t.Context()); err != nil {
		t.Fatalf("Ping = %v", err)
	}
	other, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.SetMaxOpenConns(1)
	if _, err := other.Exec("BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if err := db.Ping(t.Context()); !fault.Is(err, fault.Unavailable) || time.Since(start) > 20*time.Second {
		t.Errorf("Ping = %v after %v, want unavailable soon", err, time.Since(start))
	}
	if _, err := other.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := db.Ping(t.Context()); err != nil {
		t.Errorf("Ping after the lock is released = %v", err)
	}
}

func TestFilesAreReadableByOwnerOnly(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cells := store.Open(open(t, filepath.Join(dir, "own.db")), storetest.CellSchema())
	if _, err := cells.Insert(t.Context(), "id", storetest.Cell{}); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 3 {
		t.Fatalf("files %v, %v, want the database, its log and its index", files, err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v, want 0600", f.Name(), info.Mode(), err)
		}
	}
}

// TestBrokenFileIsUnavailable uses a corrupt file, and one that cannot be written.
func TestBrokenFileIsUnavailable(t *testing.T) {
	t.Run("corrupt", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "broken.db")
		db := open(t, path)
		if _, err := store.Open(db, storetest.CellSchema()).Insert(t.Context(), "id", storetest.Cell{}); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range data[4096:] { // all pages except the first, which has the schema
			data[4096+i] = 0xff
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := store.Open(open(t, path), storetest.CellSchema()).Get(t.Context(), "id"); !fault.Is(err, fault.Unavailable) {
			t.Errorf("Get = %v, want unavailable", err)
		}
	})
	t.Run("read only", func(t *testing.T) {
		db := open(t, filepath.Join(t.TempDir(), "readonly.db"))
		if err := sqlite.RefuseWrites(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		if _, err := store.Open(db, storetest.CellSchema()).Insert(t.Context(), "id", storetest.Cell{}); !fault.Is(err, fault.Unavailable) {
			t.Errorf("Insert = %v, want unavailable", err)
		}
	})
}

// TestFailedWritesDoNotAffectTheirTransaction runs concurrent writes and lets some
// fail. Each returns its own result, and exactly the successful ones are stored.
func TestFailedWritesDoNotAffectTheirTransaction(t *testing.T) {
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	table := db.Table("things", []string{"n"})
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	var wg sync.WaitGroup
	var mu sync.Mutex
	stored, duplicates := map[string]string{}, []string{}
	outcomes := map[string]int{}
	for i := range 300 {
		wg.Go(func() {
			ctx := t.Context()
			if i%10 == 0 {
				ctx = canceled
			}
			id, n := fmt.Sprint(i), fmt.Sprint(i%100)
			err := insertOne(ctx, table, store.Record{ID: id, Version: 1, Unique: map[string]string{"n": n}, Doc: []byte(`{}`)})
			mu.Lock()
			defer mu.Unlock()
			switch _, duplicate := store.Duplicate(err); {
			case err == nil:
				stored[n] = id
				outcomes["stored"]++
			case duplicate:
				duplicates = append(duplicates, id)
				outcomes["duplicate"]++
			case fault.Is(err, fault.Unavailable):
				outcomes["canceled"]++
			default:
				t.Errorf("insert %s: %v", id, err)
			}
		})
	}
	wg.Wait()
	if outcomes["stored"] != 90 || outcomes["duplicate"] != 180 || outcomes["canceled"] != 30 {
		t.Errorf("outcomes %v, want 90 stored, 180 duplicate, 30 canceled", outcomes)
	}
	for i := range 100 {
		n := fmt.Sprint(i)
		r, err := table.GetBy(t.Context(), "n", n)
		if id, ok := stored[n]; ok != (err == nil) || r.ID != id {
			t.Errorf("GetBy(n, %s) = %q, %v, want %q", n, r.ID, err, id)
		}
	}
	for _, id := range duplicates { // rolled back, although others of its transaction are stored
		if _, err := table.Get(t.Context(), id); !fault.Is(err, fault.NotFound) {
			t.Errorf("Get of duplicate %s = %v, want not found", id, err)
		}
	}
}

func insertOne(ctx context.Context, table store.Table, r store.Record) error {
	errs, err := table.Insert(ctx, store.Insertion{Record: r})
	if err != nil {
		return err
	}
	return errs[0]
}
