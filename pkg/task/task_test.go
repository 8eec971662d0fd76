package task_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
	"github.com/battery-passport/suite/pkg/task"
	"github.com/battery-passport/suite/pkg/trace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testQueue is a queue with a manual clock.
type testQueue struct {
	*task.Queue
	t     *testing.T
	db    store.DB
	tasks *store.Collection[task.Task]

	mu  sync.Mutex
	now time.Time
}

// each runs a test on both drivers.
func each(t *testing.T, test func(t *testing.T, q *testQueue)) {
	storetest.EachDriver(t, func(t *testing.T, cfg connect.Config) {
		db, err := connect.Open(t.Context(), cfg, "tasks")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close(context.Background()) })
		q := &testQueue{t: t, db: db, tasks: store.Open(db, task.Schema()), now: time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)}
		q.Queue = task.NewQueue(db, q.clock)
		test(t, q)
	})
}

func (q *testQueue) clock() time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.now
}

func (q *testQueue) advance(d time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.now = q.now.Add(d)
}

func (q *testQueue) worker(kinds ...task.Kind) *task.Worker {
	return task.NewWorker(q.Queue, slog.New(slog.NewTextHandler(q.t.Output(), nil)), nil, kinds...)
}

func (q *testQueue) runDue(w *task.Worker) {
	q.t.Helper()
	if err := w.RunDue(q.t.Context()); err != nil {
		q.t.Fatal(err)
	}
}

func (q *testQueue) enqueue(specs ...task.Spec) {
	q.t.Helper()
	if n, err := q.Enqueue(q.t.Context(), specs...); err != nil || n != len(specs) {
		q.t.Fatalf("Enqueue added %d, %v", n, err)
	}
}

func (q *testQueue) get(id string) (task.Task, error) {
	row, err := q.tasks.Get(q.t.Context(), id)
	return row.Doc, err
}

func (q *testQueue) want(id string, state task.State, attempts int) task.Task {
	q.t.Helper()
	got, err := q.get(id)
	if err != nil || got.State != state || got.Attempts != attempts {
		q.t.Errorf("task %s is %+v, %v, want %s after %d attempts", id, got, err, state, attempts)
	}
	return got
}

// runs records the runs of tasks. The nth run returns fail(n).
type runs struct {
	mu   sync.Mutex
	ids  []string
	fail func(n int) error
}

func (r *runs) run(_ context.Context, t task.Task) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ids = append(r.ids, t.ID)
	if r.fail != nil {
		return r.fail(len(r.ids))
	}
	return nil
}

func TestTasksWithSameIDRunOnce(t *testing.T) {
	each(t, func(t *testing.T, q *testQueue) {
		var r runs
		w := q.worker(task.Kind{Name: "mail", Run: r.run})
		first, second := task.Spec{ID: "a", Kind: "mail", Data: "first"}, task.Spec{ID: "a", Kind: "mail", Data: "second"}
		if n, err := q.Enqueue(t.Context(), first, second, task.Spec{ID: "b", Kind: "mail"}); err != nil || n != 2 {
			t.Errorf("Enqueue added %d, %v, want 2", n, err)
		}
		for range 2 {
			if n, err := q.Enqueue(t.Context(), second); err != nil || n != 0 {
				t.Errorf("Enqueue added %d, %v, want none", n, err)
			}
			q.runDue(w)
		}
		if got := q.want("a", task.Done, 1); string(got.Data) != `"first"` || len(r.ids) != 2 {
			t.Errorf("tasks %s ran, a is %+v, want two runs and the first data", r.ids, got)
		}
		q.advance(8 * 24 * time.Hour) // longer than the retention
		q.runDue(w)
		if _, err := q.get("a"); !fault.Is(err, fault.NotFound) {
			t.Errorf("after a week: %v, want not found", err)
		}
	})
}

func TestDueTasksRunInOrder(t *testing.T) {
	each(t, func(t *testing.T, q *testQueue) {
		var r runs
		w := q.worker(task.Kind{Name: "mail", Run: r.run})
		for i := range 120 { // the last is due first; more than a page
			q.enqueue(task.Spec{ID: fmt.Sprintf("%03d", i), Kind: "mail", NotBefore: q.clock().Add(time.Duration(200-i) * time.Second)})
		}
		q.enqueue(task.Spec{ID: "other", Kind: "other"})
		for _, want := range []struct {
			after time.Duration
			runs  int
		}{{79 * time.Second, 0}, {11 * time.Second, 10}, {time.Hour, 120}} {
			q.advance(want.after)
			q.runDue(w)
			if len(r.ids) != want.runs {
				t.Errorf("%d ran, want %d", len(r.ids), want.runs)
			}
		}
		if r.ids[0] != "119" || r.ids[119] != "000" {
			t.Errorf("ran in the order %v", r.ids)
		}
		q.want("other", task.Waiting, 0)
	})
}

