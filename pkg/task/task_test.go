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

// office is a queue on a clock of its own.
type office struct {
	*task.Queue
	t  *testing.T
	db store.DB

	mu  sync.Mutex
	now time.Time
}

// each runs a test on both drivers.
func each(t *testing.T, test func(t *testing.T, o *office)) {
	storetest.EachDriver(t, func(t *testing.T, cfg connect.Config) {
		db, err := connect.Open(t.Context(), cfg, "tasks")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close(context.Background()) })
		o := &office{t: t, db: db, now: time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)}
		o.Queue = task.NewQueue(db, o.clock)
		test(t, o)
	})
}

func (o *office) clock() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.now
}

func (o *office) advance(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.now = o.now.Add(d)
}

func (o *office) worker(kinds ...task.Kind) *task.Worker {
	return task.NewWorker(o.Queue, slog.New(slog.NewTextHandler(o.t.Output(), nil)), nil, kinds...)
}

func (o *office) runDue(w *task.Worker) {
	o.t.Helper()
	if err := w.RunDue(o.t.Context()); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) enqueue(specs ...task.Spec) {
	o.t.Helper()
	if n, err := o.Enqueue(o.t.Context(), specs...); err != nil || n != len(specs) {
		o.t.Fatalf("Enqueue added %d, %v", n, err)
	}
}

func (o *office) want(id string, state task.State, attempts int) task.Task {
	o.t.Helper()
	got, err := o.Get(o.t.Context(), id)
	if err != nil || got.State != state || got.Attempts != attempts {
		o.t.Errorf("task %s is %+v, %v, want %s after %d attempts", id, got, err, state, attempts)
	}
	return got
}

// runs counts the runs of tasks, which fail with what fail returns.
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

func TestTwoTasksWithOneIDRunOnce(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		var r runs
		w := o.worker(task.Kind{Name: "mail", Run: r.run})
		first, second := task.Spec{ID: "a", Kind: "mail", Data: "first"}, task.Spec{ID: "a", Kind: "mail", Data: "second"}
		if n, err := o.Enqueue(t.Context(), first, second, task.Spec{ID: "b", Kind: "mail"}); err != nil || n != 2 {
			t.Errorf("Enqueue added %d, %v, want 2", n, err)
		}
		for range 2 {
			if n, err := o.Enqueue(t.Context(), second); err != nil || n != 0 {
				t.Errorf("Enqueue added %d, %v, want none", n, err)
			}
			o.runDue(w)
		}
		if got := o.want("a", task.Done, 1); string(got.Data) != `"first"` || len(r.ids) != 2 {
			t.Errorf("%s ran, with %v", r.ids, got)
		}
		o.advance(8 * 24 * time.Hour) // longer than tasks are kept
		o.runDue(w)
		if _, err := o.Get(t.Context(), "a"); !fault.Is(err, fault.NotFound) {
			t.Errorf("after a week: %v, want not found", err)
		}
	})
}

func TestTasksRunWhenTheyAreDueInOrder(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		var r runs
		w := o.worker(task.Kind{Name: "mail", Run: r.run})
		for i := range 120 { // the last is due first; more than are listed at a time
			o.enqueue(task.Spec{ID: fmt.Sprintf("%03d", i), Kind: "mail", NotBefore: o.clock().Add(time.Duration(200-i) * time.Second)})
		}
		o.enqueue(task.Spec{ID: "other", Kind: "other"})
		for _, want := range []struct {
			after time.Duration
			runs  int
		}{{79 * time.Second, 0}, {11 * time.Second, 10}, {time.Hour, 120}} {
			o.advance(want.after)
			o.runDue(w)
			if len(r.ids) != want.runs {
				t.Errorf("%d ran, want %d", len(r.ids), want.runs)
			}
		}
		if r.ids[0] != "119" || r.ids[119] != "000" {
			t.Errorf("ran in the order %v", r.ids)
		}
		o.want("other", task.Waiting, 0)
	})
}

