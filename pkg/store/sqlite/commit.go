package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"github.com/battery-passport/suite/pkg/store"
)

// writer has one connection write, one transaction at a time. Writes that come
// while one is being committed are committed together: the disk is waited for
// once for all of them.
type writer struct {
	db *sql.DB

	mu    sync.Mutex
	queue []*job
	led   bool // somebody writes

	// Of who leads alone:
	stmts   map[string]*sql.Stmt // that were run before, by their text
	missing map[string]bool      // that were run, and are to be prepared
}

// job is a write that waits. do may run more than once, and only the last time
// counts.
type job struct {
	ctx   context.Context
	do    func(tx) error
	whole bool // see in
	err   error
	turn  chan turn
}

// turn is what a job waits for.
type turn bool

const (
	done turn = true  // another did it
	lead turn = false // it is to do all that wait
)

var errUnfinished = errors.New("the transaction that it was in did not end")

func newWriter(db *sql.DB) *writer {
	return &writer{db: db, stmts: map[string]*sql.Stmt{}, missing: map[string]bool{}}
}

// in runs do in a transaction, with others or alone, and returns when it is on
// the disk or has failed. It fails as do does, and then nothing of it is stored.
// What is whole fails with the database alone: it needs no savepoint, which
// costs as much as it does itself.
func (w *writer) in(ctx context.Context, whole bool, do func(tx) error) error {
	j := &job{ctx: ctx, do: do, whole: whole, turn: make(chan turn, 1)}
	w.mu.Lock()
	w.queue = append(w.queue, j)
	leads := !w.led
	w.led = true
	w.mu.Unlock()
	if leads || <-j.turn == lead {
		w.lead(j)
	}
	return j.err
}

// lead does what waits, with own among it, and leaves what has come meanwhile to
// the first of those.
func (w *writer) lead(own *job) {
	w.mu.Lock()
	batch := w.queue
	w.queue = nil
	w.mu.Unlock()
	defer func() {
		for _, j := range batch {
			if j != own {
				j.turn <- done
			}
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.led = len(w.queue) > 0; w.led {
			w.queue[0].turn <- lead
		}
	}()
	w.run(batch)
}

// run is for who leads. Where the database itself fails in a transaction of many,
// each is tried alone: SQLite may have taken back all of it.
func (w *writer) run(batch []*job) {
	for _, j := range batch {
		j.err = errUnfinished
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
			var err error
			if j.whole {
				err = j.do(t)
			} else {
				errs[i], err = t.apart(j.do)
			}
			if err != nil {
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

// apart runs do so that what it did is taken back where it refuses, and returns
// its refusal, or else why the whole transaction fails.
func (x tx) apart(do func(tx) error) (refusal, err error) {
	if _, err := x.run("SAVEPOINT job"); err != nil {
		return nil, err
	}
	if refusal = do(x); refusal != nil {
		if !store.IsRecordError(refusal) {
			return nil, refusal
		}
		if _, err := x.run("ROLLBACK TO job"); err != nil {
			return nil, err
		}
	}
	_, err = x.run("RELEASE job")
	return refusal, err
}

// row reads one row.
func (x tx) row(query string, args ...any) *sql.Row {
	if s := x.w.stmts[query]; s != nil {
		return x.tx.Stmt(s).QueryRow(args...)
	}
	x.w.missing[query] = true
	return x.tx.QueryRow(query, args...)
}

// rows has f see the rows that a statement returns.
func (x tx) rows(query string, f func(*sql.Rows) error, args ...any) error {
	var rows *sql.Rows
	var err error
	if s := x.w.stmts[query]; s != nil {
		rows, err = x.tx.Stmt(s).Query(args...)
	} else {
		x.w.missing[query] = true
		rows, err = x.tx.Query(query, args...)
	}
	return each(rows, err, f)
}