func TestFailingTaskBacksOffAndFails(t *testing.T) {
	each(t, func(t *testing.T, q *testQueue) {
		r := runs{fail: func(int) error { return errors.New("refused") }}
		var reported []task.Task
		w := q.worker(task.Kind{Name: "mail", Run: r.run, MaxAttempts: 4, MinBackoff: time.Minute, MaxBackoff: 3 * time.Minute,
			Report: func(_ context.Context, t task.Task) error { reported = append(reported, t); return nil }})
		q.enqueue(task.Spec{ID: "a", Kind: "mail"})
		for i, longest := range []time.Duration{time.Minute, 2 * time.Minute, 3 * time.Minute} {
			q.runDue(w)
			got := q.want("a", task.Waiting, i+1)
			if pause := got.NotBefore.Sub(q.clock()); pause < longest/2-time.Second || pause > longest || got.LastError != "refused" {
				t.Errorf("after attempt %d it waits %v: %+v", i+1, pause, got)
			}
			q.advance(got.NotBefore.Sub(q.clock()) - time.Millisecond)
			q.runDue(w)
			q.want("a", task.Waiting, i+1)
			q.advance(time.Millisecond)
		}
		q.runDue(w)
		q.advance(24 * time.Hour)
		q.runDue(w)
		if got := q.want("a", task.Failed, 4); got.LastError != "refused" || len(r.ids) != 4 {
			t.Errorf("%+v after %d runs, want 4 runs", got, len(r.ids))
		}
		if len(reported) != 4 || reported[0].State != task.Waiting || reported[0].NotBefore.IsZero() || reported[3].State != task.Failed {
			t.Errorf("reported %+v, want three waiting states and a failed one", reported)
		}
		r.fail = nil
		if err := q.Retry(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		q.want("a", task.Waiting, 0)
		q.runDue(w)
		if got := q.want("a", task.Done, 1); got.LastError != "" {
			t.Errorf("after Retry: %+v, want no error", got)
		}
		if err := q.Retry(t.Context(), "a"); !fault.Is(err, fault.Conflict) {
			t.Errorf("Retry of a done task = %v, want conflict", err)
		}
		if err := q.Retry(t.Context(), "none"); !fault.Is(err, fault.NotFound) {
			t.Errorf("Retry of an unknown task = %v, want not found", err)
		}
	})
}

func TestPermanentErrorFailsAndPanicIsRetried(t *testing.T) {
	each(t, func(t *testing.T, q *testQueue) {
		w := q.worker(task.Kind{Name: "mail", Run: func(_ context.Context, t task.Task) error {
			if t.ID == "panic" {
				panic("boom")
			}
			return fmt.Errorf("send: %w", task.Permanent(errors.New(strings.Repeat("x", 1000))))
		}})
		q.enqueue(task.Spec{ID: "a", Kind: "mail"}, task.Spec{ID: "panic", Kind: "mail"})
		q.runDue(w)
		if got := q.want("a", task.Failed, 1); len(got.LastError) != 300 {
			t.Errorf("the error has %d bytes, want 300", len(got.LastError))
		}
		if got := q.want("panic", task.Waiting, 1); got.LastError != "panic: boom" {
			t.Errorf("got %+v, want the error of the panic", got)
		}
	})
}

// TestOutagePausesOnlyItsKind checks that runs become less frequent during an outage,
// do not count as attempts, and do not delay other kinds.
func TestOutagePausesOnlyItsKind(t *testing.T) {
	each(t, func(t *testing.T, q *testQueue) {
		var other runs
		r := runs{fail: func(int) error { return fault.New(fault.Unavailable, "no server") }}
		w := q.worker(task.Kind{Name: "mail", Run: r.run, MaxAttempts: 2}, task.Kind{Name: "file", Run: other.run})
		for i := range 20 {
			q.enqueue(task.Spec{ID: fmt.Sprint("mail", i), Kind: "mail"}, task.Spec{ID: fmt.Sprint("file", i), Kind: "file"})
		}
		for range 30 {
			q.runDue(w)
			q.advance(time.Minute)
		}
		if len(r.ids) > 30 || len(other.ids) != 20 {
			t.Errorf("%d runs during the outage, want 30 or less; %d runs of the other kind, want 20", len(r.ids), len(other.ids))
		}
		q.want("mail0", task.Waiting, 0)
		r.fail = nil
		q.runDue(w)
		for i := range 20 {
			q.want(fmt.Sprint("mail", i), task.Done, 1)
		}
	})
}

func TestRecurringTaskRunsAtStartAndEveryInterval(t *testing.T) {
	each(t, func(t *testing.T, q *testQueue) {
		result := make(chan error) // of the next run
		kind := task.Kind{Name: "sweep", Every: time.Hour, MaxAttempts: 1, Run: func(context.Context, task.Task) error { return <-result }}
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { q.worker(kind).Run(ctx) })
		result <- nil // at start
		for got, err := q.get("sweep"); got.State != task.Waiting || !got.NotBefore.After(q.clock()); got, err = q.get("sweep") {
			if err != nil {
				t.Fatal(err)
			}
		}
		q.advance(time.Hour)
		result <- errors.New("not now") // after an hour
		stop()
		wg.Wait()
		got := q.want("sweep", task.Waiting, 1) // it never fails
		if pause := got.NotBefore.Sub(q.clock()); pause > time.Second || got.LastError != "not now" {
			t.Errorf("pause %v, want 1 s or less: %+v", pause, got)
		}
		// Another process runs it when it starts.
		ctx, stop = context.WithCancel(t.Context())
		wg.Go(func() { q.worker(kind).Run(ctx) })
		result <- nil
		stop()
		wg.Wait()
		q.want("sweep", task.Waiting, 0)
	})
}