func TestFailuresBackOffAndGiveUp(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		r := runs{fail: func(int) error { return errors.New("refused") }}
		var reported []task.Task
		w := o.worker(task.Kind{Name: "mail", Run: r.run, MaxAttempts: 4, MinBackoff: time.Minute, MaxBackoff: 3 * time.Minute,
			Report: func(_ context.Context, t task.Task) error { reported = append(reported, t); return nil }})
		o.enqueue(task.Spec{ID: "a", Kind: "mail"})
		for i, longest := range []time.Duration{time.Minute, 2 * time.Minute, 3 * time.Minute} {
			o.runDue(w)
			got := o.want("a", task.Waiting, i+1)
			if pause := got.NotBefore.Sub(o.clock()); pause < longest/2-time.Second || pause > longest || got.LastError != "refused" {
				t.Errorf("after attempt %d it waits %v: %+v", i+1, pause, got)
			}
			o.advance(got.NotBefore.Sub(o.clock()) - time.Millisecond)
			o.runDue(w)
			o.want("a", task.Waiting, i+1)
			o.advance(time.Millisecond)
		}
		o.runDue(w)
		o.want("a", task.Failed, 4)
		o.advance(240 * time.Hour)
		o.runDue(w)
		if page, err := o.List(t.Context(), "mail", task.Failed, "", 10); err != nil || len(page.Rows) != 1 || page.Rows[0].Doc.LastError != "refused" || len(r.ids) != 4 {
			t.Errorf("failed: %+v, %v, after %d runs", page, err, len(r.ids))
		}
		if len(reported) != 4 || reported[0].State != task.Waiting || reported[0].NotBefore.IsZero() || reported[3].State != task.Failed {
			t.Errorf("reported %+v", reported)
		}
		r.fail = nil
		if err := o.Retry(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		o.want("a", task.Waiting, 0)
		o.runDue(w)
		if got := o.want("a", task.Done, 1); got.LastError != "" {
			t.Errorf("done with %+v", got)
		}
		if err := o.Retry(t.Context(), "a"); !fault.Is(err, fault.Conflict) {
			t.Errorf("Retry of a task that is done = %v, want a conflict", err)
		}
		if err := o.Retry(t.Context(), "none"); !fault.Is(err, fault.NotFound) {
			t.Errorf("Retry of no task = %v", err)
		}
	})
}

func TestPermanentErrorsAndPanics(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		w := o.worker(task.Kind{Name: "mail", Run: func(_ context.Context, t task.Task) error {
			if t.ID == "panic" {
				panic("boom")
			}
			return fmt.Errorf("send: %w", task.Permanent(errors.New(strings.Repeat("x", 1000))))
		}})
		o.enqueue(task.Spec{ID: "a", Kind: "mail"}, task.Spec{ID: "panic", Kind: "mail"})
		o.runDue(w)
		if got := o.want("a", task.Failed, 1); len(got.LastError) != 300 {
			t.Errorf("error of %d bytes", len(got.LastError))
		}
		if got := o.want("panic", task.Waiting, 1); got.LastError != "panic: boom" {
			t.Errorf("%+v", got)
		}
	})
}

// TestAnOutagePausesTheKind asks what does not answer ever more seldom, counts no
// attempt, and holds up no other kind.
func TestAnOutagePausesTheKind(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		var other runs
		r := runs{fail: func(int) error { return fault.New(fault.Unavailable, "no server") }}
		w := o.worker(task.Kind{Name: "mail", Run: r.run, MaxAttempts: 2}, task.Kind{Name: "file", Run: other.run})
		for i := range 20 {
			o.enqueue(task.Spec{ID: fmt.Sprint("mail", i), Kind: "mail"}, task.Spec{ID: fmt.Sprint("file", i), Kind: "file"})
		}
		for range 30 {
			o.runDue(w)
			o.advance(time.Minute)
		}
		if len(r.ids) > 30 || len(other.ids) != 20 {
			t.Errorf("%d runs during the outage, %d of the other kind", len(r.ids), len(other.ids))
		}
		o.want("mail0", task.Waiting, 0)
		r.fail = nil
		o.runDue(w)
		for i := range 20 {
			o.want(fmt.Sprint("mail", i), task.Done, 1)
		}
	})
}

