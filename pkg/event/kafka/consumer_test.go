package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/fault"
)

// handled collects what handlers are given.
type handled struct {
	mu     sync.Mutex
	events []event.Envelope
}

func (h *handled) add(e event.Envelope) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

func (h *handled) all() []event.Envelope {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.events)
}

// await waits until n events were handled that differ.
func (h *handled) await(t *testing.T, n int) []event.Envelope {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; {
		all, ids := h.all(), map[string]bool{}
		for _, e := range all {
			ids[e.ID] = true
		}
		if len(ids) == n {
			return all
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d events were handled", len(ids), n)
		}
		time.Sleep(time.Millisecond)
	}
}

// consume runs a consumer until stop is called, or the test ends.
func consume(t *testing.T, cfg kafka.Config, group string, topics []string, handle kafka.Handler) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c := kafka.NewConsumer(cfg, group, topics, handle, slog.New(slog.NewTextHandler(t.Output(), nil)))
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

func TestConsumerGoesOnWhereTheGroupEnded(t *testing.T) {
	onBrokers(t, func(t *testing.T, cfg kafka.Config) {
		topic := newTopic()
		p := publisher(t, cfg, topic)
		var first, second handled
		stop := consume(t, cfg, string(topic), []string{string(topic)}, func(_ context.Context, e event.Envelope) error {
			first.add(e)
			return nil
		})
		want := envelope(topic, "key", 1)
		publish(t, p, want)
		publish(t, p, envelope(topic, "key", 2))
		if diff := cmp.Diff(want, first.await(t, 2)[0]); diff != "" {
			t.Errorf("handled (-want +got)\n%s", diff)
		}
		stop()
		publish(t, p, envelope(topic, "key", 3))
		consume(t, cfg, string(topic), []string{string(topic)}, func(_ context.Context, e event.Envelope) error {
			second.add(e)
			return nil
		})
		if got := sequences(second.await(t, 1)); !slices.Equal(got, []int64{3}) {
			t.Errorf("then %v", got)
		}
	})
}

// TestConsumerGivesAgainWhatWasNotActedOn stops a consumer in the middle of an
// event.
func TestConsumerGivesAgainWhatWasNotActedOn(t *testing.T) {
	onBrokers(t, func(t *testing.T, cfg kafka.Config) {
		topic := newTopic()
		p := publisher(t, cfg, topic)
		begun := make(chan struct{}, 1)
		stop := consume(t, cfg, string(topic), []string{string(topic)}, func(ctx context.Context, e event.Envelope) error {
			begun <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		})
		publish(t, p, envelope(topic, "key", 1))
		<-begun
		stop()
		var got handled
		consume(t, cfg, string(topic), []string{string(topic)}, func(_ context.Context, e event.Envelope) error {
			got.add(e)
			return nil
		})
		got.await(t, 1)
	})
}

// TestOutagePausesTheConsumer has a handler that cannot act for a while.
func TestOutagePausesTheConsumer(t *testing.T) {
	onBrokers(t, func(t *testing.T, cfg kafka.Config) {
		topic := newTopic()
		p := publisher(t, cfg, topic)
		var got handled
		tries := 0
		consume(t, cfg, string(topic), []string{string(topic)}, func(_ context.Context, e event.Envelope) error {
			if e.Sequence == 2 {
				if tries++; tries < 5 {
					return []error{errors.New("no fault"), fault.New(fault.Unavailable, "away")}[tries%2]
				}
			}
			got.add(e)
			return nil
		})
		for i := range int64(4) {
			publish(t, p, envelope(topic, "key", i+1))
		}
		if got := sequences(got.await(t, 4)); !slices.Equal(got, []int64{1, 2, 3, 4}) || tries != 5 {
			t.Errorf("handled %v, the second after %d tries", got, tries)
		}
	})
}

func TestPoisonGoesToTheDeadLetters(t *testing.T) {
	onBrokers(t, func(t *testing.T, cfg kafka.Config) {
		topic := newTopic()
		p := publisher(t, cfg, topic)
		var got handled
		consume(t, cfg, string(topic), []string{string(topic)}, func(_ context.Context, e event.Envelope) error {
			switch e.Sequence {
			case 1:
				return fmt.Errorf("wrapped: %w", fault.New(fault.Invalid, "not good").With(fault.Detail{Path: "/x", Message: "is missing"}))
			case 2:
				return fault.New(fault.Malformed, "no JSON").Because(errors.New("byte 3"))
			}
			got.add(e)
			return nil
		})
		var wrong []event.Envelope
		for i := range int64(3) {
			e := envelope(topic, "key", i+1)
			if i == 1 {
				e.Data = []byte(`"` + strings.Repeat("x", 1_048_250) + `"`) // hardly less than a broker takes
			}
			wrong = append(wrong, e)
			publish(t, p, e)
		}
		got.await(t, 1)
		letters := letters(t, cfg, topic, 2)
		for i, reason := range []string{"wrapped: not good; /x is missing", "no JSON: byte 3"} {
			if diff := cmp.Diff(wrong[i], letters[i].Envelope); diff != "" || letters[i].reason != reason {
				t.Errorf("dead letter because %q (-want +got)\n%s", letters[i].reason, diff)
			}
		}
	})
}

