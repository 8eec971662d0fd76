package kafka_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/fault"
)

// TestRejectedEventsWithinABatch publishes 300 events before a consumer starts. The handler gets
// them in batches, rejects every 40th, and fails once. The other events are handled in order, the
// rejected ones become dead letters, and the next member of the group starts after the last
// event.
func TestRejectedEventsWithinABatch(t *testing.T) {
	onBrokers(t, func(t *testing.T, cfg kafka.Config) {
		topic := newTopic()
		p := publisher(t, cfg, topic)
		const n = 300
		var want, rejected []int64
		for i := range int64(n) {
			publish(t, p, envelope(topic, "key", i+1))
			if i%40 == 39 {
				rejected = append(rejected, i+1)
			} else {
				want = append(want, i+1)
			}
		}
		var got recorder
		var largest atomic.Int64
		outage := true
		each := kafka.Each(func(ctx context.Context, e event.Envelope) error {
			switch {
			case e.Sequence%40 == 0:
				return fault.New(fault.Invalid, "is invalid")
			case e.Sequence == 90 && outage:
				outage = false
				return errors.New("the store is down")
			}
			return got.handle(ctx, e)
		})
		stop := consumeBatches(t, cfg, string(topic), topic, func(ctx context.Context, events []event.Envelope) (int, error) {
			largest.Store(max(largest.Load(), int64(len(events))))
			return each(ctx, events)
		})
		handled := sequences(got.waitFor(t, len(want)))
		letters := readDeadLetters(t, cfg, topic, len(rejected))
		if !slices.Equal(handled, want) {
			t.Errorf("handled %v, want %v", handled, want)
		}
		for i, l := range letters {
			if l.Sequence != rejected[i] {
				t.Errorf("dead letter %d is event %d, want %d", i, l.Sequence, rejected[i])
			}
		}
		if largest.Load() < 10 || largest.Load() > 100 {
			t.Errorf("the largest batch has %d events, want 10 to 100", largest.Load())
		}
		stop()
		publish(t, p, envelope(topic, "key", n+1))
		var next recorder
		consume(t, cfg, topic, next.handle)
		if got := sequences(next.waitFor(t, 1)); !slices.Equal(got, []int64{n + 1}) {
			t.Errorf("the next member handled %v, want only event %d", got, n+1)
		}
	})
}
