package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/waittest"
)

// recorder records handled events.
type recorder struct {
	mu     sync.Mutex
	events []event.Envelope
}

// handle records an event.
func (r *recorder) handle(_ context.Context, e event.Envelope) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	return nil
}

func (r *recorder) all() []event.Envelope {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

// waitFor waits until n different events have been handled, and returns all of them.
func (r *recorder) waitFor(t *testing.T, n int) []event.Envelope {
	t.Helper()
	var all []event.Envelope
	waittest.Success(t, "events", func() error {
		all = r.all()
		ids := map[string]bool{}
		for _, e := range all {
			ids[e.ID] = true
		}
		if len(ids) != n {
			return fmt.Errorf("%d handled, want %d", len(ids), n)
		}
		return nil
	})
	return all
}

// consume runs a consumer in the group named after the topic, until stop is called or
// the test ends.
func consume(t *testing.T, cfg kafka.Config, topic topic, handle func(context.Context, event.Envelope) error) (stop func()) {
	t.Helper()
	return consumeAs(t, cfg, string(topic), topic, handle)
}

func consumeAs(t *testing.T, cfg kafka.Config, group string, topic topic, handle func(context.Context, event.Envelope) error) (stop func()) {
	t.Helper()
	return consumeBatches(t, cfg, group, topic, kafka.Each(handle))
}

func consumeBatches(t *testing.T, cfg kafka.Config, group string, topic topic, handle kafka.Handler) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c := kafka.NewConsumer(cfg, group, []string{string(topic)}, handle, slog.New(slog.NewTextHandler(t.Output(), nil)))
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func sequences(events []event.Envelope) []int64 {
	var all []int64
	for _, e := range events {
		all = append(all, e.Sequence)
	}
	return all
}

// checkOrder checks that no event of a key is delivered before the first delivery of the
// previous event of the key. It returns the last sequence of each key.
func checkOrder(t *testing.T, events []event.Envelope) map[string]int64 {
	t.Helper()
	last := map[string]int64{}
	for _, e := range events {
		if e.Sequence > last[e.Key]+1 {
			t.Fatalf("%s: %d delivered after %d", e.Key, e.Sequence, last[e.Key])
		}
		last[e.Key] = max(last[e.Key], e.Sequence)
	}
	return last
}

func TestConsumerContinuesAtTheCommittedOffset(t *testing.T) {
	onBrokers(t, func(t *testing.T, cfg kafka.Config) {
		topic := newTopic()
		p := publisher(t, cfg, topic)
		var first, second recorder
		stop := consume(t, cfg, topic, first.handle)
		want := envelope(topic, "key", 1)
		publish(t, p, want)
		publish(t, p, envelope(topic, "key", 2))
		want.Topic = topic.Topic()
		if diff := cmp.Diff(want, first.waitFor(t, 2)[0]); diff != "" {
			t.Errorf("handled (-want +got)\n%s", diff)
		}
		stop()
		publish(t, p, envelope(topic, "key", 3))
		consume(t, cfg, topic, second.handle)
		if got := sequences(second.waitFor(t, 1)); !slices.Equal(got, []int64{3}) {
			t.Errorf("second consumer handled %v, want [3]", got)
		}
	})
}

func TestUnhandledEventIsDeliveredAgain(t *testing.T) {
	onBrokers(t, func(t *testing.T, cfg kafka.Config) {
		topic := newTopic()
		p := publisher(t, cfg, topic)
		started := make(chan struct{}, 1)
		stop := consume(t, cfg, topic, func(ctx context.Context, e event.Envelope) error {
			started <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		})
		publish(t, p, envelope(topic, "key", 1))
		<-started
		stop()
		var got recorder
		consume(t, cfg, topic, got.handle)
		got.waitFor(t, 1)
	})
}

func TestFailedEventIsRetriedBeforeTheNext(t *testing.T) {
	onBrokers(t, func(t *testing.T, cfg kafka.Config) {
		topic := newTopic()
		p := publisher(t, cfg, topic)
		var got recorder
		attempts := 0
		consume(t, cfg, topic, func(ctx context.Context, e event.Envelope) error {
			if e.Sequence == 2 {
				if attempts++; attempts < 5 {
					return []error{errors.New("not a fault.Error"), fault.New(fault.Unavailable, "store is down")}[attempts%2]
				}
			}
			return got.handle(ctx, e)
		})
		for i := range int64(4) {
			publish(t, p, envelope(topic, "key", i+1))
		}
		if got := sequences(got.waitFor(t, 4)); !slices.Equal(got, []int64{1, 2, 3, 4}) || attempts != 5 {
			t.Errorf("handled %v, the second after %d attempts; want [1 2 3 4] and 5", got, attempts)
		}
	})
}

func TestMessageWithoutHeadersGetsAnIDFromItsOffset(t *testing.T) {
	onBrokers(t, func(t *testing.T, cfg kafka.Config) {
		topic := newTopic()
		client, err := kgo.NewClient(kgo.SeedBrokers(cfg.Brokers...), kgo.UnknownTopicRetries(-1))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		var got recorder
		consume(t, cfg, topic, func(ctx context.Context, e event.Envelope) error {
			_ = got.handle(ctx, e)
			if len(got.all()) < 3 {
				return errors.New("retry")
			}
			return nil
		})
		sent, err := client.ProduceSync(t.Context(), &kgo.Record{Topic: string(topic), Value: []byte(`{}`)}).First()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range got.waitFor(t, 1) {
			if want := fmt.Sprintf("%s/%d/0", topic, sent.Partition); e.ID != want || e.Type != string(topic) || !e.Time.Equal(sent.Timestamp.Truncate(time.Millisecond)) {
				t.Errorf("event %+v, want id %s and time %v", e, want, sent.Timestamp)
			}
		}
	})
}

// A member joins and leaves while events are published. The order must be kept.
func TestMembersOfAGroupShareTheEvents(t *testing.T) {
	onBrokers(t, func(t *testing.T, cfg kafka.Config) {
		topic := newTopic()
		p := publisher(t, cfg, topic)
		var got recorder
		members := [2]recorder{}
		member := func(i int) func() {
			return consume(t, cfg, topic, func(ctx context.Context, e event.Envelope) error {
				_ = got.handle(ctx, e)
				return members[i].handle(ctx, e)
			})
		}
		member(0)
		const keys, each = 12, 40
		n := 0
		round := func() {
			for k := range keys {
				publish(t, p, envelope(topic, fmt.Sprint("key", k), int64(n+1)))
			}
			n++
		}
		round()
		got.waitFor(t, keys)
		leave := member(1)
		waittest.Until(t, "the second member handles an event", func() bool {
			round()
			return len(members[1].all()) > 0
		})
		before := len(members[1].all())
		for range each {
			round()
		}
		got.waitFor(t, keys*n)
		if len(members[1].all()) == before {
			t.Error("the second member handled no events")
		}
		leave()
		round()
		checkOrder(t, got.waitFor(t, keys*n))
	})
}

// The broker starts after the consumer, and restarts with its data.
func TestConsumerContinuesAfterBrokerRestarts(t *testing.T) {
	cfg, port := unusedAddress(t)
	topic := newTopic()
	p := publisher(t, cfg, topic)
	var got recorder
	consume(t, cfg, topic, got.handle)
	dir := t.TempDir()
	for i := range int64(3) {
		cluster, _ := startBroker(t, kfake.Ports(port), kfake.DataDir(dir))
		publish(t, p, envelope(topic, "key", i+1))
		got.waitFor(t, int(i+1))
		cluster.Close()
	}
	checkOrder(t, got.all()) // uncommitted events may have been delivered again
}

func TestConsumerWithoutBrokers(t *testing.T) {
	c := kafka.NewConsumer(kafka.Config{}, "group", []string{"topic"}, nil, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err := c.Ping(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Ping = %v, want unavailable", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Run(ctx); err != nil {
		t.Errorf("Run = %v", err)
	}
}