type letter struct {
	event.Envelope
	reason string
}

// letters returns the first n dead letters of a topic, which any client can read.
func letters(t *testing.T, cfg kafka.Config, topic topic, n int) []letter {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(cfg.Brokers...), kgo.ConsumeTopics(kafka.DeadLetterTopic(string(topic))))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var got []letter
	for len(got) < n {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		for _, r := range fetches.Records() {
			var l letter
			headers := make([]event.Header, len(r.Headers))
			for i, h := range r.Headers {
				headers[i] = event.Header{Key: h.Key, Value: string(h.Value)}
				if h.Key == kafka.ReasonHeader {
					l.reason = string(h.Value)
				}
			}
			l.Envelope = event.Parse(r.Topic, string(r.Key), r.Timestamp, headers, r.Value)
			got = append(got, l)
		}
	}
	return got
}

// TestPlainJSONIsNamedByItsPlace writes with another client, without headers.
func TestPlainJSONIsNamedByItsPlace(t *testing.T) {
	onBrokers(t, func(t *testing.T, cfg kafka.Config) {
		topic := newTopic()
		client, err := kgo.NewClient(kgo.SeedBrokers(cfg.Brokers...), kgo.UnknownTopicRetries(-1))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		var got handled
		consume(t, cfg, string(topic), []string{string(topic)}, func(_ context.Context, e event.Envelope) error {
			got.add(e)
			if len(got.all()) < 3 {
				return errors.New("once more")
			}
			return nil
		})
		sent, err := client.ProduceSync(t.Context(), &kgo.Record{Topic: string(topic), Value: []byte(`{}`)}).First()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range got.await(t, 1) {
			if want := fmt.Sprintf("%s/%d/0", topic, sent.Partition); e.ID != want || e.Type != string(topic) || !e.Time.Equal(sent.Timestamp.Truncate(time.Millisecond)) {
				t.Errorf("event %+v, want id %s and time %v", e, want, sent.Timestamp)
			}
		}
	})
}

func TestDeadLetterKeepsTheTime(t *testing.T) {
	onBrokers(t, func(t *testing.T, cfg kafka.Config) {
		topic := newTopic()
		client, err := kgo.NewClient(kgo.SeedBrokers(cfg.Brokers...), kgo.UnknownTopicRetries(-1))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		consume(t, cfg, string(topic), []string{string(topic)}, func(context.Context, event.Envelope) error {
			return fault.New(fault.Malformed, "no JSON")
		})
		at := time.Now().Add(-time.Hour).UTC().Truncate(time.Millisecond)
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: string(topic), Timestamp: at}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if e := read(t, cfg, 1, kafka.DeadLetterTopic(string(topic)))[0]; !e.Time.Equal(at) {
			t.Errorf("the dead letter is of %v, want %v", e.Time, at)
		}
	})
}

// TestTwoMembersShareTheEvents lets a member join and leave meanwhile: what
// comes twice comes after all before it.
func TestTwoMembersShareTheEvents(t *testing.T) {
	onBrokers(t, func(t *testing.T, cfg kafka.Config) {
		topic := newTopic()
		p := publisher(t, cfg, topic)
		var got handled
		shares := [2]handled{}
		member := func(i int) func() {
			return consume(t, cfg, string(topic), []string{string(topic)}, func(_ context.Context, e event.Envelope) error {
				got.add(e)
				shares[i].add(e)
				return nil
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
		got.await(t, keys)
		leave := member(1)
		for len(shares[1].all()) == 0 {
			round()
		}
		before := len(shares[1].all())
		for range each {
			round()
		}
		got.await(t, keys*n)
		if len(shares[1].all()) == before {
			t.Error("the second member has no share")
		}
		leave()
		round()
		last := map[string]int64{}
		for _, e := range got.await(t, keys*n) {
			if e.Sequence > last[e.Key]+1 {
				t.Fatalf("%s: %d comes after %d", e.Key, e.Sequence, last[e.Key])
			}
			last[e.Key] = max(last[e.Key], e.Sequence)
		}
	})
}

// TestConsumerOutlivesTheBroker has the broker come late, go, and come back
// with what it kept.
func TestConsumerOutlivesTheBroker(t *testing.T) {
	cfg, port := nobody(t)
	topic := newTopic()
	p := publisher(t, cfg, topic)
	var got handled
	consume(t, cfg, string(topic), []string{string(topic)}, func(_ context.Context, e event.Envelope) error {
		got.add(e)
		return nil
	})
	dir := t.TempDir()
	for i := range int64(3) {
		cluster, _ := fake(t, kfake.Ports(port), kfake.DataDir(dir))
		publish(t, p, envelope(topic, "key", i+1))
		got.await(t, int(i+1))
		cluster.Close()
	}
	last := int64(0)
	for _, e := range got.all() { // what was not committed when the broker went comes again
		if e.Sequence > last+1 {
			t.Errorf("handled %v", sequences(got.all()))
		}
		last = max(last, e.Sequence)
	}
}

func TestConsumerWithoutBrokers(t *testing.T) {
	c := kafka.NewConsumer(kafka.Config{}, "group", []string{"topic"}, nil, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err := c.Ping(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Ping = %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Run(ctx); err != nil {
		t.Errorf("Run = %v", err)
	}
}
