package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/segmentio/kafka-go"

	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/metrics"
	"github.com/battery-passport/suite/pkg/trace"
)

const (
	fetchWait         = 500 * time.Millisecond // longest wait of a fetch for new messages, which delays Close
	fetchBytes        = 10 << 20
	batchSize         = 100              // messages that the handler gets at once
	batchWait         = time.Millisecond // longest wait of a message for others of its batch
	sessionTimeout    = 6 * time.Second  // after which a silent member is removed from the group
	heartbeatInterval = time.Second
	rebalanceTimeout  = 2 * time.Second // for which a crashed member blocks the group; live members rejoin at their next heartbeat
	minBackoff        = 50 * time.Millisecond
	joinBackoff       = 500 * time.Millisecond // the default of kafka-go pauses for 5 s after a restart of the broker
	partitionWatch    = 5 * time.Second
	commitTimeout     = 5 * time.Second
	closeTimeout      = 2 * time.Second
)

// A Handler processes events in their order, and returns how many of them it has
// processed. An error concerns the event after these. A Handler must be idempotent,
// because it or another member of the group may receive the same events again.
//
// An error of kind fault.Malformed or fault.Invalid means that the event itself is
// wrong: it is written to the dead-letter topic, and the handler gets the events after
// it. Any other error is treated as an outage, and the rest of the events is retried.
type Handler func(context.Context, []event.Envelope) (processed int, err error)

// Each returns a Handler that calls f for one event after the other, in the trace of the
// event.
func Each(f func(context.Context, event.Envelope) error) Handler {
	return func(ctx context.Context, events []event.Envelope) (int, error) {
		for i, e := range events {
			if err := f(trace.NewContext(ctx, e.Traceparent), e); err != nil {
				return i, err
			}
		}
		return len(events), nil
	}
}

// Consumer passes the events of some topics to a handler, in batches, as a member of a
// consumer group: each event at least once, and events with the same key in order within a
// member. After a rebalance, a member may still handle a batch of a partition while its new
// member handles the same events. A new group starts with the oldest event.
type Consumer struct {
	topics  *topicSet // nil if KAFKA_BROKERS is empty
	reader  kafka.ReaderConfig
	handle  Handler
	log     *slog.Logger
	handled *prometheus.CounterVec
}

// NewConsumer returns a consumer. It does not connect to the cluster before Run.
func NewConsumer(cfg Config, group string, topics []string, handle Handler, log *slog.Logger) *Consumer {
	c := &Consumer{handle: handle, log: log, handled: promauto.With(cfg.Metrics).NewCounterVec(prometheus.CounterOpts{
		Name: "events_handled_total", Help: "Attempts to handle an event, by outcome: ok, retried or dead_letter.",
	}, []string{"topic", "outcome"})}
	for _, topic := range topics { // a counter must start at 0: rate() ignores the first value of a series
		for _, outcome := range []string{"ok", "retried", "dead_letter"} {
			c.handled.WithLabelValues(topic, outcome)
		}
	}
	if len(cfg.Brokers) == 0 {
		return c
	}
	c.topics = newTopicSet(cfg)
	for _, topic := range topics {
		c.topics.add(topic)
		c.topics.add(DeadLetterTopic(topic), kafka.ConfigEntry{ConfigName: "max.message.bytes", ConfigValue: strconv.Itoa(maxDeadLetter)})
	}
	c.reader = kafka.ReaderConfig{
		Brokers: cfg.Brokers, GroupID: group, GroupTopics: topics, Dialer: cfg.dialer(),
		StartOffset: kafka.FirstOffset, MinBytes: 1, MaxBytes: fetchBytes, MaxWait: fetchWait, QueueCapacity: batchSize,
		SessionTimeout: sessionTimeout, HeartbeatInterval: heartbeatInterval, RebalanceTimeout: rebalanceTimeout,
		JoinGroupBackoff: joinBackoff, ReadBackoffMin: minBackoff, ReadBackoffMax: joinBackoff,
		WatchPartitionChanges: true, PartitionWatchInterval: partitionWatch,
		ErrorLogger: kafka.LoggerFunc(func(format string, args ...any) { log.Debug(fmt.Sprintf(format, args...)) }),
	}
	metrics.RegisterGauges(cfg.Metrics, log, []*prometheus.Desc{lagGauge}, c.lag)
	return c
}

