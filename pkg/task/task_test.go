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
