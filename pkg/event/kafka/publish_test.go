package kafka_test

import (
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/battery-passport/suite/pkg/event/kafka"
)

// TestConcurrentEventsShareRequests publishes the events of 200 keys at the same time, those of
// a key after each other. They need far fewer requests than events, never two at once for a
// partition, and keep their order.
func TestConcurrentEventsShareRequests(t *testing.T) {
	const keys, perKey = 200, 5
	cluster, cfg := startBroker(t)
	var requests atomic.Int64
	cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		requests.Add(1)
		return nil, nil, false
	})
	topic := newTopic()
	p := publisher(t, cfg, topic)
	publish(t, p, envelope(topic, "first", 1))
	requests.Store(0)
	var wg sync.WaitGroup
	for k := range keys {
		wg.Go(func() {
			for i := range perKey {
				if err := p.Publish(t.Context(), envelope(topic, fmt.Sprint(k), int64(i+1))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := requests.Load(); n > keys*perKey/4 {
		t.Errorf("%d requests for %d events, want at most a quarter", n, keys*perKey)
	}
	order := map[string][]int64{}
	for _, e := range readEvents(t, cfg, keys*perKey+1, topic) {
		order[e.Key] = append(order[e.Key], e.Sequence)
	}
	for k := range keys {
		if got := order[fmt.Sprint(k)]; !slices.Equal(got, []int64{1, 2, 3, 4, 5}) {
			t.Errorf("events of %d arrived as %v", k, got)
		}
	}
	t.Logf("%d requests for %d events", requests.Load(), keys*perKey)
}

// TestLargeEventDoesNotFailOthers publishes events at the same time to a topic that accepts
// small requests only. An event that is too large fails alone.
func TestLargeEventDoesNotFailOthers(t *testing.T) {
	onBrokers(t, func(t *testing.T, cfg kafka.Config) {
		client, err := kgo.NewClient(kgo.SeedBrokers(cfg.Brokers...))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		topic, limit := newTopic(), "5000"
		create, small := kmsg.NewPtrCreateTopicsRequest(), kmsg.NewCreateTopicsRequestTopic()
		small.Topic, small.NumPartitions, small.ReplicationFactor = string(topic), 1, -1
		small.Configs = []kmsg.CreateTopicsRequestTopicConfig{{Name: "max.message.bytes", Value: &limit}}
		create.Topics = append(create.Topics, small)
		if _, err := create.RequestWith(t.Context(), client); err != nil {
			t.Fatal(err)
		}
		p := kafka.NewPublisher(cfg, []string{string(topic)}, slog.New(slog.NewTextHandler(t.Output(), nil)))
		defer p.Close()
		publish(t, p, envelope(topic, "first", 1))
		const n = 50
		errs := make([]error, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				e, size := envelope(topic, fmt.Sprint(i), 1), 1000
				if i == n/2 {
					size = 10_000
				}
				e.Data = fmt.Appendf(nil, `"%0*d"`, size, i)
				errs[i] = p.Publish(t.Context(), e)
			})
		}
		wg.Wait()
		for i, err := range errs {
			if (err != nil) != (i == n/2) {
				t.Errorf("event %d: %v", i, err)
			}
		}
		if got := len(readEvents(t, cfg, n, topic)); got != n {
			t.Errorf("%d events, want %d", got, n)
		}
	})
}
