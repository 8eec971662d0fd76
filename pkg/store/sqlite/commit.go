package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"github.com/battery-passport/suite/pkg/store"
)

// writer runs all writes on one connection, one transaction at a time. Writes that
// arrive during a commit share the next transaction (group commit): one sync of the
// disk serves all of them. The goroutine of one of these writes, the leader, runs
// the transaction.
type writer struct {
	db *sql.DB

	mu    sync.Mutex
	queue []*job
	busy  bool // there is a leader

	// Used by the leader only:
	stmts   map[string]*sql.Stmt // prepared statements by text
	missing map[string]bool      // statements to prepare after the transaction
}

// job is a queued write. do may run more than once; only the last run is committed.
type job struct {
	ctx         context.Context
	do          func(tx) error
	noSavepoint bool // see inTransaction
	err         error
	signal      chan signal
}

// signal ends the wait of a job.
type signal bool

const (
	done signal = true  // another leader ran the job
	lead signal = false // the job becomes the leader
)

var errUnfinished = errors.New("the transaction of the write did not finish")

func newWriter(db *sql.DB) *writer {
	return &writer{db: db, stmts: map[string]*sql.Stmt{}, missing: map[string]bool{}}
}

// inTransaction runs do in a transaction, which it may share with other writes, and returns
// when the transaction is on the disk or do has failed; then nothing of do is
// stored. noSavepoint is for a do that can fail only with the database: a savepoint
// would double its cost.
func (w *writer) inTransaction(ctx context.Context, noSavepoint bool, do func(tx) error) error {
	j := &job{ctx: ctx, do: do, noSavepoint: noSavepoint, signal: make(chan signal, 1)}
	w.mu.Lock()
	w.queue = append(w.queue, j)
	leads := !w.busy
	w.busy = true
	w.mu.Unlock()
	if leads || <-j.signal == lead {
		w.lead(j)
	}
	return j.err
}

// lead runs the queued jobs, including own. The first job that was queued during this
// time becomes the next leader.
func (w *writer) lead(own *job) {
	w.mu.Lock()
	batch := w.queue
	w.queue = nil
	w.mu.Unlock()
	defer func() {
		for _, j := range batch {
			if j != own {
				j.signal <- done
			}
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.busy = len(w.queue) > 0; w.busy {
			w.queue[0].signal <- lead
		}
	}()
	w.run(batch)
}

// run runs a batch of jobs in one transaction. If the database fails, which may
// roll back all of them, it runs each job in a transaction of its own.
func (w *writer) run(batch []*job) {
	for _, j := range batch {
		j.err = errUnfinished
	}
	if len(batch) > 1 && w.runShared(batch) {
		return
	}
	for _, j := range batch {
		if j.err = failure(j.ctx.Err()); j.err == nil {
			j.err = w.transact(func(t tx) error { return j.do(t) })
		}
	}
}

// runShared runs all jobs in one transaction and reports whether it succeeded. Single
// jobs may still have failed.
func (w *writer) runShared(batch []*job) bool {
	errs, begun := make([]error, len(batch)), false
	err := w.transact(func(t tx) error {
		begun = true
		for i, j := range batch {
			if errs[i] = failure(j.ctx.Err()); errs[i] != nil {
				continue
			}
			var err error
			if j.noSavepoint {
				err = j.do(t)
			} else {
				errs[i], err = t.savepoint(j.do)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	for i, j := range batch {
		if j.err = errs[i]; !begun { // single transactions would fail too
			j.err = err
		}
	}
	return err == nil || !begun
}

// transact runs do in a transaction. It ignores the contexts of the callers: the end
// of one would roll back the writes of the others. The statements are short.
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

// prepare prepares the missing statements. It runs after a transaction, which
// occupies the only connection.
func (w *writer) prepare() {
	for query := range w.missing {
		if s, err := w.db.Prepare(query); err == nil {
			w.stmts[query] = s
		} // otherwise the next transaction tries again
		delete(w.missing, query)
	}
}

// tx is a transaction.
type tx struct {
	w  *writer
	tx *sql.Tx
}

// statement returns the prepared statement of a query. A new query is prepared for this
// transaction, and afterwards for the following ones.
func (x tx) statement(query string) (*sql.Stmt, error) {
	if s := x.w.stmts[query]; s != nil {
		return x.tx.Stmt(s), nil
	}
	x.w.missing[query] = true
	return x.tx.Prepare(query)
}

// run runs a statement and returns the number of changed rows.
func (x tx) run(query string, args ...any) (int64, error) {
	s, err := x.statement(query)
	if err != nil {
		return 0, failure(err)
	}
	res, err := s.Exec(args...)
	if err != nil {
		return 0, failure(err)
	}
	return res.RowsAffected()
}

// savepoint runs do and rolls back its changes if it fails with a record error,
// which it returns. The second result makes the whole transaction fail.
func (x tx) savepoint(do func(tx) error) (recordErr, err error) {
	if _, err := x.run("SAVEPOINT job"); err != nil {
		return nil, err
	}
	if recordErr = do(x); recordErr != nil {
		if !store.IsRecordError(recordErr) {
			return nil, recordErr
		}
		if _, err := x.run("ROLLBACK TO job"); err != nil {
			return nil, err
		}
	}
	_, err = x.run("RELEASE job")
	return recordErr, err
}

// rows calls f for each row that a statement returns.
func (x tx) rows(query string, f func(*sql.Rows) error, args ...any) error {
	s, err := x.statement(query)
	if err != nil {
		return failure(err)
	}
	rows, err := s.Query(args...)
	return each(rows, err, f)
}
