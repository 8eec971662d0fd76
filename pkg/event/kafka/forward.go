package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/battery-passport/suite/pkg/event/outbox"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/metrics"
)

// Forwarder carries the events of one store to Kafka.
type Forwarder struct {
	publisher *Publisher     // nil where no brokers are set
	relays    []outbox.Relay // one for each source
	log       *slog.Logger
}

// NewForwarder returns a forwarder of the events in the sources, which go to the
// given topics. Without brokers they wait where they are.
func NewForwarder(cfg Config, topics []string, log *slog.Logger, sources ...outbox.Source) *Forwarder {
	f := &Forwarder{log: log}
	if len(cfg.Brokers) > 0 {
		f.publisher = NewPublisher(cfg, topics, log)
		for _, source := range sources {
			f.relays = append(f.relays, outbox.Relay{Source: source, Publisher: f.publisher, Log: log})
		}
	}
	waiting := prometheus.NewDesc("outbox_waiting_events",
		fmt.Sprintf("Events that are not on their topics yet. Those of %d aggregates are counted at most.", outbox.MaxBacklog), nil, nil)
	oldest := prometheus.NewDesc("outbox_oldest_age_seconds", "Age of the oldest of them; 0 where none waits.", nil, nil)
	metrics.RegisterGauges(cfg.Metrics, log, []*prometheus.Desc{waiting, oldest}, func(ctx context.Context) ([]prometheus.Metric, error) {
		events, age := 0, time.Duration(0)
		for _, source := range sources {
			b, err := source.Backlog(ctx)
			if err != nil {
				return nil, err
			}
			if events += b.Events; b.Events > 0 {
				age = max(age, time.Since(b.Oldest))
			}
		}
		return []prometheus.Metric{
			prometheus.MustNewConstMetric(waiting, prometheus.GaugeValue, float64(events)), prometheus.MustNewConstMetric(oldest, prometheus.GaugeValue, age.Seconds()),
		}, nil
	})
	return f
}

// Run makes the topics and forwards events until ctx is done.
func (f *Forwarder) Run(ctx context.Context) error {
	if f.publisher == nil {
		f.log.WarnContext(ctx, "KAFKA_BROKERS is not set: events wait in the store")
		<-ctx.Done()
		return nil
	}
	defer f.publisher.Close()
	var g errgroup.Group
	g.Go(func() error { return f.publisher.Run(ctx) })
	for i := range f.relays {
		g.Go(func() error { return f.relays[i].Run(ctx) })
	}
	return g.Wait()
}

// Ping tells whether events go out.
func (f *Forwarder) Ping(ctx context.Context) error {
	if f.publisher == nil {
		return fault.New(fault.Unavailable, "KAFKA_BROKERS is not set: events wait")
	}
	return f.publisher.Ping(ctx)
}
