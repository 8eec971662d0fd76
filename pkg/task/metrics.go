package task

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/battery-passport/suite/pkg/metrics"
	"github.com/battery-passport/suite/pkg/store"
)

// counted is the highest number of tasks that a gauge counts.
const counted = 1000

// taskMetrics counts runs, and samples the queue when Prometheus asks.
type taskMetrics struct {
	queue *Queue
	kinds []Kind
	runs  *prometheus.CounterVec
	took  *prometheus.HistogramVec
}

func newMetrics(q *Queue, registry *metrics.Registry, kinds []Kind) *taskMetrics {
	m := &taskMetrics{
		queue: q, kinds: kinds,
		runs: registry.Counter("task_attempts_total", "Runs of tasks by outcome: done, retry, failed, or outage.", "kind", "outcome"),
		took: registry.Seconds("task_duration_seconds", "Duration of the runs of tasks.", "kind"),
	}
	registry.Sampled([]metrics.Family{
		{Name: "tasks", Help: "Tasks by state, up to 1000: waiting, running, or failed.", Labels: []string{"kind", "state"}},
		{Name: "task_oldest_age_seconds", Help: "Time since the oldest task that has not run was due.", Labels: []string{"kind"}},
	}, m.sample)
	for _, k := range kinds {
		for _, outcome := range []string{"done", "retry", "failed", "outage"} {
			m.runs.WithLabelValues(k.Name, outcome)
		}
	}
	return m
}

func (m *taskMetrics) observe(kind, outcome string, took time.Duration) {
	m.runs.WithLabelValues(kind, outcome).Inc()
	m.took.WithLabelValues(kind).Observe(took.Seconds())
}

func (m *taskMetrics) sample(ctx context.Context) (samples []metrics.Sample, err error) {
	now := m.queue.now()
	for _, k := range m.kinds {
		for _, state := range []State{Waiting, Running, Failed} {
			n, oldest, err := m.count(ctx, k.Name, state)
			if err != nil {
				return samples, err
			}
			samples = append(samples, metrics.Sample{Family: 0, Value: float64(n), Labels: []string{k.Name, string(state)}})
			if state == Waiting {
				age := 0.0
				if n > 0 {
					age = max(0, now.Sub(oldest).Seconds())
				}
				samples = append(samples, metrics.Sample{Family: 1, Value: age, Labels: []string{k.Name}})
			}
		}
	}
	return samples, nil
}

// count returns how many tasks of a kind are in a state, and when the first of
// them is due.
func (m *taskMetrics) count(ctx context.Context, kind string, state State) (n int, first time.Time, err error) {
	q := store.Query{Scopes: []string{kind}, Filters: map[string]string{"state": string(state)}, Order: store.OldestFirst, Limit: store.MaxLimit}
	for n < counted {
		page, err := m.queue.tasks.List(ctx, q)
		if err != nil {
			return 0, first, err
		}
		if n == 0 && len(page.Rows) > 0 {
			first = page.Rows[0].Doc.due()
		}
		n += len(page.Rows)
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	return n, first, nil
}
