package task_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/task"
)

// TestFailedReportIsRepeatedWithoutRun fails, panics and blocks in the report of a task.
func TestFailedReportIsRepeatedWithoutRun(t *testing.T) {
	each(t, func(t *testing.T, q *testQueue) {
		r := runs{fail: func(int) error { return errors.New("refused") }}
		reports := 0
		w := q.worker(task.Kind{Name: "mail", Run: r.run, MaxAttempts: 1, Timeout: 50 * time.Millisecond, MinBackoff: time.Minute,
			Report: func(ctx context.Context, got task.Task) error {
				if got.State != task.Failed {
					t.Errorf("reported %+v, want failed", got)
				}
				switch reports++; reports {
				case 1:
					return errors.New("no")
				case 2:
					panic("boom")
				case 3:
					<-ctx.Done() // blocks for ever without a timeout
					return ctx.Err()
				}
				return nil
			}})
		q.enqueue(task.Spec{ID: "a", Kind: "mail"})
		for want := 1; want <= 4; want++ {
			q.runDue(w)
			q.runDue(w) // within the backoff
			q.want("a", task.Failed, 1)
			if reports != want {
				t.Errorf("%d reports, want %d", reports, want)
			}
			q.advance(time.Hour)
		}
		q.runDue(w)
		if reports != 4 || len(r.ids) != 1 {
			t.Errorf("%d reports and %d runs, want 4 and 1", reports, len(r.ids))
		}
	})
}

// TestCrashBeforeReportRepeatsOnlyReport kills the worker when it stores the outcome:
// the write succeeds, its response is lost.
func TestCrashBeforeReportRepeatsOnlyReport(t *testing.T) {
	each(t, func(t *testing.T, q *testQueue) {
		var r runs
		var reported []task.State
		kind := task.Kind{Name: "mail", Run: r.run, Report: func(_ context.Context, t task.Task) error { reported = append(reported, t.State); return nil }}
		q.enqueue(task.Spec{ID: "a", Kind: "mail"})
		dying := task.NewQueue(&dyingDB{DB: q.db, writes: 1, lost: true}, q.clock)
		_ = task.NewWorker(dying, slog.New(slog.DiscardHandler), nil, kind).RunDue(t.Context())
		if len(reported) > 0 {
			t.Errorf("reported %v before the outcome was stored", reported)
		}
		q.advance(time.Hour)
		q.runDue(q.worker(kind))
		q.want("a", task.Done, 1)
		if len(r.ids) != 1 || fmt.Sprint(reported) != "[done]" {
			t.Errorf("%d runs, reported %v, want one run and [done]", len(r.ids), reported)
		}
	})
}

// TestTaskInOutageBacksOff has one task in outage. Other tasks of the kind succeed,
// which ends the pause of the kind.
func TestTaskInOutageBacksOff(t *testing.T) {
	each(t, func(t *testing.T, q *testQueue) {
		n := 0
		w := q.worker(task.Kind{Name: "mail", Run: func(_ context.Context, t task.Task) error {
			if t.ID == "a" {
				n++
				return fault.New(fault.Unavailable, "away")
			}
			return nil
		}})
		q.enqueue(task.Spec{ID: "a", Kind: "mail"})
		for i := range 120 {
			q.runDue(w)
			q.enqueue(task.Spec{ID: fmt.Sprint("other", i), Kind: "mail", NotBefore: q.clock().Add(-time.Hour)})
			q.advance(time.Second)
		}
		if got := q.want("a", task.Waiting, 0); n < 5 || n > 12 || got.NotBefore.Sub(q.clock()) > time.Minute {
			t.Errorf("%d runs in two minutes, want 5 to 12, then %+v", n, got)
		}
	})
}

