package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/outbox"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/metrics"
)

const maxConcurrentPublishes = 16 // of events that are not in a store

// Forwarder publishes the events of a store to Kafka.
type Forwarder struct {
	publisher *Publisher     // nil if KAFKA_BROKERS is empty
	relays    []outbox.Relay // one per source
	log       *slog.Logger
}

// NewForwarder returns a forwarder that publishes the events of the sources to the
// topics. Without brokers the events stay in the store.
func NewForwarder(cfg Config, topics []string, log *slog.Logger, sources ...outbox.Source) *Forwarder {
	f := &Forwarder{log: log}
	if len(cfg.Brokers) > 0 {
		f.publisher = NewPublisher(cfg, topics, log)
		for _, source := range sources {
			f.relays = append(f.relays, outbox.Relay{Source: source, Publisher: f.publisher, Log: log})
		}
	}
	waiting := prometheus.NewDesc("outbox_waiting_events",
		fmt.Sprintf("Events that are not published yet, in at most %d aggregates.", outbox.MaxBacklog), nil, nil)
	oldest := prometheus.NewDesc("outbox_oldest_age_seconds", "Age of the oldest event that is not published yet; 0 without such events.", nil, nil)
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

// Run creates the topics and publishes events until ctx is done.
func (f *Forwarder) Run(ctx context.Context) error {
	if f.publisher == nil {
		f.log.WarnContext(ctx, "KAFKA_BROKERS is not set, events stay in the store")
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

// Publish publishes events that are not in a store, a few at a time, and returns when all
// are stored by Kafka. After an error some may be: repeat it then. It fails with
// fault.Unavailable.
func (f *Forwarder) Publish(ctx context.Context, events ...event.Envelope) error {
	if f.publisher == nil {
		return errNoBrokers()
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(maxConcurrentPublishes)
	for _, e := range events {
		g.Go(func() error { return f.publisher.Publish(ctx, e) })
	}
	if err := g.Wait(); err != nil {
		return fault.New(fault.Unavailable, "the events cannot be published").Because(err)
	}
	return nil
}

func errNoBrokers() error {
	return fault.New(fault.Unavailable, "KAFKA_BROKERS is not set, events stay in the store")
}

// Ping fails unless a broker responds and the topics exist.
func (f *Forwarder) Ping(ctx context.Context) error {
	if f.publisher == nil {
		return errNoBrokers()
	}
	return f.publisher.Ping(ctx)
}
