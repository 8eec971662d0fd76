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
	defaultPartitions = 3 // for an unset Config.Partitions, as in tests
	maxPartitions     = 1000
	clusterDefault    = -1 // replication factor
	deadLetters       = ".dlq"
	recreateInterval  = time.Second // between two attempts to recreate missing topics
	maxDeadLetter     = 2 << 20     // bytes; a dead letter is larger than its message
)

// DeadLetterTopic returns the topic for events of a topic that a consumer rejects.
func DeadLetterTopic(topic string) string { return topic + deadLetters }

// topicSet holds the topics and connections of a publisher or consumer.
type topicSet struct {
	cfg      Config
	client   *kafka.Client
	balancer kafka.Hash
	batches  batcher
	recreate *rate.Limiter
	configs  []kafka.TopicConfig
	names    []string
}

func newTopicSet(cfg Config) *topicSet {
	t := &topicSet{
		cfg:      cfg,
		client:   &kafka.Client{Addr: kafka.TCP(cfg.Brokers...), Timeout: requestTimeout, Transport: cfg.transport()},
		recreate: rate.NewLimiter(rate.Every(recreateInterval), 1),
	}
	t.batches = batcher{send: t.produce, queues: map[partition][]*delivery{}}
	return t
}

func (t *topicSet) add(topic string, entries ...kafka.ConfigEntry) {
	t.names = append(t.names, topic)
	t.configs = append(t.configs, kafka.TopicConfig{
		Topic: topic, NumPartitions: cmp.Or(t.cfg.Partitions, defaultPartitions),
		ReplicationFactor: cmp.Or(t.cfg.Replication, clusterDefault), ConfigEntries: entries,
	})
}

// create creates the topics that are missing. Topics that this user may not create must
// exist: their owner creates them.
func (t *topicSet) create(ctx context.Context) error {
	res, err := t.client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: t.configs})
	if err != nil {
		return err
	}
	var errs []error
	denied := false
	for topic, err := range res.Errors {
		switch {
		case errors.Is(err, kafka.TopicAuthorizationFailed):
			denied = true
		case err != nil && !errors.Is(err, kafka.TopicAlreadyExists):
			errs = append(errs, fmt.Errorf("topic %s: %w", topic, err))
		}
	}
	if denied && errs == nil {
		return t.ping(ctx)
	}
	return errors.Join(errs...)
}

// ping fails unless a broker responds and the topics exist. It opens a new connection,
// because a transport in use returns cached metadata even when the cluster is down.
func (t *topicSet) ping(ctx context.Context) error {
	transport := t.cfg.transport()
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: t.client.Addr, Timeout: t.client.Timeout, Transport: transport}
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

// write returns when all in-sync replicas have stored the message. It does not retry.
// Messages of one partition that are written at the same time share a request.
//
// It does not use kafka.Writer, which waits for other messages even when no batch is in flight, and sends the
// batch after a failed one.
func (t *topicSet) write(ctx context.Context, m kafka.Message) error {
	p, err := t.partition(ctx, m)
	if err == nil {
		err = t.batches.write(ctx, p, m)
	}
	if errors.Is(err, kafka.UnknownTopicOrPartition) && t.recreate.Allow() {
		return errors.Join(err, t.create(ctx)) // the cluster may have lost its data
	}
	return err
}

// partition returns the partition of a message, which depends on its key.
func (t *topicSet) partition(ctx context.Context, m kafka.Message) (partition, error) {
	meta, err := t.client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{m.Topic}}) // cached by the transport
	if err != nil {
		return partition{}, err
	}
	topic := meta.Topics[0]
	if topic.Error != nil {
		return partition{}, fmt.Errorf("topic %s: %w", m.Topic, topic.Error)
	}
	ids := make([]int, len(topic.Partitions))
	for i := range ids {
		ids[i] = i
	}
	return partition{m.Topic, t.balancer.Balance(m, ids...)}, nil
}

// produce sends messages to a partition in one request. The time of the records is the time
// of sending; the time of an event is in its headers. Brokers refuse records whose time
// differs too much from theirs, and delete old records.
func (t *topicSet) produce(ctx context.Context, p partition, messages []kafka.Message) error {
	records, now := make([]kafka.Record, len(messages)), time.Now()
	for i, m := range messages {
		records[i] = kafka.Record{Time: now, Key: kafka.NewBytes(m.Key), Value: kafka.NewBytes(m.Value), Headers: m.Headers}
	}
	res, err := t.client.Produce(ctx, &kafka.ProduceRequest{
		Topic: p.topic, Partition: p.id, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(records...),
	})
	if err != nil {
		return err
	}
	return res.Error
}

func (t *topicSet) close() { t.client.Transport.(transport).CloseIdleConnections() }
