// Package task runs work that outlives a request. A task is an aggregate: it is
// stored when it is enqueued, claimed by one worker at a time with a lease, and
// resumed by another if that worker stops.
//
// A handler may run more than once for a task, after a crash or when a run takes
// longer than its lease. It must be idempotent.
package task

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/trace"
	"github.com/battery-passport/suite/pkg/wire"
)

// State is the state of a task.
type State string

// The states.
const (
	Waiting State = "waiting" // until NotBefore
	Running State = "running" // until LeaseUntil, when another worker may claim it
	Done    State = "done"
	Failed  State = "failed" // after Kind.MaxAttempts or a Permanent error, until Retry or Kind.Retention
)

// Task is a stored task. Times are in milliseconds.
type Task struct {
	ID             string     `json:"id"`
	Kind           string     `json:"kind"`
	Data           wire.Value `json:"data,omitempty"`
	State          State      `json:"state"`
	Attempts       int        `json:"attempts"` // runs, without those that an outage or a shutdown ended
	NotBefore      time.Time  `json:"notBefore"`
	LeaseUntil     time.Time  `json:"leaseUntil,omitzero"`
	LastError      string     `json:"lastError,omitempty"`
	Traceparent    string     `json:"traceparent,omitempty"` // of the request that enqueued it
	CreatedAt      time.Time  `json:"createdAt"`
	FinishedAt     time.Time  `json:"finishedAt,omitzero"` // done or failed
	Outages        int        `json:"outages,omitempty"`   // runs in a row that an outage ended
	ReportDue      time.Time  `json:"reportDue,omitzero"`  // zero: no call of Kind.Report is due
	ReportFailures int        `json:"reportFailures,omitempty"`
}

// due returns the time from which a worker may claim the task, or the time at which
// it finished.
func (t *Task) due() time.Time {
	switch {
	case !t.ReportDue.IsZero():
		return t.ReportDue
	case t.State == Waiting:
		return t.NotBefore
	case t.State == Running:
		return t.LeaseUntil
	}
	return t.FinishedAt
}

// Schema declares how tasks are stored: in lists by kind and state, ordered by due.
func Schema() store.Schema[Task] {
	return store.Schema[Task]{Name: "tasks", Version: 1, Indexes: func(t *Task) store.Indexes {
		filters := map[string]string{"state": string(t.State)}
		if t.State == Waiting || t.State == Running || !t.ReportDue.IsZero() {
			filters["open"] = "true"
		}
		return store.Indexes{Scopes: []string{t.Kind}, Filters: filters, Created: t.due()}
	}}
}

// Spec describes a task to enqueue.
type Spec struct {
	ID        string // unique in the database; derive it from the cause of the task
	Kind      string
	Data      any       // encoded as JSON
	NotBefore time.Time // zero: now
	// Traceparent is the trace context of the cause of the task; empty: that of the
	// context of Enqueue.
	Traceparent string
}

// Queue stores the tasks of a service. It is safe for concurrent use.
type Queue struct {
	tasks *store.Collection[Task]
	clock func() time.Time

	mu   sync.Mutex
	wake map[string]chan struct{} // by kind, for the worker of this process
}

// NewQueue returns the queue in db.
func NewQueue(db store.DB, clock func() time.Time) *Queue {
	return &Queue{tasks: store.Open(db, Schema()), clock: clock, wake: map[string]chan struct{}{}}
}

func (q *Queue) now() time.Time { return q.clock().UTC().Truncate(time.Millisecond) }

// Enqueue stores tasks and returns how many were added. A task whose id already
// exists, in any state, is not added again: Enqueue is idempotent until finished
// tasks are removed, see Kind.Retention.
func (q *Queue) Enqueue(ctx context.Context, specs ...Spec) (added int, err error) {
	now := q.now()
	writes := make([]store.Write[Task], len(specs))
	for i, s := range specs {
		t := Task{ID: s.ID, Kind: s.Kind, State: Waiting, NotBefore: now, Traceparent: cmp.Or(s.Traceparent, trace.FromContext(ctx)), CreatedAt: now}
		if !s.NotBefore.IsZero() {
			t.NotBefore = s.NotBefore.UTC().Truncate(time.Millisecond)
		}
		if s.Data != nil {
			if t.Data, err = wire.Marshal(s.Data); err != nil {
				return 0, err
			}
		}
		writes[i] = store.Write[Task]{ID: s.ID, Doc: t}
	}
	errs, err := q.tasks.InsertMany(ctx, writes)
	for i, taskErr := range errs {
		if taskErr == nil {
			added++
			q.notify(specs[i].Kind)
		} else if _, exists := store.Duplicate(taskErr); !exists && err == nil {
			err = taskErr
		}
	}
	return added, err
}

// Retry makes a waiting or failed task due now and resets its attempts. It does not
// change a running task. It fails with fault.NotFound, or with fault.Conflict if the
// task is done.
func (q *Queue) Retry(ctx context.Context, id string) error {
	row, err := q.tasks.Update(ctx, id, func(t *Task) (store.Change, error) {
		switch t.State {
		case Running:
			return store.Change{}, store.ErrNoChange
		case Done:
			return store.Change{}, fault.New(fault.Conflict, "task %s is done", id)
		}
		*t = Task{ID: t.ID, Kind: t.Kind, Data: t.Data, State: Waiting, NotBefore: q.now(), LastError: t.LastError, Traceparent: t.Traceparent, CreatedAt: t.CreatedAt}
		return store.Change{}, nil
	})
	if err == nil {
		q.notify(row.Doc.Kind)
	}
	return err
}

// list returns the first page of a query that has tasks, or an empty page. It passes
// tasks that cannot be read to query.OnUnreadable and leaves them out.
func (q *Queue) list(ctx context.Context, query store.Query) (store.Page[Task], error) {
	for page, err := range q.tasks.Pages(ctx, query) {
		if err != nil || len(page.Rows) > 0 {
			return page, err
		}
	}
	return store.Page[Task]{}, nil
}

// woken returns the channel that receives a value when a task of the kind is
// enqueued in this process.
func (q *Queue) woken(kind string) chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.wake[kind] == nil {
		q.wake[kind] = make(chan struct{}, 1)
	}
	return q.wake[kind]
}

func (q *Queue) notify(kind string) {
	select {
	case q.woken(kind) <- struct{}{}:
	default:
	}
}
