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
	fetchWait         = 500 * time.Millisecond // longest a fetch waits for something new, and so Close
	fetchBytes        = 10 << 20
	sessionTimeout    = 6 * time.Second // after which a member that says nothing is taken for dead
	heartbeatInterval = time.Second
	rebalanceTimeout  = 2 * time.Second // so long a member that died holds the others up; those that live join at their next heartbeat
	minBackoff        = 50 * time.Millisecond
	joinBackoff       = 500 * time.Millisecond // kafka-go's own stands still for 5 s after a restart of the broker
	partitionWatch    = 5 * time.Second
	commitTimeout     = 5 * time.Second
	closeTimeout      = 2 * time.Second
	maxReason         = 1000 // bytes
)

// Headers of a dead letter, beside those that the message had.
const (
	deadPrefix = "dlq_"
	// ReasonHeader says why a message is a dead letter.
	ReasonHeader    = deadPrefix + "reason"
	topicHeader     = deadPrefix + "topic"
	partitionHeader = deadPrefix + "partition"
	offsetHeader    = deadPrefix + "offset"

	timeHeader = "ce_time" // as in event.Envelope.Headers
)

// A Handler acts on an event. What it is given may have been given to it, or to
// another member of the group, before: it has to come to the same.
//
// A failure of the kind fault.Malformed or fault.Invalid says that the event
// itself is wrong: it goes to the dead letters. Any other failure is an outage,
// and the event is given again.
type Handler func(context.Context, event.Envelope) error

// Consumer gives the events of some topics to a handler, one at a time, as a
// member of a group: each event at least once, those of one key in order. The
// group begins with the first event kept.
type Consumer struct {
	topics *topicSet // nil where no brokers are set
	reader kafka.ReaderConfig
	handle Handler
	log    *slog.Logger
	acted  *prometheus.CounterVec
}

// NewConsumer returns a consumer. It does not talk to the cluster yet; Run
// does.
func NewConsumer(cfg Config, group string, topics []string, handle Handler, log *slog.Logger) *Consumer {
	c := &Consumer{handle: handle, log: log, acted: promauto.With(cfg.Metrics).NewCounterVec(prometheus.CounterOpts{
		Name: "events_handled_total", Help: "Attempts to act on an event, by what came of it: ok, retried, or dead_letter.",
	}, []string{"topic", "outcome"})}
	for _, topic := range topics { // from 0 on: of a series that begins with 1 no rate tells
		for _, outcome := range []string{"ok", "retried", "dead_letter"} {
			c.acted.WithLabelValues(topic, outcome)
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

// Run makes the topics and those of their dead letters, and consumes until ctx
// is done. While no broker answers it tries again.
func (c *Consumer) Run(ctx context.Context) error {
	if c.topics == nil {
		c.log.WarnContext(ctx, "KAFKA_BROKERS is not set: no events come")
		<-ctx.Done()
		return nil
	}
	defer c.topics.close()
	boot.Retry(ctx, c.log, "make the topics", c.topics.create)
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
		if err != nil { // the reader connects again by itself
			c.log.WarnContext(ctx, "events cannot be read", "err", err)
			select {
			case <-ctx.Done():
			case <-time.After(joinBackoff):
			}
		}
	}
}

// consume has a message acted on, and then says so to the broker. A commit that
// does not come through is made good by the next one, or the message comes
// again.
func (c *Consumer) consume(ctx context.Context, r *kafka.Reader, m kafka.Message) error {
	e := envelope(m)
	ctx = trace.NewContext(ctx, e.Traceparent)
	done, refused := false, error(nil)
	boot.Retry(ctx, c.log, "act on "+m.Topic, func(ctx context.Context) error {
		err := c.handle(ctx, e)
		if fault.Is(err, fault.Malformed) || fault.Is(err, fault.Invalid) {
			refused, err = err, nil
		}
		if done = err == nil; !done {
			c.acted.WithLabelValues(m.Topic, "retried").Inc()
		}
		return err
	})
	if refused != nil {
		done = false
		c.log.WarnContext(ctx, "event goes to the dead letters", "topic", m.Topic, "event", e.ID, "err", refused)
		boot.Retry(ctx, c.log, "write to "+DeadLetterTopic(m.Topic), func(ctx context.Context) error {
			err := c.topics.write(ctx, deadLetter(m, refused))
			done = err == nil
			return err
		})
	}
	if !done {
		return ctx.Err()
	}
	if refused != nil {
		c.acted.WithLabelValues(m.Topic, "dead_letter").Inc()
	} else {
		c.acted.WithLabelValues(m.Topic, "ok").Inc()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	if err := r.CommitMessages(ctx, m); err != nil {
		return fmt.Errorf("commit %s: %w", e.ID, err)
	}
	return nil
}

// close leaves the group. kafka-go may wait for a network that is gone, so it
// is not waited for without end.
func (c *Consumer) close(r *kafka.Reader) {
	closed := make(chan error, 1)
	go func() { closed <- r.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			c.log.Warn("connections to Kafka did not end well", "err", err)
		}
	case <-time.After(closeTimeout):
		c.log.Warn("connections to Kafka did not end in time")
	}
}

// Ping tells whether events can come.
func (c *Consumer) Ping(ctx context.Context) error {
	if c.topics == nil {
		return fault.New(fault.Unavailable, "KAFKA_BROKERS is not set: no events come")
	}
	return c.topics.ping(ctx)
}

// envelope returns the event in a message. One without an id is named by its
// place, which is the same whenever it comes.
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

// deadLetter is the message as it was, with the reason and its place. One that
// does not tell its time was written at that of its record, which ends here.
func deadLetter(m kafka.Message, why error) kafka.Message {
	reason := why.Error()
	if f, ok := errors.AsType[*fault.Error](why); ok {
		for _, d := range f.Details {
			reason += fmt.Sprintf("; %s %s", d.Path, d.Message)
		}
	}
	out := kafka.Message{Topic: DeadLetterTopic(m.Topic), Key: m.Key, Value: m.Value}
	out.Headers = slices.DeleteFunc(slices.Clone(m.Headers), func(h kafka.Header) bool {
		return strings.HasPrefix(h.Key, deadPrefix) // it was a dead letter before
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
