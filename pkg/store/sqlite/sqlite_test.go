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

// TestPingTellsThatNobodyMayWrite has another process hold the file.
func TestPingTellsThatNobodyMayWrite(t *testing.T) {
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
	if err := db.Ping(t.Context()); !fault.Is(err, fault.Unavailable) || time.Since(start) > 4*time.Second {
		t.Errorf("Ping = %v after %v, want unavailable soon", err, time.Since(start))
	}
	if _, err := other.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := db.Ping(t.Context()); err != nil {
		t.Errorf("Ping when the file is free again = %v", err)
	}
}

func TestFilesAreForTheirOwnerAlone(t *testing.T) {
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
		t.Fatalf("%v, %v, want the file, its log and its index", files, err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s is %v, %v", f.Name(), info.Mode(), err)
		}
	}
}

// TestBrokenFileIsUnavailable has a disk that lost what was on it, and one that
// takes no more writes.
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
		for i := range data[4096:] { // all but the page that tells of the tables
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

// TestWritesOfOneCommit has many write at once, of whom some fail: each is told
// what came of its own, and what is stored is what succeeded.
func TestWritesOfOneCommit(t *testing.T) {
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	table := db.Table("things", []string{"n"})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	var wg sync.WaitGroup
	var mu sync.Mutex
	stored, refused := map[string]string{}, []string{}
	outcomes := map[string]int{}
	for i := range 300 {
		wg.Go(func() {
			ctx := t.Context()
			if i%10 == 0 {
				ctx = gone
			}
			id, n := fmt.Sprint(i), fmt.Sprint(i%100)
			err := insertOne(ctx, table, store.Record{ID: id, Version: 1, Unique: map[string]string{"n": n}, Doc: []byte(`{}`)})
			mu.Lock()
			defer mu.Unlock()
			switch _, taken := store.Duplicate(err); {
			case err == nil:
				stored[n] = id
				outcomes["stored"]++
			case taken:
				refused = append(refused, id)
				outcomes["taken"]++
			case fault.Is(err, fault.Unavailable):
				outcomes["given up"]++
			default:
				t.Errorf("insert %s: %v", id, err)
			}
		})
	}
	wg.Wait()
	if outcomes["stored"] != 90 || outcomes["taken"] != 180 || outcomes["given up"] != 30 {
		t.Errorf("outcomes: %v", outcomes)
	}
	for i := range 100 {
		n := fmt.Sprint(i)
		r, err := table.GetBy(t.Context(), "n", n)
		if id, ok := stored[n]; ok != (err == nil) || r.ID != id {
			t.Errorf("%s is stored as %q, %v, want %q", n, r.ID, err, id)
		}
	}
	for _, id := range refused { // nothing of it is there, though others of its transaction are
		if _, err := table.Get(t.Context(), id); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s was refused, and Get = %v", id, err)
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
