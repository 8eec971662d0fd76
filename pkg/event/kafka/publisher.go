// Package kafka is the suite's way to a Kafka cluster, and the only importer
// of kafka-go.
package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/event"
)

const (
	dialTimeout    = 3 * time.Second
	requestTimeout = 5 * time.Second
	metadataTTL    = time.Second // how long a topic or leader that is gone may be believed in
	attempts       = 3           // of one publish; the outbox tries again after them
	minBackoff     = 50 * time.Millisecond
	maxBackoff     = time.Second
	partitions     = 3
)

// Config says where the cluster is.
type Config struct {
	Brokers []string `envconfig:"KAFKA_BROKERS" desc:"Kafka brokers as host:port, separated by commas; empty: events wait in the store"`
}

// Publisher writes events to Kafka. It is safe for concurrent use. Events of
// one key keep their order when each Publish waits for the one before.
type Publisher struct {
	client *kafka.Client
	writer *kafka.Writer
	topics []string
	log    *slog.Logger
}

// NewPublisher returns a publisher of the topics. It does not talk to the
// cluster yet; Run does. The caller closes it.
func NewPublisher(cfg Config, topics []string, log *slog.Logger) *Publisher {
	transport := &kafka.Transport{
		Dial:        (&net.Dialer{Timeout: dialTimeout}).DialContext,
		DialTimeout: dialTimeout,
		MetadataTTL: metadataTTL,
	}
	addr := kafka.TCP(cfg.Brokers...)
	return &Publisher{
		client: &kafka.Client{Addr: addr, Transport: transport, Timeout: requestTimeout},
		writer: &kafka.Writer{
			Addr:      addr,
			Transport: transport,
			Balancer:  &kafka.Hash{},
			// Each event is a batch of its own: by default kafka-go waits a
			// second for more, and sends the next batch when one has failed.
			BatchSize:       1,
			RequiredAcks:    kafka.RequireAll,
			MaxAttempts:     attempts,
			WriteBackoffMin: minBackoff,
			WriteBackoffMax: maxBackoff,
			ReadTimeout:     requestTimeout,
			WriteTimeout:    requestTimeout,
		},
		topics: topics,
		log:    log,
	}
}

// Run makes the topics and returns. While no broker answers it tries again,
// until ctx is done.
func (p *Publisher) Run(ctx context.Context) error {
	boot.Persist(ctx, p.log, "make the topics", p.createTopics)
	return nil
}

func (p *Publisher) createTopics(ctx context.Context) error {
	configs := make([]kafka.TopicConfig, len(p.topics))
	for i, topic := range p.topics {
		// The replication factor is the cluster's default.
		configs[i] = kafka.TopicConfig{Topic: topic, NumPartitions: partitions, ReplicationFactor: -1}
	}
	res, err := p.client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: configs})
	if err != nil {
		return err
	}
	var errs []error
	for topic, err := range res.Errors {
		if err != nil && !errors.Is(err, kafka.TopicAlreadyExists) {
			errs = append(errs, fmt.Errorf("topic %s: %w", topic, err))
		}
	}
	return errors.Join(errs...)
}

// Publish writes e to its topic and returns when all in-sync replicas have it.
// After an error the cluster may have it all the same.
func (p *Publisher) Publish(ctx context.Context, e event.Envelope) error {
	msg := kafka.Message{Topic: e.Type, Key: []byte(e.Key), Value: e.Data, Time: e.Time}
	for _, h := range e.Headers() {
		msg.Headers = append(msg.Headers, kafka.Header{Key: h.Key, Value: []byte(h.Value)})
	}
	return p.writer.WriteMessages(ctx, msg)
}

// Ping tells whether a broker answers and the topics are there.
func (p *Publisher) Ping(ctx context.Context) error {
	res, err := p.client.Metadata(ctx, &kafka.MetadataRequest{Topics: p.topics})
	if err != nil {
		return err
	}
	var errs []error
	for _, topic := range res.Topics {
		if topic.Error != nil {
			errs = append(errs, fmt.Errorf("topic %s: %w", topic.Name, topic.Error))
		}
	}
	return errors.Join(errs...)
}

// Close ends the connections. Publish must not be under way.
func (p *Publisher) Close() error {
	err := p.writer.Close()
	p.client.Transport.(*kafka.Transport).CloseIdleConnections()
	return err
}
