package sqlite_test

import (
	"database/sql"
	"encoding/binary"
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

// TestConcurrentWritesShareACommit counts the commits in the write-ahead log: all
// writes that are queued during a transaction share the next commit.
func TestConcurrentWritesShareACommit(t *testing.T) {
	const writes = 60
	path := filepath.Join(t.TempDir(), "group.db")
	db := open(t, path)
	cells := store.Open(db, storetest.CellSchema())
	if _, err := cells.Insert(t.Context(), "first", storetest.Cell{}); err != nil { // creates the tables
		t.Fatal(err)
	}
	other, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.SetMaxOpenConns(1)
	if _, err := other.Exec("BEGIN IMMEDIATE"); err != nil { // blocks the first write
		t.Fatal(err)
	}
	before := commits(t, path+"-wal")
	var wg sync.WaitGroup
	for i := range writes {
		wg.Go(func() {
			insert := func() error { _, err := cells.Insert(t.Context(), fmt.Sprint(i), storetest.Cell{}); return err }
			err := insert()
			for fault.Is(err, fault.Unavailable) { // the transaction took too long
				err = insert()
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	// Writes of the first transaction are not in the queue.
	for deadline := time.Now().Add(1500 * time.Millisecond); sqlite.Queued(db) < writes/2 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if _, err := other.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if n := commits(t, path+"-wal") - before; n < 1 || n > writes/4 {
		t.Errorf("%d writes took %d commits, want 1 to %d", writes, n, writes/4)
	}
}

// commits counts the commit frames of a write-ahead log: those that contain the size
// of the database. https://www.sqlite.org/fileformat2.html#walformat
func commits(t *testing.T, path string) (n int) {
	t.Helper()
	log, err := os.ReadFile(path)
	if err != nil || len(log) < 32 {
		t.Fatalf("the log has %d bytes, %v", len(log), err)
	}
	frame := 24 + int(binary.BigEndian.Uint32(log[8:]))
	for at := 32; at+frame <= len(log); at += frame {
		if binary.BigEndian.Uint32(log[at+4:]) > 0 {
			n++
		}
	}
	return n
}
