// Package kafka publishes events to a Kafka cluster and consumes them. No other package
// imports kafka-go.
package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"strconv"
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
	metadataTTL    = time.Second // longest use of outdated topics and leaders
)

// Config configures the connection to the cluster.
type Config struct {
	Brokers []string `envconfig:"KAFKA_BROKERS" desc:"Kafka brokers as host:port, separated by commas. Empty: events stay in the store and are not published."`
	// Partitions and Replication apply to topics that the services create.
	Partitions  int `envconfig:"KAFKA_PARTITIONS" default:"3" desc:"Number of partitions of new topics, which is also the largest number of consumers in a group that share a topic."`
	Replication int `envconfig:"KAFKA_REPLICATION_FACTOR" default:"0" desc:"Number of brokers that store a copy of new topics. 0: the default of the cluster."`

	Security
	Metrics prometheus.Registerer // nil for no metrics
}

// Validate returns one error for each invalid setting.
func (c Config) Validate() error {
	var errs []error
	for _, broker := range c.Brokers {
		host, port, err := net.SplitHostPort(broker)
		if n, portErr := strconv.ParseUint(port, 10, 16); err != nil || portErr != nil || host == "" || n == 0 {
			errs = append(errs, fmt.Errorf("  KAFKA_BROKERS: must be host:port with a port from 1 to 65535, got %q", broker))
		}
	}
	if c.Partitions < 1 || c.Partitions > maxPartitions {
		errs = append(errs, fmt.Errorf("  KAFKA_PARTITIONS: must be from 1 to %d, got %d", maxPartitions, c.Partitions))
	}
	if c.Replication < 0 || c.Replication > math.MaxInt16 {
		errs = append(errs, fmt.Errorf("  KAFKA_REPLICATION_FACTOR: must be from 0 to %d, got %d", math.MaxInt16, c.Replication))
	}
	return errors.Join(append(errs, c.Security.errors(c.Brokers)...)...)
}

// Publisher writes events to Kafka. It is safe for concurrent use. Events with the same
// key keep their order if each Publish waits for the previous one.
type Publisher struct {
	topics   *topicSet
	log      *slog.Logger
	attempts *prometheus.CounterVec
}

// NewPublisher returns a publisher for the topics. It does not connect to the cluster
// before Run, Publish or Ping. The caller must close it.
func NewPublisher(cfg Config, topics []string, log *slog.Logger) *Publisher {
	t := newTopicSet(cfg)
	for _, topic := range topics {
		t.add(topic)
	}
	attempts := promauto.With(cfg.Metrics).NewCounterVec(prometheus.CounterOpts{
		Name: "events_published_total", Help: "Attempts to publish an event, by outcome: ok or failed. Failed attempts are retried.",
	}, []string{"topic", "outcome"})
	for _, topic := range topics {
		attempts.WithLabelValues(topic, "ok")
		attempts.WithLabelValues(topic, "failed")
	}
	return &Publisher{topics: t, log: log, attempts: attempts}
}

// Run creates the topics and returns. While the broker is down it retries until ctx is
// done.
func (p *Publisher) Run(ctx context.Context) error {
	boot.Retry(ctx, p.log, "create topics", p.topics.create)
	return nil
}

// Publish writes e to its topic and returns when all in-sync replicas have stored it.
// It does not retry. After an error the cluster may or may not have stored e.
func (p *Publisher) Publish(ctx context.Context, e event.Envelope) error {
	msg := kafka.Message{Topic: e.Type, Key: []byte(e.Key), Value: e.Data}
	for _, h := range e.Headers() {
		msg.Headers = append(msg.Headers, kafka.Header{Key: h.Key, Value: []byte(h.Value)})
	}
	err := p.topics.write(ctx, msg)
	p.attempts.WithLabelValues(e.Type, outcome(err)).Inc()
	return err
}

func outcome(err error) string {
	if err != nil {
		return "failed"
	}
	return "ok"
}

// Ping fails unless a broker responds and the topics exist.
func (p *Publisher) Ping(ctx context.Context) error { return p.topics.ping(ctx) }

// Close closes the idle connections. Connections in use are closed after their current
// request; Close does not wait for them.
func (p *Publisher) Close() { p.topics.close() }
