package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/segmentio/kafka-go"
)

const (
	partitions  = 3
	deadLetters = ".dlq"
	// maxDeadLetter is the size in bytes that a dead letter may have: more than
	// brokers take as a rule, because it is the message and the reason.
	maxDeadLetter = 2 << 20
)

// DeadLetterTopic is where a consumer puts what it can not act on.
func DeadLetterTopic(topic string) string { return topic + deadLetters }

// Existing returns those of the topics that the cluster has.
func Existing(ctx context.Context, cfg Config, topics []string) ([]string, error) {
	t := newTopicSet(cfg)
	defer t.close()
	res, err := t.client.Metadata(ctx, &kafka.MetadataRequest{})
	if err != nil {
		return nil, err
	}
	var found []string
	for _, topic := range res.Topics {
		if slices.Contains(topics, topic.Name) {
			found = append(found, topic.Name)
		}
	}
	return found, nil
}

// topicSet is the topics that a publisher or a consumer works with, and the
// connections to the cluster.
type topicSet struct {
	client  *kafka.Client
	configs []kafka.TopicConfig
	names   []string
}

func newTopicSet(cfg Config) *topicSet {
	return &topicSet{client: &kafka.Client{
		Addr: kafka.TCP(cfg.Brokers...), Timeout: requestTimeout,
		Transport: &kafka.Transport{
			Dial:        (&net.Dialer{Timeout: dialTimeout}).DialContext,
			DialTimeout: dialTimeout,
			MetadataTTL: metadataTTL,
		},
	}}
}

// add adds a topic. The replication factor is the cluster's default.
func (t *topicSet) add(topic string, entries ...kafka.ConfigEntry) {
	t.names = append(t.names, topic)
	t.configs = append(t.configs, kafka.TopicConfig{
		Topic: topic, NumPartitions: partitions, ReplicationFactor: -1, ConfigEntries: entries,
	})
}

// create makes the topics that are not there.
func (t *topicSet) create(ctx context.Context) error {
	res, err := t.client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: t.configs})
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

// ping tells whether a broker answers and the topics are there.
func (t *topicSet) ping(ctx context.Context) error {
	res, err := t.client.Metadata(ctx, &kafka.MetadataRequest{Topics: t.names})
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

// writer returns a writer that waits until all in-sync replicas have a message.
// Each message is a batch of its own: by default kafka-go waits a second for
// more, and sends the next batch when one has failed.
func (t *topicSet) writer() *kafka.Writer {
	return &kafka.Writer{
		Addr:            t.client.Addr,
		Transport:       t.client.Transport,
		Balancer:        &kafka.Hash{},
		BatchSize:       1,
		RequiredAcks:    kafka.RequireAll,
		MaxAttempts:     attempts,
		WriteBackoffMin: minBackoff,
		WriteBackoffMax: maxBackoff,
		ReadTimeout:     requestTimeout,
		WriteTimeout:    requestTimeout,
	}
}

func (t *topicSet) close() { t.client.Transport.(*kafka.Transport).CloseIdleConnections() }
