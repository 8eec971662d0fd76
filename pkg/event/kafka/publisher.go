// Package kafka is the suite's way to a Kafka cluster, and the only importer
// of kafka-go.
package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/segmentio/kafka-go"

	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/event"
)

const (
	dialTimeout    = 3 * time.Second
	requestTimeout = 5 * time.Second
	metadataTTL    = time.Second // how long a topic or leader that is gone may be believed in
)

// Config says where the cluster is.
type Config struct {
	Brokers []string `envconfig:"KAFKA_BROKERS" desc:"Kafka brokers as host:port, separated by commas; empty: events wait in the store"`
	// Partitions and Replication are for topics that are not there yet.
	Partitions  int `envconfig:"KAFKA_PARTITIONS" default:"3" desc:"partitions of a topic that is made: as many members of a consumer group share its events"`
	Replication int `envconfig:"KAFKA_REPLICATION_FACTOR" default:"0" desc:"brokers that keep a topic that is made; 0: as many as the cluster has for its default"`

	Security
	Metrics prometheus.Registerer // nil: none
}

// Validate tells what is wrong with c.
func (c Config) Validate() error {
	var errs []error
	for _, broker := range c.Brokers {
		if host, port, err := net.SplitHostPort(broker); err != nil || host == "" || port == "" {
			errs = append(errs, fmt.Errorf("  KAFKA_BROKERS: %q is not as host:port", broker))
		}
	}
	if c.Partitions < 1 || c.Partitions > maxPartitions {
		errs = append(errs, fmt.Errorf("  KAFKA_PARTITIONS: has to be 1 to %d", maxPartitions))
	}
	if c.Replication < 0 || c.Replication > math.MaxInt16 {
		errs = append(errs, errors.New("  KAFKA_REPLICATION_FACTOR: has to be a number of brokers, or 0"))
	}
	return errors.Join(append(errs, c.Security.errors(c.Brokers)...)...)
}

// Publisher writes events to Kafka. It is safe for concurrent use. Events of
// one key keep their order when each Publish waits for the one before.
type Publisher struct {
	topics *topicSet
	log    *slog.Logger
	tried  *prometheus.CounterVec
}

// NewPublisher returns a publisher of the topics. It does not talk to the
// cluster yet; Run does. The caller closes it.
func NewPublisher(cfg Config, topics []string, log *slog.Logger) *Publisher {
	t := newTopicSet(cfg)
	for _, topic := range topics {
		t.add(topic)
	}
	tried := promauto.With(cfg.Metrics).NewCounterVec(prometheus.CounterOpts{
		Name: "events_published_total", Help: "Attempts to write an event to its topic. One whose outcome is failed is tried again.",
	}, []string{"topic", "outcome"})
	for _, topic := range topics {
		tried.WithLabelValues(topic, "ok")
		tried.WithLabelValues(topic, "failed")
	}
	return &Publisher{topics: t, log: log, tried: tried}
}

// Run makes the topics and returns. While no broker answers it tries again,
// until ctx is done.
func (p *Publisher) Run(ctx context.Context) error {
	boot.Retry(ctx, p.log, "make the topics", p.topics.create)
	return nil
}

// Publish writes e to its topic and returns when all in-sync replicas have it.
// It tries once. After an error the cluster may have it all the same.
func (p *Publisher) Publish(ctx context.Context, e event.Envelope) error {
	msg := kafka.Message{Topic: e.Type, Key: []byte(e.Key), Value: e.Data}
	for _, h := range e.Headers() {
		msg.Headers = append(msg.Headers, kafka.Header{Key: h.Key, Value: []byte(h.Value)})
	}
	err := p.topics.write(ctx, msg)
	p.tried.WithLabelValues(e.Type, outcome(err)).Inc()
	return err
}

func outcome(err error) string {
	if err != nil {
		return "failed"
	}
	return "ok"
}

// Ping tells whether a broker answers and the topics are there.
func (p *Publisher) Ping(ctx context.Context) error { return p.topics.ping(ctx) }

// Close ends the connections, those in use when what they wait for has come or
// is given up. It waits for nothing.
func (p *Publisher) Close() { p.topics.close() }
