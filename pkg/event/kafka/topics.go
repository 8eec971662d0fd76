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
	remakeInterval    = time.Second // between two attempts to create topics that are gone
	maxDeadLetter     = 2 << 20     // bytes; a dead letter is its message and the reason
)

// DeadLetterTopic is where a consumer puts what it can not act on.
func DeadLetterTopic(topic string) string { return topic + deadLetters }

// topicSet is the topics of a publisher or a consumer, and its connections.
type topicSet struct {
	cfg      Config
	client   *kafka.Client
	balancer kafka.Hash
	remake   *rate.Limiter
	configs  []kafka.TopicConfig
	names    []string
}

func newTopicSet(cfg Config) *topicSet {
	return &topicSet{
		cfg:    cfg,
		client: &kafka.Client{Addr: kafka.TCP(cfg.Brokers...), Timeout: requestTimeout, Transport: cfg.transport()},
		remake: rate.NewLimiter(rate.Every(remakeInterval), 1),
	}
}

// add adds a topic.
func (t *topicSet) add(topic string, entries ...kafka.ConfigEntry) {
	t.names = append(t.names, topic)
	t.configs = append(t.configs, kafka.TopicConfig{
		Topic: topic, NumPartitions: cmp.Or(t.cfg.Partitions, defaultPartitions),
		ReplicationFactor: cmp.Or(t.cfg.Replication, clusterDefault), ConfigEntries: entries,
	})
}

// create creates the topics that are missing.
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

// ping fails unless a broker answers and the topics exist. It opens a connection:
// a transport in use answers from its cache, even when the cluster is gone.
func (t *topicSet) ping(ctx context.Context) error {
	fresh := t.cfg.transport()
	defer fresh.CloseIdleConnections()
	client := &kafka.Client{Addr: t.client.Addr, Timeout: t.client.Timeout, Transport: fresh}
	res, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: t.names})
	if err != nil {
		return err
	}
	for _, topic := range res.Topics {
		if topic.Error != nil {
			return fmt.Errorf("topic %s: %w", topic.Name, topic.Error)
		}
	}
	return nil
}

// write tries once and returns when all in-sync replicas have the message. It
// does not use kafka.Writer, which continues with messages that its caller has
// given up and so delays the end of the process.
//
// A record has the time of sending, its headers that of the event: brokers refuse
// records whose time is far from theirs, and delete old ones.
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
