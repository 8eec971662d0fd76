package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"

	"github.com/battery-passport/suite/pkg/event"
)

const (
	tailWait  = 250 * time.Millisecond // longest a fetch waits for something new
	tailBytes = 1 << 20                // per fetch
)

// Tail calls f with every event of the topics, beginning with the first kept:
// what is there already in order of time, then what comes as it comes. It
// needs no consumer group and leaves nothing behind. It returns nil when ctx
// is done, and what f returns when that is an error.
func Tail(ctx context.Context, cfg Config, topics []string, f func(event.Envelope) error) error {
	return Watch(ctx, cfg, topics, func(m Message) error { return f(m.Envelope) })
}

// Message is an event as it stands on a topic.
type Message struct {
	event.Envelope
	Topic  string
	Reason string // why it is a dead letter; empty for all others
}

// Watch is Tail, and tells the topic of each event, and of dead letters the
// reason.
func Watch(ctx context.Context, cfg Config, topics []string, f func(Message) error) error {
	ends, err := knownEnds(ctx, cfg, topics)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	messages, caughtUp := make(chan Message), make(chan struct{})
	for at, end := range ends {
		g.Go(func() error { return follow(ctx, cfg, at, end, messages, caughtUp) })
	}
	g.Go(func() error { return order(ctx, len(ends), messages, caughtUp, f) })
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// Read calls f with every event that the topics hold now, and returns. Those of
// a partition come in the order of its log, whatever their time: unlike Watch
// it shows in which order they were written. f is called once at a time.
func Read(ctx context.Context, cfg Config, topics []string, f func(Message) error) error {
	ends, err := knownEnds(ctx, cfg, topics)
	if err != nil {
		return err
	}
	var one sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	for at, end := range ends {
		g.Go(func() error {
			err := readTo(ctx, cfg, at, end, func(m Message) error {
				one.Lock()
				defer one.Unlock()
				return f(m)
			})
			if err != nil {
				return fmt.Errorf("topic %s, partition %d: %w", at.topic, at.id, err)
			}
			return nil
		})
	}
	return g.Wait()
}

func readTo(ctx context.Context, cfg Config, at partition, end int64, f func(Message) error) error {
	if end == 0 {
		return nil
	}
	r := newTailReader(cfg, at)
	defer r.Close()
	for r.Offset() < end {
		m, err := r.ReadMessage(ctx)
		if err != nil {
			return err
		}
		if err := f(messageOf(m)); err != nil {
			return err
		}
	}
	return nil
}

func newTailReader(cfg Config, at partition) *kafka.Reader {
	return kafka.NewReader(kafka.ReaderConfig{
		Brokers: cfg.Brokers, Dialer: cfg.dialer(), Topic: at.topic, Partition: at.id, MinBytes: 1, MaxBytes: tailBytes, MaxWait: tailWait,
	})
}

func messageOf(m kafka.Message) Message {
	return Message{Envelope: envelope(m), Topic: m.Topic, Reason: header(m, reasonHeader)}
}

// knownEnds is endsOf, once the cluster knows the topics: one just made is not
// known everywhere at once, nor who leads it.
func knownEnds(ctx context.Context, cfg Config, topics []string) (map[partition]int64, error) {
	ends, err := endsOf(ctx, cfg, topics)
	for passing(err) {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(tailWait):
			ends, err = endsOf(ctx, cfg, topics)
		}
	}
	return ends, err
}

// passing tells whether the cluster says of an error that it passes.
func passing(err error) bool {
	e, ok := errors.AsType[kafka.Error](err)
	return ok && e.Temporary()
}

type partition struct {
	topic string
	id    int
}

// endsOf returns the offset after the last message of each partition, 0 for one
// that holds none.
func endsOf(ctx context.Context, cfg Config, topics []string) (map[partition]int64, error) {
	t := newTopicSet(cfg)
	defer t.close()
	meta, err := t.client.Metadata(ctx, &kafka.MetadataRequest{Topics: topics})
	if err != nil {
		return nil, err
	}
	ask := map[string][]kafka.OffsetRequest{}
	for _, t := range meta.Topics {
		if t.Error != nil {
			return nil, fmt.Errorf("topic %s: %w", t.Name, t.Error)
		}
		for _, p := range t.Partitions {
			ask[t.Name] = append(ask[t.Name], kafka.FirstOffsetOf(p.ID), kafka.LastOffsetOf(p.ID))
		}
	}
	res, err := t.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: ask})
	if err != nil {
		return nil, err
	}
	ends := map[partition]int64{}
	for topic, partitions := range res.Topics {
		for _, p := range partitions {
			if p.Error != nil {
				return nil, fmt.Errorf("topic %s, partition %d: %w", topic, p.Partition, p.Error)
			}
			ends[partition{topic, p.Partition}] = p.LastOffset
			if p.FirstOffset == p.LastOffset {
				ends[partition{topic, p.Partition}] = 0
			}
		}
	}
	return ends, nil
}

// follow sends what the partition holds, and says when it has reached the end
// that there was at the start.
func follow(ctx context.Context, cfg Config, at partition, end int64, messages chan<- Message, caughtUp chan<- struct{}) error {
	r := newTailReader(cfg, at)
	defer r.Close()
	behind := true
	for {
		if behind && (end == 0 || r.Offset() >= end) {
			behind = false
			select {
			case caughtUp <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		m, err := r.ReadMessage(ctx)
		if err != nil {
			return err
		}
		select {
		case messages <- messageOf(m):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// order holds back what comes until all partitions have caught up.
func order(ctx context.Context, behind int, messages <-chan Message, caughtUp <-chan struct{}, f func(Message) error) error {
	var held []Message
	for {
		select {
		case m := <-messages:
			if behind > 0 {
				held = append(held, m)
			} else if err := f(m); err != nil {
				return err
			}
		case <-caughtUp:
			if behind--; behind > 0 {
				continue
			}
			slices.SortStableFunc(held, func(a, b Message) int {
				return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Sequence, b.Sequence))
			})
			for _, m := range held {
				if err := f(m); err != nil {
					return err
				}
			}
			held = nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
