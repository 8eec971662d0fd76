package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"github.com/battery-passport/suite/pkg/fault"
)

// writer has one connection write, one transaction at a time. Writes that come
// while one is being committed are committed together: the disk is waited for
// once for all of them.
type writer struct {
	db *sql.DB

	queueing sync.Mutex
	queue    []*job

	writing sync.Mutex           // is held for a transaction, and guards what follows
	stmts   map[string]*sql.Stmt // that were run before, by their text
	missing map[string]bool      // that were run, and are to be prepared
}

// job is a write that waits. do may run more than once, and only the last time
// counts.
type job struct {
	ctx  context.Context
	do   func(tx) error
	done bool
	err  error
}

var errUnfinished = errors.New("the transaction that it was in did not end")

func newWriter(db *sql.DB) *writer {
	return &writer{db: db, stmts: map[string]*sql.Stmt{}, missing: map[string]bool{}}
}

// in runs do in a transaction, with others or alone, and returns when it is on
// the disk or has failed. It fails as do does, and then nothing of it is stored.
func (w *writer) in(ctx context.Context, do func(tx) error) error {
	j := &job{ctx: ctx, do: do}
	w.queueing.Lock()
	w.queue = append(w.queue, j)
	w.queueing.Unlock()
	w.writing.Lock()
	defer w.writing.Unlock()
	if !j.done { // who waited before has not done it too
		w.queueing.Lock()
		batch := w.queue
		w.queue = nil
		w.queueing.Unlock()
		w.run(batch)
	}
	return j.err
}

// run needs w.writing. Where the database itself fails in a transaction of many,
// each is tried alone: SQLite may have taken back all of it.
func (w *writer) run(batch []*job) {
	for _, j := range batch {
		j.done, j.err = true, errUnfinished
	}
	if len(batch) > 1 && w.together(batch) {
		return
	}
	for _, j := range batch {
		if j.err = failure(j.ctx.Err()); j.err == nil {
			j.err = w.transact(func(t tx) error { return j.do(t) })
		}
	}
}

// together runs all in one transaction and tells whether that went well, though
// some of them may have failed.
func (w *writer) together(batch []*job) bool {
	errs, begun := make([]error, len(batch)), false
	err := w.transact(func(t tx) error {
		begun = true
		for i, j := range batch {
			if errs[i] = failure(j.ctx.Err()); errs[i] != nil {
				continue
			}
			if _, err := t.run("SAVEPOINT job"); err != nil {
				return err
			}
			if errs[i] = j.do(t); errs[i] != nil {
				if f, ok := errors.AsType[*fault.Error](errs[i]); !ok || f.Kind == fault.Unavailable {
					return errs[i]
				}
				if _, err := t.run("ROLLBACK TO job"); err != nil {
					return err
				}
			}
			if _, err := t.run("RELEASE job"); err != nil {
				return err
			}
		}
		return nil
	})
	for i, j := range batch {
		if j.err = errs[i]; !begun { // nor would each alone
			j.err = err
		}
	}
	return err == nil || !begun
}

// transact does not end when a caller does: SQLite would take back what others
// have written in the same transaction. Its statements are short.
func (w *writer) transact(do func(tx) error) error {
	begun, err := w.db.BeginTx(context.Background(), nil)
	if err != nil {
		return failure(err)
	}
	defer w.prepare()
	defer begun.Rollback() // does nothing after Commit
	if err := do(tx{w, begun}); err != nil {
		return err
	}
	return failure(begun.Commit())
}

// prepare makes statements of those that were run and are none yet: it needs the
// connection, which a transaction has to itself.
func (w *writer) prepare() {
	for query := range w.missing {
		if s, err := w.db.Prepare(query); err == nil {
			w.stmts[query] = s
		} // or it is run as it is, the next time too
		delete(w.missing, query)
	}
}

// tx is a transaction.
type tx struct {
	w  *writer
	tx *sql.Tx
}

// run runs a statement and tells how many rows it changed.
func (x tx) run(query string, args ...any) (int64, error) {
	var res sql.Result
	var err error
	if s := x.w.stmts[query]; s != nil {
		res, err = x.tx.Stmt(s).Exec(args...)
	} else {
		x.w.missing[query] = true
		res, err = x.tx.Exec(query, args...)
	}
	if err != nil {
		return 0, failure(err)
	}
	return res.RowsAffected()
}

// row reads one row.
func (x tx) row(query string, args ...any) *sql.Row {
	if s := x.w.stmts[query]; s != nil {
		return x.tx.Stmt(s).QueryRow(args...)
	}
	x.w.missing[query] = true
	return x.tx.QueryRow(query, args...)
}
