package task_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
)

// insertUnreadable stores n tasks that are due before all others. Half of them have a
// member of a wrong type, the others the schema version of a later release.
func (q *testQueue) insertUnreadable(n int, kind string, state task.State) {
	q.t.Helper()
	type document struct {
		ID int `json:"id"`
	}
	for i := range n {
		tasks := store.Open(q.db, store.Schema[document]{Name: "tasks", Version: 1 + i%2, Indexes: func(*document) store.Indexes {
			return store.Indexes{Scopes: []string{kind}, Created: q.clock().Add(-30 * 24 * time.Hour),
				Filters: map[string]string{"state": string(state), "open": map[task.State]string{task.Waiting: "true"}[state]}}
		}})
		if _, err := tasks.Insert(q.t.Context(), fmt.Sprint(state, i), document{i}); err != nil {
			q.t.Fatal(err)
		}
	}
}

func TestUnreadableTasksDoNotBlockOthers(t *testing.T) {
	each(t, func(t *testing.T, q *testQueue) {
		const unreadable = 120 // more than two pages
		q.insertUnreadable(unreadable, "mail", task.Waiting)
		q.enqueue(task.Spec{ID: "a", Kind: "mail"}, task.Spec{ID: "b", Kind: "mail"})
		var r runs
		var log bytes.Buffer
		registry := prometheus.NewRegistry()
		w := task.NewWorker(q.Queue, slog.New(slog.NewTextHandler(&log, nil)), registry, task.Kind{Name: "mail", Run: r.run})
		q.runDue(w)
		q.runDue(w)
		q.want("a", task.Done, 1)
		q.want("b", task.Done, 1)
		if n := strings.Count(log.String(), "task cannot be read"); n != unreadable {
			t.Errorf("%d log messages, want one for each of %d tasks:\n%s", n, unreadable, log.String())
		}
		if n := gauge(t, registry, "tasks", "unreadable"); n != unreadable {
			t.Errorf("tasks{state=unreadable} is %v, want %d", n, unreadable)
		}
	})
}

// gauge returns the value of a gauge for a state.
func gauge(t *testing.T, registry *prometheus.Registry, name, state string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, label := range m.GetLabel() {
				if f.GetName() == name && label.GetName() == "state" && label.GetValue() == state {
					return m.GetGauge().GetValue()
				}
			}
		}
	}
	t.Fatalf("gauge %s{state=%q} not found", name, state)
	return 0
}

func TestFinishedTasksAreRemovedAfterRetention(t *testing.T) {
	each(t, func(t *testing.T, q *testQueue) {
		q.insertUnreadable(2, "mail", task.Done) // must not block the others
		w := q.worker(task.Kind{Name: "mail", Retention: 48 * time.Hour, Run: func(_ context.Context, t task.Task) error {
			if t.ID == "failed" {
				return task.Permanent(errors.New("refused"))
			}
			return nil
		}})
		q.enqueue(task.Spec{ID: "done", Kind: "mail"}, task.Spec{ID: "failed", Kind: "mail"}, task.Spec{ID: "later", Kind: "mail", NotBefore: q.clock().AddDate(1, 0, 0)})
		q.runDue(w)
		q.advance(47 * time.Hour)
		q.runDue(w)
		q.want("done", task.Done, 1)
		q.want("failed", task.Failed, 1)
		q.advance(2 * time.Hour)
		q.runDue(w)
		for _, id := range []string{"done", "failed"} {
			if got, err := q.get(id); err == nil {
				t.Errorf("task %s after its retention: %+v, want not found", id, got)
			}
		}
		q.want("later", task.Waiting, 0)
	})
}
