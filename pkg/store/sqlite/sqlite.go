// Package sqlite stores aggregates in an SQLite file, for a single instance of a
// service and for tests. It is the only importer of the SQLite driver.
package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/battery-passport/suite/pkg/event/outbox"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// DB is an SQLite file. One connection writes, one transaction at a time. Each is
// synced to disk before it is acknowledged. Readers do not wait for writers.
type DB struct {
	write, read *sql.DB
	writer      *writer
}

var _ store.DB = (*DB)(nil)

const (
	readers     = 8
	readCache   = "cache_size(-1000)" // KiB per reader, half of SQLite's default, because there are eight readers
	pingTimeout = 1500 * time.Millisecond
	openTimeout = 2 * time.Second // the wait for other processes that open the file
)

// Open opens the file. It creates the file and its folder if they do not exist,
// accessible to this user only.
func Open(ctx context.Context, path string) (*DB, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	// SQLite would let other users read it. It creates the -wal and -shm files with
	// the mode of this file.
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
	return db, connect(ctx, db)
}

// connect opens a connection. Unlike a write, the change to WAL mode does not wait while
// another process opens the file, so connect repeats it.
func connect(ctx context.Context, db *sql.DB) error {
	for end := time.Now().Add(openTimeout); ; {
		err := db.PingContext(ctx)
		if e, ok := errors.AsType[*sqlite.Error](err); !ok || e.Code()&0xff != lib.SQLITE_BUSY || time.Now().After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Table implements store.DB.
func (db *DB) Table(name string, _ []string) store.Table {
	return &table{db: db, name: name, written: outbox.NewNotifications()}
}

// Ping implements store.DB. It begins a write transaction, and reads.
func (db *DB) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	tx, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return failure(err)
	}
	defer tx.Rollback() // it is empty
	var n int
	return failure(db.read.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&n))
}

// Close implements store.DB.
func (db *DB) Close(context.Context) error { return errors.Join(db.read.Close(), db.write.Close()) }

// table is an SQL table of records. Further tables contain the unique values, the
// lists, the outbox and the due times.
type table struct {
	db      *DB
	name    string
	written outbox.Notifications

	mu    sync.Mutex
	stmts map[string]*sql.Stmt // prepared on first use; nil until the tables exist
}

// schema has no ids in lists: sort ends with them.
const schema = `
CREATE TABLE IF NOT EXISTS %[1]s (id TEXT PRIMARY KEY, schema INTEGER NOT NULL, version INTEGER NOT NULL,
	deleted INTEGER NOT NULL DEFAULT 0, sort TEXT NOT NULL, keys TEXT NOT NULL, doc TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS %[1]s_unique (name TEXT, value TEXT, id TEXT NOT NULL, PRIMARY KEY (name, value)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS %[1]s_list (name TEXT, sort TEXT, PRIMARY KEY (name, sort)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS %[1]s_outbox (n INTEGER PRIMARY KEY, id TEXT NOT NULL, event_id TEXT NOT NULL, event TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS %[1]s_outbox_id ON %[1]s_outbox (id, n);
CREATE TABLE IF NOT EXISTS %[1]s_due (id TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS %[1]s_due_at ON %[1]s_due (at);
`

// stmt returns the prepared statement of a reading query, in which # is replaced
// by the table's name. The first call creates the tables.
func (t *table) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stmts == nil {
		if err := t.create(context.WithoutCancel(ctx)); err != nil { // it may take longer than a request waits
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

// create creates the tables. It copies lists of earlier releases, which had the whole key of a list in a
// column token; such a release then fails instead of finding nothing.
func (t *table) create(ctx context.Context) error {
	tx, err := t.db.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	var earlier bool
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM pragma_table_info(?) WHERE name = 'token'", t.name+"_list").Scan(&earlier); err != nil {
		return err
	}
	statements := []string{fmt.Sprintf(schema, t.name)}
	if earlier {
		statements = []string{"ALTER TABLE #_list RENAME TO #_tokens", statements[0],
			"INSERT INTO #_list SELECT short_name(CAST(token AS BLOB)), sort FROM #_tokens ORDER BY 1, 2", "DROP TABLE #_tokens"}
	}
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, t.named(statement)); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func init() {
	// The argument is a BLOB, because keys contain NUL, which ends a TEXT.
	sqlite.MustRegisterDeterministicScalarFunction("short_name", 1, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		return shortName(string(args[0].([]byte))), nil
	})
}

// failure returns fault.Unavailable for errors of the file and its locks and for a
// context that ended, so that clients try again. It returns other errors unchanged.
func failure(err error) error {
	if err == nil {
		return nil
	}
	transient := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, sql.ErrConnDone)
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() & 0xff {
		case lib.SQLITE_BUSY, lib.SQLITE_LOCKED, lib.SQLITE_INTERRUPT, lib.SQLITE_IOERR, lib.SQLITE_FULL, lib.SQLITE_CANTOPEN,
			lib.SQLITE_READONLY, lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
			transient = true
		}
	}
	if transient {
		return fault.New(fault.Unavailable, "the database does not respond").Because(err)
	}
	return err
}