// TestParallelOutagesLoseNoTask runs tasks that begin and end an outage at the same
// time, for the race detector.
func TestParallelOutagesLoseNoTask(t *testing.T) {
	each(t, func(t *testing.T, q *testQueue) {
		r := runs{fail: func(n int) error {
			if n%2 == 0 {
				return fault.New(fault.Unavailable, "away")
			}
			return nil
		}}
		w := q.worker(task.Kind{Name: "mail", Run: r.run, Concurrency: 8})
		for i := range 40 {
			q.enqueue(task.Spec{ID: fmt.Sprint(i), Kind: "mail"})
		}
		for range 40 {
			q.runDue(w)
			q.advance(time.Minute)
		}
		for i := range 40 {
			if got := q.want(fmt.Sprint(i), task.Done, 1); got.Outages != 0 {
				t.Errorf("got %+v, want no outages", got)
			}
		}
	})
}

// TestRunHasTimeoutAndGracePeriod blocks in a run until its context ends.
func TestRunHasTimeoutAndGracePeriod(t *testing.T) {
	for _, c := range []struct {
		name     string
		shutdown time.Duration
		want     time.Duration
	}{{"timeout", time.Hour, time.Minute}, {"shutdown", 10 * time.Second, 15 * time.Second}} {
		t.Run(c.name, func(t *testing.T) {
			each(t, func(t *testing.T, q *testQueue) {
				queue := task.NewQueue(q.db, time.Now)
				synctest.Test(t, func(t *testing.T) {
					ctx, stop := context.WithCancel(t.Context())
					begun, took := time.Now(), time.Duration(0)
					defer time.AfterFunc(c.shutdown, stop).Stop()
					w := task.NewWorker(queue, slog.New(slog.DiscardHandler), nil, task.Kind{Name: "refresh", Every: time.Hour, Local: true, Timeout: time.Minute,
						Run: func(ctx context.Context, _ task.Task) error {
							select {
							case <-ctx.Done():
							case <-time.After(2 * time.Hour):
							}
							took = time.Since(begun)
							stop()
							return ctx.Err()
						}})
					if err := w.Run(ctx); err != nil || took != c.want {
						t.Errorf("Run = %v, the context of the run ended after %v, want %v", err, took, c.want)
					}
				})
			})
		})
	}
}

func TestShutdownIsNotAnAttempt(t *testing.T) {
	each(t, func(t *testing.T, q *testQueue) {
		ctx, stop := context.WithCancel(t.Context())
		w := q.worker(task.Kind{Name: "mail", MaxAttempts: 1, Run: func(run context.Context, _ task.Task) error {
			stop()
			if run.Err() != nil {
				t.Error("the run ended without a grace period")
			}
			return context.Canceled
		}})
		q.enqueue(task.Spec{ID: "a", Kind: "mail"})
		if err := w.RunDue(ctx); err != nil {
			t.Error(err)
		}
		q.want("a", task.Waiting, 0)
	})
}

func TestRecurringTaskBacksOffAtMostItsInterval(t *testing.T) {
	each(t, func(t *testing.T, q *testQueue) {
		w := q.worker(task.Kind{Name: "sweep", Every: time.Minute, MinBackoff: time.Hour, Run: func(context.Context, task.Task) error { return errors.New("no") }})
		q.enqueue(task.Spec{ID: "sweep", Kind: "sweep"})
		q.runDue(w)
		if got := q.want("sweep", task.Waiting, 1); got.NotBefore.Sub(q.clock()) > time.Minute {
			t.Errorf("the next run is at %v, want within a minute", got.NotBefore)
		}
	})
}

// TestErrorTextInAnyEncodingIsStored checks that a task is retried if the text of its
// error is not valid UTF-8.
func TestErrorTextInAnyEncodingIsStored(t *testing.T) {
	for name, text := range map[string]string{
		"cut within a character": strings.Repeat("x", 299) + "ü", "Latin-1": "Empf\xe4nger unbekannt",
	} {
		each(t, func(t *testing.T, q *testQueue) {
			r := runs{fail: func(int) error { return errors.New(text) }}
			q.enqueue(task.Spec{ID: "a", Kind: "mail"})
			q.runDue(task.NewWorker(q.Queue, slog.New(slog.DiscardHandler), nil, task.Kind{Name: "mail", Run: r.run}))
			if got, err := q.get("a"); err != nil || got.State != task.Waiting || got.Attempts != 1 || got.LastError == "" {
				t.Errorf("%s: the task is %+v, %v", name, got, err)
			}
		})
	}
}