func TestLocalTaskRunsInEveryProcess(t *testing.T) {
	each(t, func(t *testing.T, q *testQueue) {
		result := make(chan error)
		kind := task.Kind{Name: "refresh", Every: time.Millisecond, Local: true, Run: func(context.Context, task.Task) error { return <-result }}
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { q.worker(kind).Run(ctx) })
		}
		for i := range 6 {
			result <- []error{nil, errors.New("once"), fault.New(fault.Unavailable, "away")}[i/2%2]
		}
		stop()
		close(result)
		wg.Wait()
		if _, err := q.get("refresh"); !fault.Is(err, fault.NotFound) {
			t.Errorf("get = %v, want not found: a local task is not stored", err)
		}
	})
}

func TestTaskContinuesTraceOfRequest(t *testing.T) {
	each(t, func(t *testing.T, q *testQueue) {
		const id = "4bf92f3577b34da6a3ce929d0e0e4736"
		got := ""
		w := q.worker(task.Kind{Name: "mail", Run: func(ctx context.Context, _ task.Task) error { got = trace.FromContext(ctx); return nil }})
		if _, err := q.Enqueue(trace.NewContext(t.Context(), "00-"+id+"-00f067aa0ba902b7-01"), task.Spec{ID: "a", Kind: "mail"}); err != nil {
			t.Fatal(err)
		}
		q.runDue(w)
		if !strings.Contains(got, id) {
			t.Errorf("trace %q, want %s", got, id)
		}
	})
}

// TestOutcomeAfterExpiredLeaseIsIgnored lets a run take longer than its lease. Another
// worker runs the task after that, and the outcome of the first run is ignored.
func TestOutcomeAfterExpiredLeaseIsIgnored(t *testing.T) {
	each(t, func(t *testing.T, q *testQueue) {
		started, release := make(chan bool), make(chan error)
		slow := q.worker(task.Kind{Name: "mail", Run: func(context.Context, task.Task) error { close(started); return <-release },
			Report: func(_ context.Context, got task.Task) error {
				t.Errorf("the worker with the expired lease reported %+v", got)
				return nil
			}})
		var r runs
		fast := q.worker(task.Kind{Name: "mail", Run: r.run})
		q.enqueue(task.Spec{ID: "a", Kind: "mail"})
		done := make(chan error)
		go func() { done <- slow.RunDue(t.Context()) }()
		<-started
		q.runDue(fast)
		q.want("a", task.Running, 1)
		q.advance(69 * time.Second)
		q.runDue(fast)
		if len(r.ids) > 0 {
			t.Error("the task ran during the lease of another worker")
		}
		q.advance(2 * time.Second)
		q.runDue(fast)
		want := q.want("a", task.Done, 2)
		release <- task.Permanent(errors.New("too late"))
		if err := <-done; err != nil {
			t.Error(err)
		}
		if got := q.want("a", task.Done, 2); got.LastError != "" || got.FinishedAt != want.FinishedAt {
			t.Errorf("the worker with the expired lease changed the task to %+v", got)
		}
	})
}

// TestShutdownLetsRunsFinish stops the worker during a run: the run finishes, and its
// outcome is stored.
func TestShutdownLetsRunsFinish(t *testing.T) {
	each(t, func(t *testing.T, q *testQueue) {
		ctx, stop := context.WithCancel(t.Context())
		w := q.worker(task.Kind{Name: "mail", Run: func(ctx context.Context, _ task.Task) error { stop(); return ctx.Err() }})
		q.enqueue(task.Spec{ID: "a", Kind: "mail"})
		if err := w.RunDue(ctx); err != nil {
			t.Error(err)
		}
		q.want("a", task.Done, 1)
	})
}

