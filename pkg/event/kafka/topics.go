package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"golang.org/x/time/rate"
)

const (
	defaultPartitions = 3 // where Config has none, as in a test
	maxPartitions     = 1000
	clusterDefault    = -1 // of brokers that keep a topic
	deadLetters       = ".dlq"
	// remakeInterval is how long it takes at least from one look for topics
	// that are gone to the next.
	remakeInterval = time.Second
	// maxDeadLetter is the size in bytes that a dead letter may have: more than
	// brokers take as a rule, because it is the message and the reason.
	maxDeadLetter = 2 << 20
)

// DeadLetterTopic is where a consumer puts what it can not act on.
func DeadLetterTopic(topic string) string { return topic + deadLetters }

// topicSet is the topics that a publisher or a consumer works with, and the
// connections to the cluster.
type topicSet struct {
	cfg      Config
	client   *kafka.Client
	balancer kafka.Hash
	remake   *rate.Limiter
	configs  []kafka.TopicConfig
	names    []string

	partitions, replication int
}

func newTopicSet(cfg Config) *topicSet {
	return &topicSet{
		cfg:    cfg,
		client: &kafka.Client{Addr: kafka.TCP(cfg.Brokers...), Timeout: requestTimeout, Transport: cfg.transport()},
		remake: rate.NewLimiter(rate.Every(remakeInterval), 1),

		partitions: cmp.Or(cfg.Partitions, defaultPartitions), replication: cmp.Or(cfg.Replication, clusterDefault),
	}
}

// add adds a topic.
func (t *topicSet) add(topic string, entries ...kafka.ConfigEntry) {
	t.names = append(t.names, topic)
	t.configs = append(t.configs, kafka.TopicConfig{
		Topic: topic, NumPartitions: t.partitions, ReplicationFactor: t.replication, ConfigEntries: entries,
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

// ping tells whether a broker answers and the topics are there. It connects
// anew: a transport that is in use gives what it remembers, even of a cluster
// that is gone.
func (t *topicSet) ping(ctx context.Context) error {
	fresh := t.cfg.transport()
	defer fresh.CloseIdleConnections()
	client := &kafka.Client{Addr: t.client.Addr, Timeout: t.client.Timeout, Transport: fresh}
	res, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: t.names})
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

// write returns when all in-sync replicas have the message, and tries once: it
// is for the caller to try again, and nothing is under way when it has returned
// but a request that the cluster does not answer. kafka.Writer would go on with
// what its caller has given up, and with that hold up the end of the process.
//
// The time of the record is the time of sending. When an event happened is for
// its headers to tell: a broker refuses records whose time is far from its own,
// and deletes by that time what may have waited here for long.
func (t *topicSet) write(ctx context.Context, m kafka.Message) error {
	err := t.produce(ctx, m)
	if errors.Is(err, kafka.UnknownTopicOrPartition) && t.remake.Allow() {
		return errors.Join(err, t.create(ctx)) // the cluster may have come back empty
	}
	return err
}

func (t *topicSet) produce(ctx context.Context, m kafka.Message) error {
	meta, err := t.client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{m.Topic}}) // as the transport remembers it
	if err != nil {
		return err
	}
	topic := meta.Topics[0]
	if topic.Error != nil {
		return fmt.Errorf("topic %s: %w", m.Topic, topic.Error)
	}
	ids := make([]int, len(topic.Partitions))
	for i := range ids {
		ids[i] = i
	}
	res, err := t.client.Produce(ctx, &kafka.ProduceRequest{
		Topic: m.Topic, Partition: t.balancer.Balance(m, ids...), RequiredAcks: kafka.RequireAll,
		Records: kafka.NewRecordReader(kafka.Record{
			Time: time.Now(), Key: kafka.NewBytes(m.Key), Value: kafka.NewBytes(m.Value), Headers: m.Headers,
		}),
	})
	if err != nil {
		return err
	}
	return res.Error
}

func (t *topicSet) close() { t.client.Transport.(transport).CloseIdleConnections() }
