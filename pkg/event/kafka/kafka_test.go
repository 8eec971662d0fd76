package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/sqlite"
	"github.com/battery-passport/suite/pkg/store/storetest"
	"github.com/battery-passport/suite/pkg/waittest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// onBrokers runs f with the in-process broker and, if KAFKA_BROKERS is set, with that
// broker.
func onBrokers(t *testing.T, f func(*testing.T, kafka.Config)) {
	t.Run("kfake", func(t *testing.T) {
		_, cfg := startBroker(t)
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

// startBroker starts an in-process broker.
func startBroker(t *testing.T, opts ...kfake.Opt) (*kfake.Cluster, kafka.Config) {
	t.Helper()
	c, err := kfake.NewCluster(append(opts, kfake.NumBrokers(1))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, kafka.Config{Brokers: c.ListenAddrs()}
}

// topic is an event type of one test.
type topic string

func (t topic) Topic() string { return string(t) }

func (t topic) deadLetters() topic { return topic(kafka.DeadLetterTopic(string(t))) }

func newTopic() topic { return topic("test." + uuid.NewString()) }

func publisher(t *testing.T, cfg kafka.Config, topics ...topic) *kafka.Publisher {
	t.Helper()
	names := make([]string, len(topics))
	for i, t := range topics {
		names[i] = string(t)
	}
	p := kafka.NewPublisher(cfg, names, slog.New(slog.NewTextHandler(t.Output(), nil)))
	t.Cleanup(p.Close)
	return p
}

// publish retries until the broker accepts the event, like the outbox: a new topic may be
// unknown to the broker for some seconds.
func publish(t *testing.T, p *kafka.Publisher, e event.Envelope) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waittest.Limit)
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

// readEvents returns the first n events of a topic.
func readEvents(t *testing.T, cfg kafka.Config, n int, topic topic) []event.Envelope {
	t.Helper()
	var got recorder
	stop := consumeAs(t, cfg, uuid.NewString(), topic, got.handle)
	got.waitFor(t, n)
	stop()
	return got.all()
}

func TestConsumedEventEqualsThePublishedEvent(t *testing.T) {
	onBrokers(t, func(t *testing.T, cfg kafka.Config) {
		topic := newTopic()
		p := publisher(t, cfg, topic)
		if err := p.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := p.Run(t.Context()); err != nil {
			t.Fatalf("Run with existing topics = %v", err)
		}
		want := envelope(topic, "0193-p", 7)
		publish(t, p, want)
		want.Topic = topic.Topic()
		if diff := cmp.Diff([]event.Envelope{want}, readEvents(t, cfg, 1, topic)); diff != "" {
			t.Errorf("read back (-want +got)\n%s", diff)
		}
		if err := p.Ping(t.Context()); err != nil {
			t.Errorf("Ping = %v", err)
		}
	})
}

// Brokers refuse or delete records whose time differs too much from their clock.
func TestEventTimeMayDifferFromTheBrokerClock(t *testing.T) {
	onBrokers(t, func(t *testing.T, cfg kafka.Config) {
		topic := newTopic()
		p := publisher(t, cfg, topic)
		if err := p.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		var want []event.Envelope
		for i, off := range []time.Duration{-20 * 365 * 24 * time.Hour, -10 * 24 * time.Hour, 2 * time.Hour, 48 * time.Hour} {
			e := envelope(topic, "0193-p", int64(i+1))
			e.Time = time.Now().Add(off).UTC().Truncate(time.Millisecond)
			publish(t, p, e)
			e.Topic = topic.Topic()
			want = append(want, e)
		}
		if diff := cmp.Diff(want, readEvents(t, cfg, len(want), topic)); diff != "" {
			t.Errorf("read back (-want +got)\n%s", diff)
		}
	})
}

func TestTopicsAreCreatedWithTheConfiguredPartitions(t *testing.T) {
	onBrokers(t, func(t *testing.T, cfg kafka.Config) {
		for _, c := range []struct{ set, want int }{{0, 3}, {5, 5}} {
			topic, cfg := newTopic(), cfg
			cfg.Partitions, cfg.Replication = c.set, 1
			if err := publisher(t, cfg, topic).Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			client, err := kgo.NewClient(kgo.SeedBrokers(cfg.Brokers...))
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			request := kmsg.NewMetadataRequest()
			request.Topics = []kmsg.MetadataRequestTopic{{Topic: kmsg.StringPtr(string(topic))}}
			res, err := request.RequestWith(t.Context(), client)
			if err != nil {
				t.Fatal(err)
			}
			if got := len(res.Topics[0].Partitions); got != c.want {
				t.Errorf("KAFKA_PARTITIONS=%d created %d partitions, want %d", c.set, got, c.want)
			}
		}
	})
}

// With the defaults of kafka-go each Publish would wait a second for a batch.
func TestPublishDoesNotWaitForABatch(t *testing.T) {
	onBrokers(t, func(t *testing.T, cfg kafka.Config) {
		topic := newTopic()
		p := publisher(t, cfg, topic)
		if err := p.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		publish(t, p, envelope(topic, "first", 0))
		start := time.Now()
		for i := range int64(20) {
			publish(t, p, envelope(topic, "key", i))
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("20 events took %v, want at most 10 s", took)
		}
	})
}

// The broker refuses requests and closes connections. Repeated events may be stored
// twice, but never before the previous event of their key.
func TestFirstDeliveriesAreInOrderDespiteBrokerErrors(t *testing.T) {
	cluster, cfg := startBroker(t)
	topic := newTopic()
	p := publisher(t, cfg, topic)
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	requests := 0
	cluster.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if requests++; requests%3 != 0 {
			return nil, nil, false
		}
		if requests%2 == 0 {
			return nil, errors.New("connection closed"), true
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
	if requests < keys*each {
		t.Fatalf("%d produce requests, want at least %d: one per event", requests, keys*each)
	}
	last := checkOrder(t, readEvents(t, cfg, keys*each, topic))
	for k := range keys {
		if key := fmt.Sprint("key", k); last[key] != each {
			t.Errorf("last event of %s is %d, want %d", key, last[key], each)
		}
	}
}

func openStore(t *testing.T) *store.Collection[storetest.Cell] {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "kafka.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(context.Background()) })
	return store.Open(db, storetest.CellSchema())
}

func insert(t *testing.T, cells *store.Collection[storetest.Cell], id string) {
	t.Helper()
	if _, err := cells.Insert(t.Context(), id, storetest.Cell{}, event.New("/test", id, time.Now(), storetest.Counted{})); err != nil {
		t.Fatal(err)
	}
}
