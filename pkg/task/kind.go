package task

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/battery-passport/suite/pkg/wire"
)

// Kind declares a kind of task and how it runs. The defaults of zero values are in
// brackets.
type Kind struct {
	Name string
	// Run does the work. It is canceled after Timeout, or a grace period after
	// shutdown begins. An error counts as an attempt, and the task is run again
	// after a backoff, with three exceptions: Permanent errors and final refusals fail
	// the task at once; fault.Unavailable means an outage; and a shutdown is not a failure. A run
	// that returns Continue or ContinueAfter has succeeded, and is followed by another.
	// An outage pauses the kind in this process and delays the task, for one second
	// to one minute. Neither an outage nor a shutdown counts as an attempt.
	Run func(context.Context, Task) error
	// Report, if set, publishes the state of the task that was stored after a run. It
	// has the timeout of a run. When it fails, or the worker stops before it, only
	// the report is repeated, with a backoff.
	Report func(context.Context, Task) error

	Every       time.Duration // of a recurring task: the worker enqueues it, and it never fails
	Local       bool          // of a recurring task: it runs in every process, and is not stored
	Timeout     time.Duration // of a run [1 min]
	Concurrency int           // of runs in this process [1]
	MaxAttempts int           // before the task fails [10]
	MinBackoff  time.Duration // after the first failure [1 s]
	MaxBackoff  time.Duration // [1 h]
	Retention   time.Duration // of tasks that are done or failed [7 days]
}

// Permanent wraps an error that would occur in every attempt: the task fails at once.
func Permanent(err error) error { return permanent{err} }

type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Refusal means that the receiver of a message refused it, in every attempt if it is Final.
type Refusal struct {
	Final  bool
	Reason string
}

func (r *Refusal) Error() string { return r.Reason }

// isPermanent reports whether an error would occur in every attempt.
func isPermanent(err error) bool {
	refusal, refused := errors.AsType[*Refusal](err)
	return refused && refusal.Final || errors.As(err, new(permanent))
}

// Continue returns the result of a run that has done a part of its work: the task gets
// the data, such as a position, and runs again at once. After a crash or a failure it
// continues there. A recurring task that is done loses the data.
func Continue(data any) error { return ContinueAfter(0, data) }

// ContinueAfter is like Continue, but the task runs again after a delay.
func ContinueAfter(delay time.Duration, data any) error {
	encoded, err := wire.Marshal(data)
	if err != nil {
		return Permanent(err)
	}
	return continuation{encoded, delay}
}

type continuation struct {
	data  wire.Value
	delay time.Duration
}

func (continuation) Error() string { return "the task continues" }

// Worker runs tasks of some kinds. Many processes may run workers on one queue.
type Worker struct{ runners []*runner }

// NewWorker returns a worker for the kinds. It registers its metrics with r, unless
// that is nil.
func NewWorker(q *Queue, log *slog.Logger, r prometheus.Registerer, kinds ...Kind) *Worker {
	m := newMetrics(q, log, r, kinds)
	w := &Worker{}
	for _, k := range kinds {
		k.Timeout, k.Concurrency, k.MaxAttempts = cmp.Or(k.Timeout, time.Minute), cmp.Or(k.Concurrency, 1), cmp.Or(k.MaxAttempts, 10)
		k.MinBackoff, k.MaxBackoff, k.Retention = cmp.Or(k.MinBackoff, time.Second), min(cmp.Or(k.MaxBackoff, time.Hour), cmp.Or(k.Every, math.MaxInt64)), cmp.Or(k.Retention, 7*24*time.Hour)
		w.runners = append(w.runners, &runner{Kind: k, queue: q, log: log, metrics: m, unreadable: map[string]bool{}})
	}
	return w
}

// Run runs tasks until ctx is done, and then finishes the current runs.
func (w *Worker) Run(ctx context.Context) error {
	var g errgroup.Group
	for _, r := range w.runners {
		if r.Local {
			g.Go(func() error { return r.runLocal(ctx) })
		} else {
			g.Go(func() error { return r.run(ctx) })
		}
	}
	return g.Wait()
}

// RunDue runs the tasks that are due now, kind by kind, and returns. It is for tests
// that control the clock.
func (w *Worker) RunDue(ctx context.Context) error {
	for _, r := range w.runners {
		if err := r.runDue(ctx); err != nil {
			return err
		}
	}
	return nil
}

// short returns the beginning of an error text as valid UTF-8. Mail servers respond
// in any encoding, and a task with invalid UTF-8 could not be stored.
func short(err error) string {
	return strings.ToValidUTF8(err.Error()[:min(len(err.Error()), maxError)], "")
}
