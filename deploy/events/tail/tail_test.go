package tail_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/battery-passport/suite/deploy/events/tail"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/tlstest"
	"github.com/battery-passport/suite/pkg/waittest"
)

// topic is an event payload for a topic of this test.
type topic string

func (t topic) Topic() string { return string(t) }

// onBrokers runs f on an in-process broker, on one that requires TLS and a login, and on
// those of KAFKA_BROKERS if it is set.
func onBrokers(t *testing.T, f func(*testing.T, kafka.Config)) {
	fake := func(t *testing.T, opts ...kfake.Opt) []string {
		c, err := kfake.NewCluster(append(opts, kfake.NumBrokers(1))...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c.ListenAddrs()
	}
	t.Run("kfake", func(t *testing.T) { f(t, kafka.Config{Brokers: fake(t)}) })
	for mechanism, name := range map[string]string{"plain": "PLAIN", "scram-sha-256": "SCRAM-SHA-256", "scram-sha-512": "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			authority := tlstest.NewAuthority(t)
			f(t, kafka.Config{
				Brokers:  fake(t, kfake.TLS(authority.ServerConfig(t)), kfake.EnableSASL(), kfake.Superuser(name, "ann", "secret-1")),
				Security: kafka.Security{TLS: true, CAFile: authority.File, Mechanism: mechanism, User: "ann", Password: "secret-1"},
			})
		})
	}
	t.Run("KAFKA_BROKERS", func(t *testing.T) {
		brokers := os.Getenv("KAFKA_BROKERS")
		if brokers == "" {
			t.Skip("KAFKA_BROKERS is not set")
		}
		f(t, kafka.Config{Brokers: strings.Split(brokers, ",")})
	})
}

// publisher returns a function that publishes an event with a sequence. The time of the
// event is derived from the sequence.
func publisher(t *testing.T, cfg kafka.Config, topics ...topic) func(to topic, key string, sequence int64) {
	t.Helper()
	names := make([]string, len(topics))
	for i, t := range topics {
		names[i] = string(t)
	}
	p := kafka.NewPublisher(cfg, names, slog.New(slog.NewTextHandler(t.Output(), nil)))
	t.Cleanup(p.Close)
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return func(to topic, key string, sequence int64) {
		e := event.New("/test", key, time.Date(2026, 11, 22, 9, 0, 0, int(sequence)*1e6, time.UTC), to)
		e.Sequence = sequence
		ctx, cancel := context.WithTimeout(t.Context(), waittest.Limit)
		defer cancel()
		for err := errors.New("not yet"); err != nil; { // the broker may not know the topic yet
			if err = p.Publish(ctx, e); ctx.Err() != nil {
				t.Fatal(err)
			}
		}
	}
}

func newTopic() topic { return topic("test." + uuid.NewString()) }

// TestFollow checks that existing events come in order of time, then new ones.
func TestFollow(t *testing.T) {
	onBrokers(t, func(t *testing.T, cfg kafka.Config) {
		one, two := newTopic(), newTopic()
		publish := publisher(t, cfg, one, two)
		for i := range int64(30) {
			publish([]topic{one, two}[i%2], fmt.Sprint("key", i%7), 30-i)
		}
		var got, want []int64
		err := tail.Follow(t.Context(), cfg, []string{string(one), string(two)}, func(m tail.Message) error {
			if got = append(got, m.Sequence); len(got) == 30 {
				publish(two, "key", 5)
			}
			if len(got) == 31 {
				return context.Canceled
			}
			return nil
		})
		for i := range int64(30) {
			want = append(want, i+1)
		}
		if diff := cmp.Diff(append(want, 5), got); diff != "" || !errors.Is(err, context.Canceled) {
			t.Errorf("Follow = %v (-want +got)\n%s", err, diff)
		}
	})
}

// TestRead checks that events come in the order of the log, even if their times differ.
func TestRead(t *testing.T) {
	onBrokers(t, func(t *testing.T, cfg kafka.Config) {
		written, empty := newTopic(), newTopic()
		publish := publisher(t, cfg, written, empty)
		want := []int64{3, 1, 2, 1}
		for _, n := range want {
			publish(written, "0193-p", n)
		}
		var got []int64
		err := tail.Read(t.Context(), cfg, []string{string(written), string(empty)}, func(m tail.Message) error {
			got = append(got, m.Sequence)
			return nil
		})
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("Read = %v (-want +got)\n%s", err, diff)
		}
		found, err := tail.Existing(t.Context(), cfg, []string{"none", string(written), string(empty)})
		if diff := cmp.Diff([]string{string(written), string(empty)}, found); err != nil || diff != "" {
			t.Errorf("Existing = %v (-want +got)\n%s", err, diff)
		}
	})
}

// TestUnreachableBroker checks that Existing fails quickly without a broker, and that
// Follow returns nil when its context is cancelled.
func TestUnreachableBroker(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cfg := kafka.Config{Brokers: []string{"127.0.0.1:1"}}
	if _, err := tail.Existing(ctx, cfg, []string{"a"}); err == nil || ctx.Err() != nil {
		t.Errorf("Existing = %v", err)
	}
	cancel()
	if err := tail.Follow(ctx, cfg, []string{"a"}, func(tail.Message) error { return nil }); err != nil {
		t.Errorf("Follow = %v", err)
	}
}