func TestRecurringTasksRunAgain(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		ran := make(chan error) // what the next run returns
		kind := task.Kind{Name: "sweep", Every: time.Hour, MaxAttempts: 1, Run: func(context.Context, task.Task) error { return <-ran }}
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { o.worker(kind).Run(ctx) })
		ran <- nil // at once
		for got, err := o.Get(t.Context(), "sweep"); got.State != task.Waiting || !got.NotBefore.After(o.clock()); got, err = o.Get(t.Context(), "sweep") {
			if err != nil {
				t.Fatal(err)
			}
		}
		o.advance(time.Hour)
		ran <- errors.New("not now") // and every hour
		stop()
		wg.Wait()
		got := o.want("sweep", task.Waiting, 1) // it never fails
		if pause := got.NotBefore.Sub(o.clock()); pause > time.Second || got.LastError != "not now" {
			t.Errorf("it waits %v: %+v", pause, got)
		}
		// Another process runs it at its start.
		ctx, stop = context.WithCancel(t.Context())
		wg.Go(func() { o.worker(kind).Run(ctx) })
		ran <- nil
		stop()
		wg.Wait()
		o.want("sweep", task.Waiting, 0)
	})
}

func TestLocalTasksRunInEveryProcess(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		ran := make(chan error)
		kind := task.Kind{Name: "refresh", Every: time.Millisecond, Local: true, Run: func(context.Context, task.Task) error { return <-ran }}
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { o.worker(kind).Run(ctx) })
		}
		for i := range 6 {
			ran <- []error{nil, errors.New("once"), fault.New(fault.Unavailable, "away")}[i/2%2]
		}
		stop()
		close(ran)
		wg.Wait()
		if _, err := o.Get(t.Context(), "refresh"); !fault.Is(err, fault.NotFound) {
			t.Errorf("it is stored: %v", err)
		}
	})
}

func TestTheTraceOfTheRequestContinues(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		const id = "4bf92f3577b34da6a3ce929d0e0e4736"
		got := ""
		w := o.worker(task.Kind{Name: "mail", Run: func(ctx context.Context, _ task.Task) error { got = trace.FromContext(ctx); return nil }})
		if _, err := o.Enqueue(trace.NewContext(t.Context(), "00-"+id+"-00f067aa0ba902b7-01"), task.Spec{ID: "a", Kind: "mail"}); err != nil {
			t.Fatal(err)
		}
		o.runDue(w)
		if !strings.Contains(got, id) {
			t.Errorf("trace %q, want %s", got, id)
		}
	})
}

// TestAnExpiredLeaseLoses has a worker take longer than its lease: another runs
// the task meanwhile, and what the first makes of it does not count.
func TestAnExpiredLeaseLoses(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		started, release := make(chan bool), make(chan error)
		slow := o.worker(task.Kind{Name: "mail", Run: func(context.Context, task.Task) error { close(started); return <-release },
			Report: func(_ context.Context, got task.Task) error { t.Errorf("the loser reported %+v", got); return nil }})
		var r runs
		fast := o.worker(task.Kind{Name: "mail", Run: r.run})
		o.enqueue(task.Spec{ID: "a", Kind: "mail"})
		done := make(chan error)
		go func() { done <- slow.RunDue(t.Context()) }()
		<-started
		o.runDue(fast)
		o.want("a", task.Running, 1)
		o.advance(69 * time.Second)
		o.runDue(fast)
		if len(r.ids) > 0 {
			t.Error("it ran within the lease of another")
		}
		o.advance(2 * time.Second)
		o.runDue(fast)
		want := o.want("a", task.Done, 2)
		release <- task.Permanent(errors.New("too late"))
		if err := <-done; err != nil {
			t.Error(err)
		}
		if got := o.want("a", task.Done, 2); got.LastError != "" || got.FinishedAt != want.FinishedAt {
			t.Errorf("the loser changed it to %+v", got)
		}
	})
}

