package task

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/trace"
)

const (
	poll        = time.Second      // interval of the search for due tasks
	pollLimit   = 50               // tasks per page
	leaseMargin = 10 * time.Second // of a lease beyond the timeout of a run
	grace       = 5 * time.Second  // for current runs at shutdown
	minOutage   = time.Second      // pause of a kind during an outage
	maxOutage   = time.Minute
	maxError    = 300 // bytes of LastError
)

// runner runs the tasks of one kind.
type runner struct {
	Kind
	queue   *Queue
	log     *slog.Logger
	metrics *taskMetrics

	sweptAt    time.Time       // last removal of finished tasks
	unreadable map[string]bool // ids of tasks that cannot be read and were logged

	mu          sync.Mutex
	outages     int // in a row
	pausedUntil time.Time
}

// run runs tasks until ctx is done.
func (r *runner) run(ctx context.Context) error {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	woken, started := r.queue.woken(r.Name), r.Every == 0
	for failing := false; ; {
		var err error
		if !started { // a recurring task runs when a process starts
			started, err = r.startRecurring(ctx)
		}
		if err = errors.Join(err, r.runDue(ctx)); err != nil && ctx.Err() == nil && !failing {
			r.log.WarnContext(ctx, "tasks cannot be read", "kind", r.Name, "err", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-woken:
		case <-tick.C:
		}
	}
}

// runLocal runs a local task until ctx is done.
func (r *runner) runLocal(ctx context.Context) error {
	for t := (Task{ID: r.Name, Kind: r.Name}); ; {
		begun := time.Now()
		t.Attempts++
		failure := r.call(ctx, t, r.Run)
		if ctx.Err() != nil {
			return nil
		}
		r.metrics.observe(r.Name, r.settle(ctx, &t, failure), time.Since(begun))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(t.NotBefore.Sub(r.queue.now())):
		}
	}
}

// startRecurring makes sure that the recurring task exists and is due.
func (r *runner) startRecurring(ctx context.Context) (bool, error) {
	added, err := r.queue.Enqueue(ctx, Spec{ID: r.Name, Kind: r.Name})
	if err == nil && added == 0 {
		err = r.queue.Retry(ctx, r.Name)
	}
	return err == nil, err
}

