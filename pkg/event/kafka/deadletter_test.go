package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/waittest"
)

func TestRejectedEventBecomesADeadLetter(t *testing.T) {
	onBrokers(t, func(t *testing.T, cfg kafka.Config) {
		topic := newTopic()
		p := publisher(t, cfg, topic)
		var got recorder
		consume(t, cfg, topic, func(ctx context.Context, e event.Envelope) error {
			switch e.Sequence {
			case 1:
				return fmt.Errorf("wrapped: %w", fault.New(fault.Invalid, "is invalid").With(fault.Detail{Path: "/x", Message: "is missing"}))
			case 2:
				return fault.New(fault.Malformed, "is not JSON").Because(errors.New("byte 3"))
			}
			return got.handle(ctx, e)
		})
		var rejected []event.Envelope
		for i := range int64(3) {
			e := envelope(topic, "key", i+1)
			if i == 1 {
				e.Data = []byte(`"` + strings.Repeat("x", 1_048_000) + `"`) // just below the limit of a broker
			}
			publish(t, p, e)
			e.Topic = topic.Topic() + ".dlq"
			rejected = append(rejected, e)
		}
		got.waitFor(t, 1)
		letters := readDeadLetters(t, cfg, topic, 2)
		for i, reason := range []string{"wrapped: is invalid; /x is missing", "is not JSON: byte 3"} {
			if diff := cmp.Diff(rejected[i], letters[i].Envelope); diff != "" || letters[i].reason != reason {
				t.Errorf("dead letter has reason %q, want %q (-want +got)\n%s", letters[i].reason, reason, diff)
			}
		}
	})
}

type deadLetter struct {
	event.Envelope
	reason string
}

// readDeadLetters returns the first n dead letters of a topic, read with another Kafka
// client.
func readDeadLetters(t *testing.T, cfg kafka.Config, topic topic, n int) []deadLetter {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(cfg.Brokers...), kgo.ConsumeTopics(kafka.DeadLetterTopic(string(topic))))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), waittest.Limit)
	defer cancel()
	var got []deadLetter
	for len(got) < n {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		for _, r := range fetches.Records() {
			var l deadLetter
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

func TestDeadLetterHasTheTimeOfTheMessage(t *testing.T) {
	onBrokers(t, func(t *testing.T, cfg kafka.Config) {
		topic := newTopic()
		client, err := kgo.NewClient(kgo.SeedBrokers(cfg.Brokers...), kgo.UnknownTopicRetries(-1))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		consume(t, cfg, topic, func(context.Context, event.Envelope) error {
			return fault.New(fault.Malformed, "is not JSON")
		})
		at := time.Now().Add(-time.Hour).UTC().Truncate(time.Millisecond)
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: string(topic), Timestamp: at}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if e := readEvents(t, cfg, 1, topic.deadLetters())[0]; !e.Time.Equal(at) {
			t.Errorf("time of the dead letter is %v, want %v", e.Time, at)
		}
	})
}
