package task_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/task"
)

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
