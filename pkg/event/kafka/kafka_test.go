package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
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
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/sqlite"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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
	t.Cleanup(p.Close)
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

// read returns the first n events of a topic.
func read(t *testing.T, cfg kafka.Config, n int, topic string) []event.Envelope {
	t.Helper()
	var got handled
	stop := consume(t, cfg, uuid.NewString(), []string{topic}, func(_ context.Context, e event.Envelope) error {
		got.add(e)
		return nil
	})
	got.await(t, n)
	stop()
	return got.all()
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

// TestClockOfTheWriter publishes what happened by clocks that are far off, and
// what has waited for long: brokers refuse and delete records by their time.
func TestClockOfTheWriter(t *testing.T) {
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
			want = append(want, e)
		}
		if diff := cmp.Diff(want, read(t, cfg, len(want), string(topic))); diff != "" {
			t.Errorf("read back (-want +got)\n%s", diff)
		}
	})
}

func TestPartitionsOfTopics(t *testing.T) {
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
			ask := kmsg.NewMetadataRequest()
			ask.Topics = []kmsg.MetadataRequestTopic{{Topic: kmsg.StringPtr(string(topic))}}
			res, err := ask.RequestWith(t.Context(), client)
			if err != nil {
				t.Fatal(err)
			}
			if got := len(res.Topics[0].Partitions); got != c.want {
				t.Errorf("KAFKA_PARTITIONS=%d makes %d, want %d", c.set, got, c.want)
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
	for _, e := range read(t, cfg, keys*each, string(topic)) {
		if e.Sequence > last[e.Key]+1 {
			t.Fatalf("%s: %d comes after %d", e.Key, e.Sequence, last[e.Key])
		}
		last[e.Key] = max(last[e.Key], e.Sequence)
	}
	for k := range keys {
		if key := fmt.Sprint("key", k); last[key] != each {
			t.Errorf("%s ends with %d, want %d", key, last[key], each)
		}
	}
}

// nobody returns the configuration of a broker that is not there, and its port,
// which stays free while no broker of the test has it.
func nobody(t *testing.T) (kafka.Config, int) {
	t.Helper()
	addr := resttest.UnusedAddress(t)
	at, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return kafka.Config{Brokers: []string{addr}}, at.Port
}

// await calls f until it succeeds.
func await(t *testing.T, what string, f func() error) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s = %v", what, err)
		}
	}
}

func TestBrokerComesLater(t *testing.T) {
	cfg, port := nobody(t)
	topic := newTopic()
	p := publisher(t, cfg, topic)
	if err := p.Publish(t.Context(), envelope(topic, "key", 1)); err == nil {
		t.Error("Publish without a broker = nil")
	}
	if err := p.Ping(t.Context()); err == nil {
		t.Error("Ping without a broker = nil")
	}
	made := make(chan error, 1)
	go func() { made <- p.Run(t.Context()) }()
	_, _ = fake(t, kfake.Ports(port))
	if err := <-made; err != nil {
		t.Fatal(err)
	}
	publish(t, p, envelope(topic, "key", 1))
	if got := read(t, cfg, 1, string(topic)); got[0].Sequence != 1 {
		t.Errorf("read %+v", got)
	}
}

// TestPingAsksTheBroker has a broker that worked, went, and came back.
func TestPingAsksTheBroker(t *testing.T) {
	cfg, port := nobody(t)
	dir := kfake.DataDir(t.TempDir())
	cluster, _ := fake(t, kfake.Ports(port), dir)
	topic := newTopic()
	p := publisher(t, cfg, topic)
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := kafka.NewConsumer(cfg, "group", []string{string(topic)}, nil, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	defer func() {
		cancel()
		<-done
	}()
	pings := map[string]func(context.Context) error{"Publisher": p.Ping, "Consumer": c.Ping}
	for name, ping := range pings {
		await(t, name+".Ping", func() error { return ping(t.Context()) })
	}
	cluster.Close()
	for name, ping := range pings {
		if err := ping(t.Context()); err == nil {
			t.Errorf("%s.Ping without a broker = nil", name)
		}
	}
	_, _ = fake(t, kfake.Ports(port), dir)
	for name, ping := range pings {
		await(t, name+".Ping", func() error { return ping(t.Context()) })
	}
}

// TestTopicsAreMadeAgain has a broker that comes back without what it held.
func TestTopicsAreMadeAgain(t *testing.T) {
	cfg, port := nobody(t)
	topic := newTopic()
	p := publisher(t, cfg, topic)
	var got handled
	consume(t, cfg, string(topic), []string{string(topic)}, func(_ context.Context, e event.Envelope) error {
		got.add(e)
		return nil
	})
	for i := range int64(3) {
		cluster, _ := fake(t, kfake.Ports(port))
		publish(t, p, envelope(topic, "key", i+1))
		got.await(t, int(i+1))
		cluster.Close()
	}
}

// TestEndDoesNotWaitForABroker has a broker that takes requests and does not
// answer, from the start or later.
func TestEndDoesNotWaitForABroker(t *testing.T) {
	for name, working := range map[string]bool{"from the start": false, "later": true} {
		t.Run(name, func(t *testing.T) {
			cfg, hang := hanging(t, working)
			cells := open(t)
			ctx, cancel := context.WithCancel(t.Context())
			f := kafka.NewForwarder(cfg, []string{storetest.Counted{}.Topic()}, slog.New(slog.NewTextHandler(t.Output(), nil)), cells.Outbox())
			done := make(chan error, 1)
			go func() { done <- f.Run(ctx) }()
			insert(t, cells, "first")
			if working {
				await(t, "events out", func() error {
					if n := len(storetest.WaitingEvents(t, cells.Outbox(), "first")); n > 0 {
						return fmt.Errorf("%d events wait", n)
					}
					return nil
				})
			}
			asked := hang()
			for i := range 40 {
				insert(t, cells, fmt.Sprint("id", i))
			}
			select {
			case <-asked:
			case <-time.After(20 * time.Second):
				t.Fatal("the broker was not asked")
			}
			cancel()
			select {
			case err := <-done:
				if err != nil {
					t.Errorf("Run = %v", err)
				}
			case <-time.After(4 * time.Second):
				t.Error("Run goes on for 4 s after its end was asked for")
				<-done
			}
		})
	}
}

// hanging returns a broker that hangs when hang is called, or ever; the channel
// gives a value when it is asked for something then.
func hanging(t *testing.T, working bool) (cfg kafka.Config, hang func() <-chan struct{}) {
	t.Helper()
	asked, end := make(chan struct{}, 1), make(chan struct{})
	ask := func() {
		select {
		case asked <- struct{}{}:
		default:
		}
		<-end
	}
	if working {
		cluster, cfg := fake(t)
		t.Cleanup(func() { close(end) }) // before the cluster ends
		return cfg, func() <-chan struct{} {
			cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
				ask()
				return nil, nil, false
			})
			return asked
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				ask()
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		close(end)
		wg.Wait()
	})
	return kafka.Config{Brokers: []string{l.Addr().String()}}, func() <-chan struct{} { return asked }
}

func open(t *testing.T) *store.Collection[storetest.Cell] {
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