// runDue runs the tasks that are due and returns when no task is due or the kind is
// paused.
func (r *runner) runDue(ctx context.Context) error {
	for ctx.Err() == nil && !r.paused() {
		page, err := r.list(ctx, "open", "true", r.queue.now().Add(time.Millisecond), pollLimit)
		if err != nil {
			return err
		}
		if len(page.Rows) == 0 {
			return r.sweep(ctx)
		}
		var g errgroup.Group
		g.SetLimit(r.Concurrency)
		for _, row := range page.Rows {
			g.Go(func() error {
				if ctx.Err() != nil || r.paused() {
					return nil
				}
				return r.runOne(ctx, row)
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// list returns tasks whose filter has the value and which are due before until,
// oldest first. It skips and logs tasks that cannot be read.
func (r *runner) list(ctx context.Context, filter, value string, until time.Time, limit int) (store.Page[Task], error) {
	return r.queue.list(ctx, store.Query{
		Scopes: []string{r.Name}, Filters: map[string]string{filter: value}, Until: until, Order: store.OldestFirst, Limit: limit,
		OnUnreadable: func(id string, err error) {
			if !r.unreadable[id] { // log it once
				r.unreadable[id] = true
				r.log.ErrorContext(ctx, "task cannot be read, skipped", "kind", r.Name, "task", id, "err", err)
			}
		},
	})
}

// runOne claims a task, runs it, stores the outcome and reports it. If the report of
// the last run is due, it only reports. It does nothing if another worker has claimed the task.
func (r *runner) runOne(ctx context.Context, row store.Row[Task]) error {
	claimed, err := r.claim(ctx, row)
	if err != nil {
		return ignoreLost(err)
	}
	ctx = trace.NewContext(ctx, claimed.Doc.Traceparent)
	if row.Doc.ReportDue.IsZero() {
		claimed, err = r.execute(ctx, row.Doc, claimed)
	}
	if err == nil && !claimed.Doc.ReportDue.IsZero() {
		_, err = r.report(ctx, claimed)
	}
	return ignoreLost(err)
}

// claim claims a task for one lease, to run it or to report it.
func (r *runner) claim(ctx context.Context, row store.Row[Task]) (store.Row[Task], error) {
	if t := &row.Doc; t.ReportDue.IsZero() {
		t.State, t.LeaseUntil, t.Attempts = Running, r.lease(), t.Attempts+1
	} else {
		t.ReportDue = r.lease()
	}
	return r.queue.tasks.Replace(ctx, row)
}

func (r *runner) lease() time.Time { return r.queue.now().Add(r.Timeout + leaseMargin) }

// execute runs a claimed task and stores the outcome. before is the task before the
// claim.
func (r *runner) execute(ctx context.Context, before Task, claimed store.Row[Task]) (store.Row[Task], error) {
	begun := time.Now()
	var failure error
	if n := before.Attempts; before.State == Running && r.Every == 0 && n >= r.MaxAttempts {
		claimed.Doc.Attempts = n
		failure = Permanent(fmt.Errorf("the worker stopped during attempt %d", n))
	} else {
		failure = r.call(ctx, claimed.Doc, r.Run)
	}
	outcome := r.settle(ctx, &claimed.Doc, failure)
	r.metrics.observe(r.Name, outcome, time.Since(begun))
	if r.Report != nil {
		claimed.Doc.ReportDue = r.lease()
	}
	return r.save(ctx, claimed)
}

// report reports the stored outcome of a task, or sets when to try again.
func (r *runner) report(ctx context.Context, row store.Row[Task]) (store.Row[Task], error) {
	n := row.Doc.ReportFailures
	row.Doc.ReportDue, row.Doc.ReportFailures = time.Time{}, 0
	if r.Report != nil { // an earlier release may have had one
		if err := r.call(ctx, row.Doc, r.Report); err != nil {
			row.Doc.ReportDue, row.Doc.ReportFailures = r.queue.now().Add(backoff(r.MinBackoff, r.MaxBackoff, n)), n+1
			r.log.WarnContext(ctx, "task report will be retried", "kind", r.Name, "task", row.ID, "failures", n+1, "err", err)
		}
	}
	return r.save(ctx, row)
}

// save stores a task that this worker claimed. It fails with fault.Stale if the task
// has changed since.
func (r *runner) save(ctx context.Context, row store.Row[Task]) (store.Row[Task], error) {
	saved, err := r.queue.tasks.Replace(context.WithoutCancel(ctx), row)
	if fault.Is(err, fault.Stale) {
		r.log.WarnContext(ctx, "task changed during its run, the outcome is ignored", "kind", r.Name, "task", row.ID)
	}
	return saved, err
}

func ignoreLost(err error) error {
	if fault.Is(err, fault.Stale) || fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// call calls Run or Report with the timeout, which a shutdown shortens.
func (r *runner) call(ctx context.Context, t Task, f func(context.Context, Task) error) (err error) {
	run, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.Timeout)
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
			r.log.ErrorContext(ctx, "task panicked", "kind", r.Name, "task", t.ID, "err", err, "stack", string(debug.Stack()))
		}
	}()
	return f(run, t)
}

// settle sets the state of a task after its run, and returns the outcome.
func (r *runner) settle(ctx context.Context, t *Task, failure error) (outcome string) {
	now, outages := r.queue.now(), t.Outages
	t.LeaseUntil, t.Outages = time.Time{}, 0
	outage := fault.Is(failure, fault.Unavailable)
	r.noteOutage(ctx, outage, failure)
	switch next := (continuation{}); {
	case errors.As(failure, &next):
		t.State, t.NotBefore, t.Attempts, t.LastError, t.Data = Waiting, now.Add(next.delay), 0, "", next.data
		return "continued"
	case failure == nil && r.Every > 0:
		t.State, t.NotBefore, t.Attempts, t.LastError, t.Data = Waiting, now.Add(r.Every), 0, "", nil
		return "done"
	case failure == nil:
		t.State, t.FinishedAt, t.LastError = Done, now, ""
		return "done"
	case outage || ctx.Err() != nil && errors.Is(failure, context.Canceled): // the shutdown ended it
		t.State, t.NotBefore, t.Attempts, t.LastError = Waiting, now, t.Attempts-1, short(failure)
		if outage {
			t.NotBefore, t.Outages = now.Add(backoff(minOutage, min(maxOutage, r.MaxBackoff), outages)), outages+1
		}
		return "outage"
	case r.Every == 0 && (isPermanent(failure) || t.Attempts >= r.MaxAttempts):
		t.State, t.FinishedAt, t.LastError = Failed, now, short(failure)
		r.log.ErrorContext(ctx, "task failed", "kind", r.Name, "task", t.ID, "attempts", t.Attempts, "err", failure)
		return "failed"
	}
	t.State, t.LastError = Waiting, short(failure)
	t.NotBefore = now.Add(backoff(r.MinBackoff, r.MaxBackoff, t.Attempts-1))
	r.log.WarnContext(ctx, "task will be retried", "kind", r.Name, "task", t.ID, "attempt", t.Attempts, "err", failure)
	return "retry"
}

func (r *runner) paused() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.queue.now().Before(r.pausedUntil)
}

// noteOutage pauses the kind during an outage, and logs when one begins and ends.
func (r *runner) noteOutage(ctx context.Context, outage bool, failure error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case outage:
		if r.outages == 0 {
			r.log.WarnContext(ctx, "tasks paused by an outage", "kind", r.Name, "err", failure)
		}
		r.pausedUntil = r.queue.now().Add(backoff(minOutage, maxOutage, r.outages))
		r.outages++
	case r.outages > 0:
		r.outages, r.pausedUntil = 0, time.Time{}
		r.log.InfoContext(ctx, "tasks resumed after an outage", "kind", r.Name)
	}
}

// backoff doubles the shortest pause n times, up to the longest, and subtracts a
// random part of up to one half.
func backoff(shortest, longest time.Duration, n int) time.Duration {
	pause := min(shortest<<min(n, 20), longest)
	return (pause - rand.N(pause/2+1)).Truncate(time.Millisecond)
}
