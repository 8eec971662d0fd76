package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/segmentio/kafka-go"

	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/metrics"
	"github.com/battery-passport/suite/pkg/trace"
	"github.com/battery-passport/suite/pkg/wire"
)

const (
	fetchWait         = 500 * time.Millisecond // longest wait of a fetch for new messages, which delays Close
	fetchBytes        = 10 << 20
	sessionTimeout    = 6 * time.Second // after which a silent member is removed from the group
	heartbeatInterval = time.Second
	rebalanceTimeout  = 2 * time.Second // for which a crashed member blocks the group; live members rejoin at their next heartbeat
	minBackoff        = 50 * time.Millisecond
	joinBackoff       = 500 * time.Millisecond // the default of kafka-go pauses for 5 s after a restart of the broker
	partitionWatch    = 5 * time.Second
	commitTimeout     = 5 * time.Second
	closeTimeout      = 2 * time.Second
	maxReason         = 1000 // bytes
)

// Headers of a dead letter, in addition to those of the original message.
const (
	deadPrefix = "dlq_"
	// ReasonHeader contains the error of the handler.
	ReasonHeader    = deadPrefix + "reason"
	topicHeader     = deadPrefix + "topic"
	partitionHeader = deadPrefix + "partition"
	offsetHeader    = deadPrefix + "offset"

	timeHeader = "ce_time" // as in event.Envelope.Headers
)

// A Handler processes an event. It must be idempotent, because it or another member of
// the group may receive the same event again.
//
// An error of kind fault.Malformed or fault.Invalid means that the event itself is
// wrong: it is written to the dead-letter topic. Any other error is treated as an
// outage, and the event is retried.
type Handler func(context.Context, event.Envelope) error

// Consumer passes the events of some topics to a handler, one at a time, as a member
// of a consumer group: each event at least once, and events with the same key in
// order. A new group starts with the oldest event.
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
		StartOffset: kafka.FirstOffset, MinBytes: 1, MaxBytes: fetchBytes, MaxWait: fetchWait,
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
		m, err := r.FetchMessage(ctx)
		if err == nil {
			err = c.consume(ctx, r, m)
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

// consume passes a message to the handler and commits it. If the commit fails, the
// next commit includes the message, or the message is delivered again.
func (c *Consumer) consume(ctx context.Context, r *kafka.Reader, m kafka.Message) error {
	e := envelope(m)
	ctx = trace.NewContext(ctx, e.Traceparent)
	done, rejected := false, error(nil)
	boot.Retry(ctx, c.log, "handle event of "+m.Topic, func(ctx context.Context) error {
		err := c.handle(ctx, e)
		if fault.Is(err, fault.Malformed) || fault.Is(err, fault.Invalid) {
			rejected, err = err, nil
		}
		if done = err == nil; !done {
			c.handled.WithLabelValues(m.Topic, "retried").Inc()
		}
		return err
	})
	if rejected != nil {
		done = false
		c.log.WarnContext(ctx, "event rejected, writing dead letter", "topic", m.Topic, "event", e.ID, "err", rejected)
		boot.Retry(ctx, c.log, "write to "+DeadLetterTopic(m.Topic), func(ctx context.Context) error {
			err := c.topics.write(ctx, deadLetter(m, rejected))
			done = err == nil
			return err
		})
	}
	if !done {
		return ctx.Err()
	}
	outcome := "ok"
	if rejected != nil {
		outcome = "dead_letter"
	}
	c.handled.WithLabelValues(m.Topic, outcome).Inc()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	if err := r.CommitMessages(ctx, m); err != nil {
		return fmt.Errorf("commit %s: %w", e.ID, err)
	}
	return nil
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

func header(m kafka.Message, key string) string {
	for _, h := range m.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// deadLetter returns a copy of the message with the reason and the original topic,
// partition and offset in its headers. If the message has no time header, the time of
// its record is added, because the dead letter is a new record.
func deadLetter(m kafka.Message, cause error) kafka.Message {
	reason := cause.Error()
	if f, ok := errors.AsType[*fault.Error](cause); ok {
		for _, d := range f.Details {
			reason += fmt.Sprintf("; %s %s", d.Path, d.Message)
		}
	}
	out := kafka.Message{Topic: DeadLetterTopic(m.Topic), Key: m.Key, Value: m.Value}
	out.Headers = slices.DeleteFunc(slices.Clone(m.Headers), func(h kafka.Header) bool {
		return strings.HasPrefix(h.Key, deadPrefix) // from an earlier dead letter
	})
	if header(m, timeHeader) == "" {
		out.Headers = append(out.Headers, kafka.Header{Key: timeHeader, Value: []byte(m.Time.UTC().Format(wire.TimeLayout))})
	}
	for _, h := range []struct{ key, value string }{
		{ReasonHeader, reason[:min(len(reason), maxReason)]}, {topicHeader, m.Topic},
		{partitionHeader, strconv.Itoa(m.Partition)}, {offsetHeader, strconv.FormatInt(m.Offset, 10)},
	} {
		out.Headers = append(out.Headers, kafka.Header{Key: h.key, Value: []byte(h.value)})
	}
	return out
}