// Run creates the topics and their dead-letter topics and consumes events until ctx is
// done. While the broker is down it retries.
func (c *Consumer) Run(ctx context.Context) error {
	if c.topics == nil {
		c.log.WarnContext(ctx, "KAFKA_BROKERS is not set, no events are consumed")
		<-ctx.Done()
		return nil
	}
	defer c.topics.close()
	boot.Retry(ctx, c.log, "create topics", c.topics.create)
	if ctx.Err() != nil {
		return nil
	}
	r := kafka.NewReader(c.reader)
	defer c.close(r)
	for {
		messages, err := fetch(ctx, r)
		if len(messages) > 0 {
			err = errors.Join(err, c.consume(ctx, r, messages))
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil { // the reader reconnects on its own
			c.log.WarnContext(ctx, "events not read, will retry", "err", err)
			select {
			case <-ctx.Done():
			case <-time.After(joinBackoff):
			}
		}
	}
}

// fetch waits for a message, and returns it with those that follow at once. With an error
// it may return messages, too.
func fetch(ctx context.Context, r *kafka.Reader) ([]kafka.Message, error) {
	m, err := r.FetchMessage(ctx)
	if err != nil {
		return nil, err
	}
	messages := []kafka.Message{m}
	wait, cancel := context.WithTimeout(ctx, batchWait)
	defer cancel()
	for len(messages) < batchSize {
		m, err := r.FetchMessage(wait)
		if wait.Err() != nil && err != nil {
			break
		}
		if err != nil {
			return messages, err
		}
		messages = append(messages, m)
	}
	return messages, nil
}

// consume passes messages to the handler and commits those that are processed. If the
// commit fails, the next commit includes the messages, or they are delivered again.
func (c *Consumer) consume(ctx context.Context, r *kafka.Reader, messages []kafka.Message) error {
	processed := 0
	for processed < len(messages) {
		rest := messages[processed:]
		n, rejected := c.process(ctx, rest)
		if processed += n; n == len(rest) {
			break
		}
		if rejected == nil || !c.reject(ctx, rest[n], rejected) { // ctx is done
			break
		}
		processed++
	}
	if processed == 0 {
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	if err := r.CommitMessages(ctx, messages[:processed]...); err != nil {
		return fmt.Errorf("commit %d events: %w", processed, err)
	}
	return nil
}

// process passes messages to the handler until it rejects one or ctx is done, and returns
// how many were processed before.
func (c *Consumer) process(ctx context.Context, messages []kafka.Message) (processed int, rejected error) {
	events := make([]event.Envelope, len(messages))
	for i, m := range messages {
		events[i] = envelope(m)
	}
	boot.Retry(ctx, c.log, "handle events", func(ctx context.Context) error {
		n, err := c.handle(ctx, events[processed:])
		if err == nil {
			n = len(events) - processed
		}
		for range n {
			c.handled.WithLabelValues(messages[processed].Topic, "ok").Inc()
			processed++
		}
		if fault.Is(err, fault.Malformed) || fault.Is(err, fault.Invalid) {
			rejected, err = err, nil
		}
		if err != nil {
			c.handled.WithLabelValues(messages[processed].Topic, "retried").Inc()
			err = fmt.Errorf("event %s of %s: %w", events[processed].ID, messages[processed].Topic, err)
		}
		return err
	})
	return processed, rejected
}

// reject writes the dead letter of a message. It reports false if ctx is done before.
func (c *Consumer) reject(ctx context.Context, m kafka.Message, cause error) (written bool) {
	e := envelope(m)
	ctx = trace.NewContext(ctx, e.Traceparent)
	c.log.WarnContext(ctx, "event rejected, writing dead letter", "topic", m.Topic, "event", e.ID, "err", cause)
	boot.Retry(ctx, c.log, "write to "+DeadLetterTopic(m.Topic), func(ctx context.Context) error {
		err := c.topics.write(ctx, deadLetter(m, cause))
		written = err == nil
		return err
	})
	if written {
		c.handled.WithLabelValues(m.Topic, "dead_letter").Inc()
	}
	return written
}

// close leaves the group. It waits for two seconds at most, because kafka-go may wait
// for an unreachable network.
func (c *Consumer) close(r *kafka.Reader) {
	closed := make(chan error, 1)
	go func() { closed <- r.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			c.log.Warn("connections to Kafka not closed cleanly", "err", err)
		}
	case <-time.After(closeTimeout):
		c.log.Warn("connections to Kafka not closed in time")
	}
}

// Ping fails unless a broker responds and the topics exist.
func (c *Consumer) Ping(ctx context.Context) error {
	if c.topics == nil {
		return fault.New(fault.Unavailable, "KAFKA_BROKERS is not set, no events are consumed")
	}
	return c.topics.ping(ctx)
}

// envelope returns the event in a message. Without an id it gets its topic, partition
// and offset as id, which are the same on every delivery.
func envelope(m kafka.Message) event.Envelope {
	headers := make([]event.Header, len(m.Headers))
	for i, h := range m.Headers {
		headers[i] = event.Header{Key: h.Key, Value: string(h.Value)}
	}
	e := event.Parse(m.Topic, string(m.Key), m.Time, headers, m.Value)
	if e.ID == "" {
		e.ID = fmt.Sprintf("%s/%d/%d", m.Topic, m.Partition, m.Offset)
	}
	return e
}
