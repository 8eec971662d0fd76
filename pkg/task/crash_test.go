package task_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
)

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
