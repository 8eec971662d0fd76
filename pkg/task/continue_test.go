package task_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/task"
	"github.com/battery-passport/suite/pkg/wire"
)

// TestContinuedTaskResumesAtItsData scans six positions. A run fails, and later the
// worker is killed before it stores the outcome: the task resumes there, and begins
// again after it is done.
func TestContinuedTaskResumesAtItsData(t *testing.T) {
	each(t, func(t *testing.T, q *testQueue) {
		var visited []int
		failed := false
		kind := task.Kind{Name: "scan", Every: 24 * time.Hour, Run: func(_ context.Context, got task.Task) error {
			var position int
			if got.Data != nil {
				if err := wire.Unmarshal(got.Data, &position); err != nil {
					return err
				}
			}
			visited = append(visited, position)
			switch {
			case position == 3 && !failed:
				failed = true
				return errors.New("no")
			case position == 5:
				return nil
			}
			return task.Continue(position + 1)
		}}
		q.enqueue(task.Spec{ID: "scan", Kind: "scan"})
		w := q.worker(kind)
		q.runDue(w)
		q.want("scan", task.Waiting, 1)
		q.advance(time.Minute)
		q.runDue(w)
		if done := q.want("scan", task.Waiting, 0); done.Data != nil || done.NotBefore != q.clock().Add(24*time.Hour) {
			t.Errorf("a task that is done has data %s and is due at %v", done.Data, done.NotBefore)
		}
		q.advance(24 * time.Hour)
		dying := task.NewQueue(&dyingDB{DB: q.db, writes: 5}, q.clock) // fails after the run of position 2
		_ = task.NewWorker(dying, slog.New(slog.DiscardHandler), nil, kind).RunDue(t.Context())
		q.advance(time.Hour)
		q.runDue(w)
		if want := []int{0, 1, 2, 3, 3, 4, 5, 0, 1, 2, 2, 3, 4, 5}; !slices.Equal(visited, want) {
			t.Errorf("visited %v, want %v", visited, want)
		}
	})
}