// TestRetryDoesNotChangeRunningTask calls Retry during a run.
func TestRetryDoesNotChangeRunningTask(t *testing.T) {
	each(t, func(t *testing.T, q *testQueue) {
		w := q.worker(task.Kind{Name: "mail", Run: func(ctx context.Context, r task.Task) error {
			if r.Attempts > 1 {
				t.Error("the task ran again")
			}
			return q.Retry(ctx, r.ID)
		}})
		q.enqueue(task.Spec{ID: "a", Kind: "mail"})
		q.runDue(w)
		q.want("a", task.Done, 1)
	})
}

// TestWorkersRunEachTaskOnce runs four workers at the same time.
func TestWorkersRunEachTaskOnce(t *testing.T) {
	each(t, func(t *testing.T, q *testQueue) {
		var r runs
		const n = 60
		for i := range n {
			q.enqueue(task.Spec{ID: fmt.Sprint(i), Kind: "mail"})
		}
		var wg sync.WaitGroup
		for range 4 {
			w := q.worker(task.Kind{Name: "mail", Run: r.run, Concurrency: 3})
			wg.Go(func() {
				if err := w.RunDue(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		seen := map[string]bool{}
		for _, id := range r.ids {
			seen[id] = true
		}
		if len(r.ids) != n || len(seen) != n {
			t.Errorf("%d runs of %d tasks, want one run of each of %d", len(r.ids), len(seen), n)
		}
	})
}

// TestTasksOfKilledWorkersAreFinished kills a worker before and after each write to
// the store. Another worker finishes the task.
func TestTasksOfKilledWorkersAreFinished(t *testing.T) {
	each(t, func(t *testing.T, q *testQueue) {
		for write, name := range []string{"before the claim", "before the outcome", "after the outcome"} {
			for _, lost := range []bool{false, true} { // lost: the write succeeds and its response is lost
				id := fmt.Sprint(name, lost)
				q.enqueue(task.Spec{ID: id, Kind: id})
				var r runs
				dying := task.NewQueue(&dyingDB{DB: q.db, writes: write, lost: lost}, q.clock)
				w := task.NewWorker(dying, slog.New(slog.DiscardHandler), nil, task.Kind{Name: id, Run: r.run})
				_ = w.RunDue(t.Context()) // fails like a killed worker
				next := q.worker(task.Kind{Name: id, Run: r.run})
				q.runDue(next)
				q.advance(time.Hour)
				q.runDue(next)
				if got, err := q.get(id); err != nil || got.State != task.Done || len(r.ids) < 1 || len(r.ids) > 2 {
					t.Errorf("%s: %+v, %v, after %d runs, want done after 1 or 2", id, got, err, len(r.ids))
				}
			}
		}
	})
}

// TestTaskThatKillsWorkersFails checks that such a task is resumed until MaxAttempts.
func TestTaskThatKillsWorkersFails(t *testing.T) {
	each(t, func(t *testing.T, q *testQueue) {
		q.enqueue(task.Spec{ID: "a", Kind: "mail"})
		n := 0
		for range 3 {
			w := task.NewWorker(task.NewQueue(&dyingDB{DB: q.db, writes: 1}, q.clock), slog.New(slog.DiscardHandler), nil,
				task.Kind{Name: "mail", MaxAttempts: 3, Run: func(context.Context, task.Task) error { n++; return nil }})
			_ = w.RunDue(t.Context())
			q.advance(time.Hour)
		}
		reported := task.Task{}
		q.runDue(q.worker(task.Kind{Name: "mail", MaxAttempts: 3, Report: func(_ context.Context, t task.Task) error { reported = t; return nil }}))
		if reported.State != task.Failed {
			t.Errorf("reported %+v, want failed", reported)
		}
		if got := q.want("a", task.Failed, 3); n != 3 || got.LastError != "the worker stopped during attempt 3" {
			t.Errorf("%d runs, want 3: %+v", n, got)
		}
	})
}

// dyingDB is the database of a process that is killed: it accepts a number of
// writes. If lost, the next write succeeds but returns an error; all others fail.
type dyingDB struct {
	store.DB
	writes int
	lost   bool
}

func (d *dyingDB) Table(name string, unique []string) store.Table {
	return &dyingTable{d.DB.Table(name, unique), d}
}

type dyingTable struct {
	store.Table
	db *dyingDB
}

func (t *dyingTable) Replace(ctx context.Context, r store.Record, events []event.Envelope) error {
	if t.db.writes--; t.db.writes >= 0 {
		return t.Table.Replace(ctx, r, events)
	}
	if t.db.writes == -1 && t.db.lost {
		if err := t.Table.Replace(ctx, r, events); err != nil {
			return err
		}
	}
	return fault.New(fault.Unavailable, "killed")
}
