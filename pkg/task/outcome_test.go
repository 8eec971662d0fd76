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

// TestOnlyAFailedReportIsRepeated fails, panics and blocks in the reports of a task.
func TestOnlyAFailedReportIsRepeated(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		r := runs{fail: func(int) error { return errors.New("refused") }}
		reports := 0
		w := o.worker(task.Kind{Name: "mail", Run: r.run, MaxAttempts: 1, Timeout: 50 * time.Millisecond, MinBackoff: time.Minute,
			Report: func(ctx context.Context, got task.Task) error {
				if got.State != task.Failed {
					t.Errorf("reported %+v", got)
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
		o.enqueue(task.Spec{ID: "a", Kind: "mail"})
		for want := 1; want <= 4; want++ {
			o.runDue(w)
			o.runDue(w) // within the backoff
			o.want("a", task.Failed, 1)
			if reports != want {
				t.Errorf("%d reports, want %d", reports, want)
			}
			o.advance(time.Hour)
		}
		o.runDue(w)
		if reports != 4 || len(r.ids) != 1 {
			t.Errorf("%d reports and %d runs, want 4 and 1", reports, len(r.ids))
		}
	})
}

// TestACrashBeforeTheReportRepeatsOnlyTheReport kills the worker after the claim and
// when it stores the outcome: the write succeeds, its answer is lost.
func TestACrashBeforeTheReportRepeatsOnlyTheReport(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		var r runs
		var reported []task.State
		kind := task.Kind{Name: "mail", Run: r.run, Report: func(_ context.Context, t task.Task) error { reported = append(reported, t.State); return nil }}
		o.enqueue(task.Spec{ID: "a", Kind: "mail"})
		dying := task.NewQueue(&dyingDB{DB: o.db, writes: 1, lost: true}, o.clock)
		_ = task.NewWorker(dying, slog.New(slog.DiscardHandler), nil, kind).RunDue(t.Context())
		if len(reported) > 0 {
			t.Errorf("reported %v before the outcome was stored", reported)
		}
		o.advance(time.Hour)
		o.runDue(o.worker(kind))
		o.want("a", task.Done, 1)
		if len(r.ids) != 1 || fmt.Sprint(reported) != "[done]" {
			t.Errorf("%d runs, reported %v", len(r.ids), reported)
		}
	})
}

// TestATaskInOutageBacksOff has one task that is never available among others that
// succeed, which end the pause of the kind.
func TestATaskInOutageBacksOff(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		n := 0
		w := o.worker(task.Kind{Name: "mail", Run: func(_ context.Context, t task.Task) error {
			if t.ID == "a" {
				n++
				return fault.New(fault.Unavailable, "away")
			}
			return nil
		}})
		o.enqueue(task.Spec{ID: "a", Kind: "mail"})
		for i := range 120 {
			o.runDue(w)
			o.enqueue(task.Spec{ID: fmt.Sprint("other", i), Kind: "mail", NotBefore: o.clock().Add(-time.Hour)})
			o.advance(time.Second)
		}
		if got := o.want("a", task.Waiting, 0); n < 5 || n > 12 || got.NotBefore.Sub(o.clock()) > time.Minute {
			t.Errorf("%d runs in two minutes, then %+v", n, got)
		}
	})
}

// TestOutagesInParallel runs tasks that end and begin an outage at the same time,
// for the race detector.
func TestOutagesInParallel(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		r := runs{fail: func(n int) error {
			if n%2 == 0 {
				return fault.New(fault.Unavailable, "away")
			}
			return nil
		}}
		w := o.worker(task.Kind{Name: "mail", Run: r.run, Concurrency: 8})
		for i := range 40 {
			o.enqueue(task.Spec{ID: fmt.Sprint(i), Kind: "mail"})
		}
		for range 40 {
			o.runDue(w)
			o.advance(time.Minute)
		}
		for i := range 40 {
			if got := o.want(fmt.Sprint(i), task.Done, 1); got.Outages != 0 {
				t.Errorf("%+v", got)
			}
		}
	})
}

// TestARunHasATimeoutAndAGracePeriod blocks in a handler until its context ends.
func TestARunHasATimeoutAndAGracePeriod(t *testing.T) {
	for _, c := range []struct {
		name     string
		shutdown time.Duration
		want     time.Duration
	}{{"timeout", time.Hour, time.Minute}, {"shutdown", 10 * time.Second, 15 * time.Second}} {
		t.Run(c.name, func(t *testing.T) {
			each(t, func(t *testing.T, o *office) {
				q := task.NewQueue(o.db, time.Now)
				synctest.Test(t, func(t *testing.T) {
					ctx, stop := context.WithCancel(t.Context())
					begun, took := time.Now(), time.Duration(0)
					defer time.AfterFunc(c.shutdown, stop).Stop()
					w := task.NewWorker(q, slog.New(slog.DiscardHandler), nil, task.Kind{Name: "refresh", Every: time.Hour, Local: true, Timeout: time.Minute,
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

func TestAShutdownIsNoAttempt(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		ctx, stop := context.WithCancel(t.Context())
		w := o.worker(task.Kind{Name: "mail", MaxAttempts: 1, Run: func(run context.Context, _ task.Task) error {
			stop()
			if run.Err() != nil {
				t.Error("the run ended without a grace period")
			}
			return context.Canceled
		}})
		o.enqueue(task.Spec{ID: "a", Kind: "mail"})
		if err := w.RunDue(ctx); err != nil {
			t.Error(err)
		}
		o.want("a", task.Waiting, 0)
	})
}

func TestARecurringTaskWaitsAtMostItsInterval(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		w := o.worker(task.Kind{Name: "sweep", Every: time.Minute, MinBackoff: time.Hour, Run: func(context.Context, task.Task) error { return errors.New("no") }})
		o.enqueue(task.Spec{ID: "sweep", Kind: "sweep"})
		o.runDue(w)
		if got := o.want("sweep", task.Waiting, 1); got.NotBefore.Sub(o.clock()) > time.Minute {
			t.Errorf("it waits until %v", got.NotBefore)
		}
	})
}

// TestErrorTextInAnyEncoding: a task is stored and tried again, whatever the bytes of
// the error that its run ends with.
func TestErrorTextInAnyEncoding(t *testing.T) {
	for name, text := range map[string]string{
		"cut within a character": strings.Repeat("x", 299) + "ü", "Latin-1": "Empf\xe4nger unbekannt",
	} {
		each(t, func(t *testing.T, o *office) {
			r := runs{fail: func(int) error { return errors.New(text) }}
			o.enqueue(task.Spec{ID: "a", Kind: "mail"})
			o.runDue(task.NewWorker(o.Queue, slog.New(slog.DiscardHandler), nil, task.Kind{Name: "mail", Run: r.run}))
			if got, err := o.Get(t.Context(), "a"); err != nil || got.State != task.Waiting || got.Attempts != 1 || got.LastError == "" {
				t.Errorf("%s: the task is %+v, %v", name, got, err)
			}
		})
	}
}
