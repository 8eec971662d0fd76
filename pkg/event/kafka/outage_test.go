package kafka_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/storetest"
	"github.com/battery-passport/suite/pkg/waittest"
)

// unusedAddress returns the configuration for a broker that is not running, and its
// port, which other processes do not use.
func unusedAddress(t *testing.T) (kafka.Config, int) {
	t.Helper()
	addr := resttest.UnusedAddress(t)
	at, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return kafka.Config{Brokers: []string{addr}}, at.Port
}

func TestPublisherWorksOnceTheBrokerIsUp(t *testing.T) {
	cfg, port := unusedAddress(t)
	topic := newTopic()
	p := publisher(t, cfg, topic)
	if err := p.Publish(t.Context(), envelope(topic, "key", 1)); err == nil {
		t.Error("Publish without a broker = nil")
	}
	if err := p.Ping(t.Context()); err == nil {
		t.Error("Ping without a broker = nil")
	}
	created := make(chan error, 1)
	go func() { created <- p.Run(t.Context()) }()
	_, _ = startBroker(t, kfake.Ports(port))
	if err := <-created; err != nil {
		t.Fatal(err)
	}
	publish(t, p, envelope(topic, "key", 1))
	if got := readEvents(t, cfg, 1, topic); got[0].Sequence != 1 {
		t.Errorf("read %+v, want sequence 1", got)
	}
}

func TestPingDetectsAnOutage(t *testing.T) {
	cfg, port := unusedAddress(t)
	dir := kfake.DataDir(t.TempDir())
	cluster, _ := startBroker(t, kfake.Ports(port), dir)
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
		waittest.Success(t, name+".Ping", func() error { return ping(t.Context()) })
	}
	cluster.Close()
	for name, ping := range pings {
		if err := ping(t.Context()); err == nil {
			t.Errorf("%s.Ping without a broker = nil", name)
		}
	}
	_, _ = startBroker(t, kfake.Ports(port), dir)
	for name, ping := range pings {
		waittest.Success(t, name+".Ping", func() error { return ping(t.Context()) })
	}
}

// The broker restarts without its data.
func TestLostTopicsAreRecreated(t *testing.T) {
	cfg, port := unusedAddress(t)
	topic := newTopic()
	p := publisher(t, cfg, topic)
	var got recorder
	consume(t, cfg, topic, got.handle)
	for i := range int64(3) {
		cluster, _ := startBroker(t, kfake.Ports(port))
		publish(t, p, envelope(topic, "key", i+1))
		got.waitFor(t, int(i+1))
		cluster.Close()
	}
}

// The broker accepts requests and does not respond.
func TestShutdownDoesNotWaitForAHangingBroker(t *testing.T) {
	for name, working := range map[string]bool{"hangs from the start": false, "hangs later": true} {
		t.Run(name, func(t *testing.T) {
			cfg, hang := hanging(t, working)
			cells := openStore(t)
			ctx, cancel := context.WithCancel(t.Context())
			f := kafka.NewForwarder(cfg, []string{storetest.Counted{}.Topic()}, slog.New(slog.NewTextHandler(t.Output(), nil)), cells.Outbox())
			done := make(chan error, 1)
			go func() { done <- f.Run(ctx) }()
			insert(t, cells, "first")
			if working {
				waittest.Success(t, "published events", func() error {
					if n := len(storetest.WaitingEvents(t, cells.Outbox(), "first")); n > 0 {
						return fmt.Errorf("%d events not published", n)
					}
					return nil
				})
			}
			requested := hang()
			for i := range 40 {
				insert(t, cells, fmt.Sprint("id", i))
			}
			select {
			case <-requested:
			case <-time.After(waittest.Limit):
				t.Fatal("no request")
			}
			cancel()
			select {
			case err := <-done:
				if err != nil {
					t.Errorf("Run = %v", err)
				}
			case <-time.After(waittest.Limit):
				t.Error("Run did not return")
			}
		})
	}
}

// hanging returns a broker that stops responding when hang is called, or never responds
// if working is false. The channel receives a value when a request hangs.
func hanging(t *testing.T, working bool) (cfg kafka.Config, hang func() <-chan struct{}) {
	t.Helper()
	requested, end := make(chan struct{}, 1), make(chan struct{})
	block := func() {
		select {
		case requested <- struct{}{}:
		default:
		}
		<-end
	}
	if working {
		cluster, cfg := startBroker(t)
		t.Cleanup(func() { close(end) }) // before the cluster is closed
		return cfg, func() <-chan struct{} {
			cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
				block()
				return nil, nil, false
			})
			return requested
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
				block()
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		close(end)
		wg.Wait()
	})
	return kafka.Config{Brokers: []string{l.Addr().String()}}, func() <-chan struct{} { return requested }
}
