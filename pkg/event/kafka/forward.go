package kafka

import (
	"context"
	"log/slog"

	"golang.org/x/sync/errgroup"

	"github.com/battery-passport/suite/pkg/event/outbox"
	"github.com/battery-passport/suite/pkg/fault"
)

// Forwarder carries the events of one store to Kafka.
type Forwarder struct {
	publisher *Publisher // nil where no brokers are set
	relay     outbox.Relay
	log       *slog.Logger
}

// NewForwarder returns a forwarder of the events in source, which go to the
// given topics. Without brokers they wait where they are.
func NewForwarder(cfg Config, topics []string, source outbox.Source, log *slog.Logger) *Forwarder {
	f := &Forwarder{log: log}
	if len(cfg.Brokers) > 0 {
		f.publisher = NewPublisher(cfg, topics, log)
		f.relay = outbox.Relay{Source: source, Publisher: f.publisher, Log: log}
	}
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
	g.Go(func() error { return f.relay.Run(ctx) })
	return g.Wait()
}

// Ping tells whether events go out.
func (f *Forwarder) Ping(ctx context.Context) error {
	if f.publisher == nil {
		return fault.New(fault.Unavailable, "KAFKA_BROKERS is not set: events wait")
	}
	return f.publisher.Ping(ctx)
}
