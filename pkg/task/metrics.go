package task

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/battery-passport/suite/pkg/metrics"
	"github.com/battery-passport/suite/pkg/store"
)

// maxCount is the maximum number of tasks that a gauge counts.
const maxCount = 1000

// taskMetrics counts runs, and counts the tasks of the queue on each scrape.
type taskMetrics struct {
	queue *Queue
	kinds []Kind
	runs  *prometheus.CounterVec
	took  *prometheus.HistogramVec
}

var (
	tasksDesc  = prometheus.NewDesc("tasks", "Tasks by state, up to 1000: waiting, running, failed, or unreadable, which do not run because they cannot be read.", []string{"kind", "state"}, nil)
	oldestDesc = prometheus.NewDesc("task_oldest_age_seconds", "Time since the oldest waiting task was due.", []string{"kind"}, nil)
)

// newMetrics registers the metrics with r, if that is not nil.
func newMetrics(q *Queue, log *slog.Logger, r prometheus.Registerer, kinds []Kind) *taskMetrics {
	m := &taskMetrics{
		queue: q, kinds: kinds,
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "task_attempts_total", Help: "Runs of tasks by outcome: done, continued, retry, failed, or outage."},
			[]string{"kind", "outcome"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "task_duration_seconds", Help: "Duration of the runs of tasks.", Buckets: metrics.DurationBuckets},
			[]string{"kind"}),
	}
	if r != nil {
		r.MustRegister(m.runs, m.took)
	}
	metrics.RegisterGauges(r, log, []*prometheus.Desc{tasksDesc, oldestDesc}, m.sample)
	for _, k := range kinds {
		for _, outcome := range []string{"done", "continued", "retry", "failed", "outage"} {
			m.runs.WithLabelValues(k.Name, outcome)
		}
	}
	return m
}

func (m *taskMetrics) observe(kind, outcome string, took time.Duration) {
	m.runs.WithLabelValues(kind, outcome).Inc()
	m.took.WithLabelValues(kind).Observe(took.Seconds())
}

func (m *taskMetrics) sample(ctx context.Context) (samples []prometheus.Metric, err error) {
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		samples = append(samples, prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...))
	}
	for _, k := range m.kinds {
		unreadable := 0
		for _, state := range []State{Waiting, Running, Failed} {
			n, skipped, oldest, err := m.count(ctx, k.Name, state)
			if err != nil {
				return samples, err
			}
			unreadable += skipped
			gauge(tasksDesc, float64(n), k.Name, string(state))
			if state != Waiting {
				continue
			}
			age := 0.0
			if n > 0 {
				age = max(0, m.queue.now().Sub(oldest).Seconds())
			}
			gauge(oldestDesc, age, k.Name)
		}
		gauge(tasksDesc, float64(unreadable), k.Name, "unreadable")
	}
	return samples, nil
}

// count returns the number of tasks of a kind in a state, the number of those that
// cannot be read, and the time when the first task is due.
func (m *taskMetrics) count(ctx context.Context, kind string, state State) (n, unreadable int, first time.Time, err error) {
	q := store.Query{
		Scopes: []string{kind}, Filters: map[string]string{"state": string(state)}, Order: store.OldestFirst, Limit: store.MaxLimit,
		OnUnreadable: func(string, error) { unreadable++ },
	}
	for page, err := range m.queue.tasks.Pages(ctx, q) {
		if err != nil {
			return 0, 0, first, err
		}
		if n == 0 && len(page.Rows) > 0 {
			first = page.Rows[0].Doc.due()
		}
		if n += len(page.Rows); n+unreadable >= maxCount {
			break
		}
	}
	return n, unreadable, first, nil
}
