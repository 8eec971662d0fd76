package task_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/task"
)

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
