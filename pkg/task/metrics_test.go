package task_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/metrics"
	"github.com/battery-passport/suite/pkg/task"
)

func TestMetricsCountTasksAndRuns(t *testing.T) {
	each(t, func(t *testing.T, q *testQueue) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		log := slog.New(slog.NewTextHandler(t.Output(), nil))
		registry, err := metrics.Open("test", metrics.Config{Listener: l}, log)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { registry.Serve(ctx) })
		defer wg.Wait()
		defer stop()
		r := runs{fail: func(n int) error { return map[int]error{1: task.Permanent(errors.New("wrong"))}[n] }}
		w := task.NewWorker(q.Queue, log, registry.Registry, task.Kind{Name: "mail", Run: r.run})
		q.enqueue(task.Spec{ID: "a", Kind: "mail"}, task.Spec{ID: "b", Kind: "mail"})
		q.runDue(w)
		q.enqueue(task.Spec{ID: "c", Kind: "mail"}, task.Spec{ID: "d", Kind: "mail"})
		q.advance(90 * time.Second)
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		res, err := client.Get("http://" + l.Addr().String() + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			`tasks{kind="mail",state="waiting"} 2`, `tasks{kind="mail",state="running"} 0`, `tasks{kind="mail",state="failed"} 1`, `tasks{kind="mail",state="unreadable"} 0`,
			`task_oldest_age_seconds{kind="mail"} 90`, `task_duration_seconds_count{kind="mail"} 2`,
			`task_attempts_total{kind="mail",outcome="done"} 1`, `task_attempts_total{kind="mail",outcome="failed"} 1`,
		} {
			if !strings.Contains(string(body), want+"\n") {
				t.Errorf("metrics do not contain %s", want)
			}
		}
	})
}
