// Package tail reads whole topics without a consumer group, for tools and tests that
// must not change anything on the brokers.
package tail

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/kafka"
)

// Message is an event on a topic.
type Message struct {
	event.Envelope
	Topic  string
	Reason string // of a dead letter, otherwise empty
}

const (
	fetchWait = 250 * time.Millisecond
	retries   = 2
)

// Existing returns the given topics that exist in the cluster.
func Existing(ctx context.Context, cfg kafka.Config, topics []string) ([]string, error) {
	client, err := NewClient(cfg)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	all, err := kadm.NewClient(client).ListTopics(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(topics), func(t string) bool { return !all.Has(t) }), nil
}

// Read calls f for every event that is now in the topics. Events of one partition are in
// the order of its log.
func Read(ctx context.Context, cfg kafka.Config, topics []string, f func(Message) error) error {
	t, err := open(ctx, cfg, topics)
	if err != nil {
		return err
	}
	defer t.client.Close()
	return t.catchUp(ctx, f)
}

// Follow calls f for every event of the topics: first the existing ones in order of time,
// then new ones. It returns nil when ctx is done, or the first error of f.
func Follow(ctx context.Context, cfg kafka.Config, topics []string, f func(Message) error) (err error) {
	defer func() {
		if ctx.Err() != nil {
			err = nil
		}
	}()
	t, err := open(ctx, cfg, topics)
	if err != nil {
		return err
	}
	defer t.client.Close()
	var old []Message
	if err := t.catchUp(ctx, func(m Message) error { old = append(old, m); return nil }); err != nil {
		return err
	}
	slices.SortStableFunc(old, func(a, b Message) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Sequence, b.Sequence))
	})
	for _, m := range old {
		if err := f(m); err != nil {
			return err
		}
	}
	for err == nil {
		err = t.poll(ctx, f)
	}
	return err
}

type partition struct {
	topic string
	id    int32
}

// tail is a client and the end offsets of the partitions that it must still read.
type tail struct {
	client *kgo.Client
	ends   map[partition]int64
}

func open(ctx context.Context, cfg kafka.Config, topics []string) (*tail, error) {
	client, err := NewClient(cfg, kgo.ConsumeTopics(topics...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(fetchWait))
	if err != nil {
		return nil, err
	}
	t := &tail{client: client, ends: map[partition]int64{}}
	for {
		err := t.findEnds(ctx, topics)
		if err == nil {
			return t, nil
		}
		if !kerr.IsRetriable(err) { // retriable: a new topic is not yet known to every broker
			client.Close()
			return nil, err
		}
		select {
		case <-ctx.Done():
			client.Close()
			return nil, ctx.Err()
		case <-time.After(fetchWait):
		}
	}
}

func (t *tail) findEnds(ctx context.Context, topics []string) error {
	admin := kadm.NewClient(t.client)
	starts, err := admin.ListStartOffsets(ctx, topics...)
	if err = errors.Join(err, starts.Error()); err != nil {
		return err
	}
	ends, err := admin.ListEndOffsets(ctx, topics...)
	if err = errors.Join(err, ends.Error()); err != nil {
		return err
	}
	ends.Each(func(end kadm.ListedOffset) {
		if start, ok := starts.Lookup(end.Topic, end.Partition); ok && start.Offset < end.Offset {
			t.ends[partition{end.Topic, end.Partition}] = end.Offset
		}
	})
	return nil
}

// catchUp reads all partitions up to their end offsets.
func (t *tail) catchUp(ctx context.Context, f func(Message) error) error {
	for len(t.ends) > 0 {
		if err := t.poll(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

func (t *tail) poll(ctx context.Context, f func(Message) error) error {
	fetches := t.client.PollFetches(ctx)
	if err := fetches.Err(); err != nil {
		return err
	}
	for records := fetches.RecordIter(); !records.Done(); {
		r := records.Next()
		if err := f(message(r)); err != nil {
			return err
		}
		if at := (partition{r.Topic, r.Partition}); r.Offset+1 >= t.ends[at] {
			delete(t.ends, at)
		}
	}
	return nil
}

func message(r *kgo.Record) Message {
	m := Message{Topic: r.Topic}
	headers := make([]event.Header, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = event.Header{Key: h.Key, Value: string(h.Value)}
		if h.Key == kafka.ReasonHeader {
			m.Reason = string(h.Value)
		}
	}
	m.Envelope = event.Parse(r.Topic, string(r.Key), r.Timestamp, headers, r.Value)
	return m
}

// NewClient returns a client with the given options that connects and logs in with the settings
// in cfg.
func NewClient(cfg kafka.Config, opts ...kgo.Opt) (*kgo.Client, error) {
	opts = append(opts, kgo.SeedBrokers(cfg.Brokers...), kgo.Dialer(cfg.Dial), kgo.RequestRetries(retries))
	if login, ok := map[string]sasl.Mechanism{
		"plain":         plain.Auth{User: cfg.User, Pass: cfg.Password}.AsMechanism(),
		"scram-sha-256": scram.Auth{User: cfg.User, Pass: cfg.Password}.AsSha256Mechanism(),
		"scram-sha-512": scram.Auth{User: cfg.User, Pass: cfg.Password}.AsSha512Mechanism(),
	}[cfg.Mechanism]; ok {
		opts = append(opts, kgo.SASL(login))
	}
	return kgo.NewClient(opts...)
}