// TestShutdownDuringARun stops the worker while a task runs: the run has time to
// finish, and what it made of the task is stored.
func TestShutdownDuringARun(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		ctx, stop := context.WithCancel(t.Context())
		w := o.worker(task.Kind{Name: "mail", Run: func(ctx context.Context, _ task.Task) error { stop(); return ctx.Err() }})
		o.enqueue(task.Spec{ID: "a", Kind: "mail"})
		if err := w.RunDue(ctx); err != nil {
			t.Error(err)
		}
		o.want("a", task.Done, 1)
	})
}

// TestRetryDoesNotDisturbARun retries a task while it runs.
func TestRetryDoesNotDisturbARun(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		w := o.worker(task.Kind{Name: "mail", Run: func(ctx context.Context, r task.Task) error {
			if r.Attempts > 1 {
				t.Error("it runs again")
			}
			return o.Retry(ctx, r.ID)
		}})
		o.enqueue(task.Spec{ID: "a", Kind: "mail"})
		o.runDue(w)
		o.want("a", task.Done, 1)
	})
}

// TestWorkersShareTheTasks has four run what is due, each task once.
func TestWorkersShareTheTasks(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		var r runs
		const n = 60
		for i := range n {
			o.enqueue(task.Spec{ID: fmt.Sprint(i), Kind: "mail"})
		}
		var wg sync.WaitGroup
		for range 4 {
			w := o.worker(task.Kind{Name: "mail", Run: r.run, Concurrency: 3})
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
			t.Errorf("%d runs of %d tasks, want %d of each", len(r.ids), len(seen), n)
		}
	})
}

// TestAKilledWorkerIsReplaced kills a worker before and after each write to the
// store, and in the middle of a run. Another finishes the task.
func TestAKilledWorkerIsReplaced(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		for write, name := range []string{"before the claim", "before the mark", "after the mark"} {
			for _, lost := range []bool{false, true} { // the answer alone is lost
				id := fmt.Sprint(name, lost)
				o.enqueue(task.Spec{ID: id, Kind: id})
				var r runs
				dying := task.NewQueue(&dyingDB{DB: o.db, writes: write, lost: lost}, o.clock)
				w := task.NewWorker(dying, slog.New(slog.DiscardHandler), nil, task.Kind{Name: id, Run: r.run})
				_ = w.RunDue(t.Context()) // it is dead
				next := o.worker(task.Kind{Name: id, Run: r.run})
				o.runDue(next)
				o.advance(time.Hour)
				o.runDue(next)
				if got, err := o.Get(t.Context(), id); err != nil || got.State != task.Done || len(r.ids) < 1 || len(r.ids) > 2 {
					t.Errorf("%s: %+v, %v, after %d runs", id, got, err, len(r.ids))
				}
			}
		}
	})
}

// TestATaskThatKillsItsWorkersFails resumes it only as often as it may be tried.
func TestATaskThatKillsItsWorkersFails(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.enqueue(task.Spec{ID: "a", Kind: "mail"})
		n := 0
		for range 3 {
			w := task.NewWorker(task.NewQueue(&dyingDB{DB: o.db, writes: 1}, o.clock), slog.New(slog.DiscardHandler), nil,
				task.Kind{Name: "mail", MaxAttempts: 3, Run: func(context.Context, task.Task) error { n++; return nil }})
			_ = w.RunDue(t.Context())
			o.advance(time.Hour)
		}
		reported := task.Task{}
		o.runDue(o.worker(task.Kind{Name: "mail", MaxAttempts: 3, Report: func(_ context.Context, t task.Task) error { reported = t; return nil }}))
		if reported.State != task.Failed {
			t.Errorf("reported %+v", reported)
		}
		if got := o.want("a", task.Failed, 3); n != 3 || got.LastError != "the worker stopped during attempt 3" {
			t.Errorf("%d runs, %+v", n, got)
		}
	})
}

// dyingDB is the store of a process that is killed: it takes some writes, and of
// the next one perhaps the answer is lost; then nothing more.
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
