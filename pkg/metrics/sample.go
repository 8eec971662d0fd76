package metrics

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
)

// A Family is a gauge whose values are asked for when Prometheus asks.
type Family struct {
	Name, Help string
	Labels     []string
}

// A Sample is a value of a family, with its labels in the family's order.
type Sample struct {
	Family int // index
	Value  float64
	Labels []string
}

// Sampled adds gauges that take is asked for at each scrape, within two
// seconds. What fails is logged, and missing then.
func (r *Registry) Sampled(families []Family, take func(context.Context) ([]Sample, error)) {
	if r == nil {
		return
	}
	s := &sampled{take: take, registry: r}
	for _, f := range families {
		s.descs = append(s.descs, prometheus.NewDesc(f.Name, f.Help, f.Labels, nil))
	}
	r.register(s)
}

type sampled struct {
	descs    []*prometheus.Desc
	take     func(context.Context) ([]Sample, error)
	registry *Registry
}

// Describe implements prometheus.Collector.
func (s *sampled) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range s.descs {
		descs <- d
	}
}

// Collect implements prometheus.Collector.
func (s *sampled) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), sampleTimeout)
	defer cancel()
	samples, err := s.take(ctx)
	if err != nil {
		s.registry.log.WarnContext(ctx, "metrics are missing", "err", err)
	}
	for _, sample := range samples {
		metrics <- prometheus.MustNewConstMetric(s.descs[sample.Family], prometheus.GaugeValue, sample.Value, sample.Labels...)
	}
}
