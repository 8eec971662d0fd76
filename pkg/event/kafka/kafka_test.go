package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/kafka"
)

// onBrokers runs f on the in-process broker, and on the one of KAFKA_BROKERS
// where that is set.
func onBrokers(t *testing.T, f func(*testing.T, kafka.Config)) {
	t.Run("kfake", func(t *testing.T) {
		_, cfg := fake(t)
		f(t, cfg)
	})
	t.Run("KAFKA_BROKERS", func(t *testing.T) {
		brokers := os.Getenv("KAFKA_BROKERS")
		if brokers == "" {
			t.Skip("KAFKA_BROKERS is not set")
		}
		f(t, kafka.Config{Brokers: strings.Split(brokers, ",")})
	})
}

func fake(t *testing.T, opts ...kfake.Opt) (*kfake.Cluster, kafka.Config) {
	t.Helper()
	c, err := kfake.NewCluster(append(opts, kfake.NumBrokers(1))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, kafka.Config{Brokers: c.ListenAddrs()}
}

// topic is an event type of this test alone.
type topic string

func (t topic) Topic() string { return string(t) }

func newTopic() topic { return topic("test." + uuid.NewString()) }

func publisher(t *testing.T, cfg kafka.Config, topics ...topic) *kafka.Publisher {
	t.Helper()
	names := make([]string, len(topics))
	for i, t := range topics {
		names[i] = string(t)
	}
	p := kafka.NewPublisher(cfg, names, slog.New(slog.NewTextHandler(t.Output(), nil)))
	t.Cleanup(func() { p.Close() })
	return p
}

// publish publishes until the broker takes the event, as the outbox does: a
// topic just made may be unknown to the broker for some seconds.
func publish(t *testing.T, p *kafka.Publisher, e event.Envelope) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		err := p.Publish(ctx, e)
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("publish %s: %v", e.ID, err)
		}
	}
}

func envelope(topic topic, key string, sequence int64) event.Envelope {
	at := time.Date(2026, 11, 22, 9, 0, 0, int(sequence)*1e6, time.UTC)
	e := event.New("/test", key, at, topic)
	e.Sequence = sequence
	return e
}

// read returns the first n events of the topics.
func read(t *testing.T, cfg kafka.Config, n int, topics ...string) []event.Envelope {
	t.Helper()
	var got []event.Envelope
	enough := errors.New("enough")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err := kafka.Tail(ctx, cfg, topics, func(e event.Envelope) error {
		if got = append(got, e); len(got) == n {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Fatalf("Tail = %v after %d of %d events", err, len(got), n)
	}
	return got
}

func TestEventComesBackAsItWasPublished(t *testing.T) {
	onBrokers(t, func(t *testing.T, cfg kafka.Config) {
		topic := newTopic()
		p := publisher(t, cfg, topic)
		if err := p.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := p.Run(t.Context()); err != nil {
			t.Fatalf("Run where the topics are there already: %v", err)
		}
		want := envelope(topic, "0193-p", 7)
		publish(t, p, want)
		if diff := cmp.Diff([]event.Envelope{want}, read(t, cfg, 1, string(topic))); diff != "" {
			t.Errorf("read back (-want +got)\n%s", diff)
		}
		if err := p.Ping(t.Context()); err != nil {
			t.Errorf("Ping = %v", err)
		}
	})
}

func TestTailGivesWhatIsThereInOrderOfTime(t *testing.T) {
	onBrokers(t, func(t *testing.T, cfg kafka.Config) {
		one, two := newTopic(), newTopic()
		p := publisher(t, cfg, one, two)
		if err := p.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i := range int64(30) {
			publish(t, p, envelope([]topic{one, two}[i%2], fmt.Sprint("key", i%7), 30-i))
		}
		for i, e := range read(t, cfg, 30, string(one), string(two)) {
			if e.Sequence != int64(i+1) {
				t.Fatalf("event %d has sequence %d", i+1, e.Sequence)
			}
		}
	})
}

// TestPublishDoesNotWaitForMore pins kafka-go's defaults away: with them each
// of these would take a second. It is no statement of speed.
func TestPublishDoesNotWaitForMore(t *testing.T) {
	onBrokers(t, func(t *testing.T, cfg kafka.Config) {
		topic := newTopic()
		p := publisher(t, cfg, topic)
		if err := p.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		publish(t, p, envelope(topic, "warm", 0))
		start := time.Now()
		for i := range int64(20) {
			publish(t, p, envelope(topic, "key", i))
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("20 events took %v: each waits for others", took)
		}
	})
}

// TestOrderOfFirstOccurrences has the broker refuse, and lose answers, at
// random: what is sent again may come twice, but never before its forerunner.
func TestOrderOfFirstOccurrences(t *testing.T) {
	cluster, cfg := fake(t)
	topic := newTopic()
	p := publisher(t, cfg, topic)
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	faults := 0
	cluster.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if faults++; faults%3 != 0 {
			return nil, nil, false
		}
		if faults%2 == 0 {
			return nil, errors.New("cut"), true
		}
		res := req.ResponseKind().(*kmsg.ProduceResponse)
		for _, t := range req.(*kmsg.ProduceRequest).Topics {
			rt := kmsg.NewProduceResponseTopic()
			rt.Topic, rt.TopicID = t.Topic, t.TopicID
			for _, p := range t.Partitions {
				rp := kmsg.NewProduceResponseTopicPartition()
				rp.Partition, rp.ErrorCode = p.Partition, kerr.NotLeaderForPartition.Code
				rt.Partitions = append(rt.Partitions, rp)
			}
			res.Topics = append(res.Topics, rt)
		}
		return res, nil, true
	})
	const keys, each = 4, 25
	var wg sync.WaitGroup
	for k := range keys {
		wg.Go(func() {
			for i := range int64(each) {
				publish(t, p, envelope(topic, fmt.Sprint("key", k), i+1))
			}
		})
	}
	wg.Wait()
	if faults < keys*each {
		t.Fatalf("only %d produce requests: are events put together in batches?", faults)
	}
	last := map[string]int64{}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	done := errors.New("done")
	err := kafka.Tail(ctx, cfg, []string{string(topic)}, func(e event.Envelope) error {
		if e.Sequence > last[e.Key]+1 {
			return fmt.Errorf("%s: %d comes after %d", e.Key, e.Sequence, last[e.Key])
		}
		last[e.Key] = max(last[e.Key], e.Sequence)
		for k := range keys {
			if last[fmt.Sprint("key", k)] < each {
				return nil
			}
		}
		return done
	})
	if !errors.Is(err, done) {
		t.Errorf("Tail = %v, seen %v", err, last)
	}
}

func TestBrokerComesLater(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().(*net.TCPAddr)
	l.Close()
	topic := newTopic()
	cfg := kafka.Config{Brokers: []string{addr.String()}}
	p := publisher(t, cfg, topic)
	if err := p.Publish(t.Context(), envelope(topic, "key", 1)); err == nil {
		t.Error("Publish without a broker = nil")
	}
	if err := p.Ping(t.Context()); err == nil {
		t.Error("Ping without a broker = nil")
	}
	made := make(chan error, 1)
	go func() { made <- p.Run(t.Context()) }()
	_, _ = fake(t, kfake.Ports(addr.Port))
	if err := <-made; err != nil {
		t.Fatal(err)
	}
	publish(t, p, envelope(topic, "key", 1))
	if got := read(t, cfg, 1, string(topic)); got[0].Sequence != 1 {
		t.Errorf("read %+v", got)
	}
}
