// Package sqlite keeps aggregates in an SQLite file: for a service that runs
// alone on a machine, and for tests. It is the only importer of its driver.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// DB is an SQLite file. One connection writes, one transaction at a time, each
// on the disk when it is acknowledged; readers wait for nobody.
type DB struct {
	write, read *sql.DB
	writer      *writer
}

var _ store.DB = (*DB)(nil)

const (
	readers     = 8
	readCache   = "cache_size(-1000)" // KiB of each reader, half of what is usual: there are eight of them
	pingTimeout = 1500 * time.Millisecond
)

// Open opens the file, and makes it and its folder, for this user alone, when
// they are missing.
func Open(ctx context.Context, path string) (*DB, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	// SQLite would let others read it; the files beside it are made as it is.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	write, err := open(ctx, path, "journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(2000)")
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	write.SetMaxOpenConns(1)
	read, err := open(ctx, path, "query_only(1)", "busy_timeout(2000)", readCache)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), write.Close())
	}
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	return &DB{write: write, read: read, writer: newWriter(write)}, nil
}

func open(ctx context.Context, path string, pragmas ...string) (*sql.DB, error) {
	dsn := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(),
		RawQuery: url.Values{"_pragma": pragmas, "_txlock": {"immediate"}}.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, err
	}
	return db, db.PingContext(ctx)
}

// Table implements store.DB.
func (db *DB) Table(name string, _ []string) store.Table {
	return &table{db: db, name: name, written: make(chan string, 1024)}
}

// Ping implements store.DB. It begins a write, and reads.
func (db *DB) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	tx, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return failure(err)
	}
	defer tx.Rollback() // there is nothing in it
	var n int
	return failure(db.read.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&n))
}

// Close implements store.DB.
func (db *DB) Close(context.Context) error { return errors.Join(db.read.Close(), db.write.Close()) }

// table is a table of records, with those of its unique values, its lists, its
// outbox and its due times beside it.
type table struct {
	db      *DB
	name    string
	written chan string

	mu    sync.Mutex
	stmts map[string]*sql.Stmt // made on first use; a nil map: the tables are not made yet
}

const schema = `
CREATE TABLE IF NOT EXISTS %[1]s (id TEXT PRIMARY KEY, schema INTEGER NOT NULL, version INTEGER NOT NULL,
	deleted INTEGER NOT NULL DEFAULT 0, sort TEXT NOT NULL, keys TEXT NOT NULL, doc TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS %[1]s_unique (name TEXT, value TEXT, id TEXT NOT NULL, PRIMARY KEY (name, value)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS %[1]s_list (token TEXT, sort TEXT, id TEXT NOT NULL, PRIMARY KEY (token, sort)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS %[1]s_outbox (n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, event_id TEXT NOT NULL, event TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS %[1]s_outbox_id ON %[1]s_outbox (id, n);
CREATE TABLE IF NOT EXISTS %[1]s_due (id TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS %[1]s_due_at ON %[1]s_due (at);
`

// stmt returns the prepared form of a query that reads, in which # stands for
// the table's name. The tables are made before the first.
func (t *table) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stmts == nil {
		if _, err := t.db.write.ExecContext(ctx, fmt.Sprintf(schema, t.name)); err != nil {
			return nil, failure(err)
		}
		t.stmts = map[string]*sql.Stmt{}
	}
	if s := t.stmts[query]; s != nil {
		return s, nil
	}
	s, err := t.db.read.PrepareContext(ctx, named(query, t.name))
	if err != nil {
		return nil, failure(err)
	}
	t.stmts[query] = s
	return s, nil
}

// failure marks what may pass, so that the client is told to try again.
func failure(err error) error {
	if err == nil {
		return nil
	}
	passes := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, sql.ErrConnDone)
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() & 0xff {
		case lib.SQLITE_BUSY, lib.SQLITE_LOCKED, lib.SQLITE_INTERRUPT, lib.SQLITE_IOERR, lib.SQLITE_FULL, lib.SQLITE_CANTOPEN,
			lib.SQLITE_READONLY, lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
			passes = true
		}
	}
	if passes {
		return fault.New(fault.Unavailable, "the database does not answer").Because(err)
	}
	return err
}
