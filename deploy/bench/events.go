package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/event/outbox"
)

// measureEvents takes the time from the answer to a write until a consumer has
// its event: a little more than until the broker has it.
func measureEvents(ctx context.Context, f *fleet, t *table) error {
	id, err := f.create(ctx, `{"data":{}}`)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	arrived := make(chan time.Time, f.requests+1)
	var g errgroup.Group
	g.Go(func() error {
		return f.tail(ctx, func(e event.Envelope) {
			if e.Key == id {
				arrived <- time.Now()
			}
		})
	})
	<-arrived // it was created
	took := make(latencies, f.requests/4)
	for i := range took {
		if _, err := f.call(ctx, "PATCH", f.passport.url+"/api/passports/"+id, fmt.Sprintf(`{"data":{"generalInformation":{"batteryMass":%d}}}`, i+1), http.StatusOK); err != nil {
			return err
		}
		acknowledged := time.Now()
		took[i] = (<-arrived).Sub(acknowledged)
	}
	cancel()
	slices.Sort(took)
	p50, p99 := took.at(50), took.at(99)
	t.most("write acknowledged → event with a consumer, p50", "≤ 5 ms", p50.Seconds(), 0.005, "%v", p50.Round(1e4))
	t.most("the same, p99", "≤ 25 ms", p99.Seconds(), 0.025, "%v", p99.Round(1e4))
	return g.Wait()
}

func (f *fleet) tail(ctx context.Context, see func(event.Envelope)) error {
	return kafka.Tail(ctx, kafka.Config{Brokers: []string{f.backends.kafka}}, event.PassportTopics(), func(e event.Envelope) error { see(e); return nil })
}

// relayWorkers is how many events the relay hands to the broker at a time.
const relayWorkers = 32

// measureRelay lets events wait while there is no broker, and takes the time
// until the last has come once there is one.
func measureRelay(ctx context.Context, f *fleet, t *table) error {
	f.passport.stop()
	f.notification.stop() // it would act on each event, on the same cores
	data := "DATA_DIR=" + filepath.Join(f.dir, "relay")
	if err := f.passport.start(ctx, data, "KAFKA_BROKERS="); err != nil {
		return err
	}
	if _, err := f.fill(ctx, 0, f.waiting); err != nil {
		return err
	}
	f.passport.stop()
	select {
	case <-time.After(outbox.Lease): // until then they are left to who wrote them
	case <-ctx.Done():
		return ctx.Err()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var come atomic.Int64
	var first time.Time
	done := make(chan time.Duration, 1)
	var g errgroup.Group
	since := time.Now()
	g.Go(func() error {
		return f.tail(ctx, func(e event.Envelope) {
			if e.Source != "/passport-service" || e.Time.Before(f.filled) {
				return
			}
			switch n := come.Add(1); {
			case n == 1:
				first = time.Now()
			case int(n) == f.waiting:
				done <- time.Since(first)
			}
		})
	})
	if err := f.passport.start(ctx, data); err != nil {
		return err
	}
	var took time.Duration
	select {
	case took = <-done:
	case <-time.After(5 * time.Minute):
		return fmt.Errorf("%d of %d events came in %v", come.Load(), f.waiting, time.Since(since))
	}
	cancel()
	k := newBareKafka(f.backends.kafka)
	defer k.close()
	bare, err := k.flood(context.WithoutCancel(ctx), f.waiting, relayWorkers)
	if err = errors.Join(err, g.Wait()); err != nil {
		return err
	}
	share := ratio(bare, took)
	t.least(fmt.Sprintf("drain of %d events that waited", f.waiting), "≥ 50 % of a bare producer", share, 0.5,
		"%.0f/s, %.0f %% of %.0f/s", float64(f.waiting)/took.Seconds(), 100*share, float64(f.waiting)/bare.Seconds())
	f.passport.stop()
	return errors.Join(f.passport.start(context.WithoutCancel(ctx)), f.notification.start(context.WithoutCancel(ctx)))
}

// fill makes passports from a number up to another, and returns how many in a
// second.
func (f *fleet) fill(ctx context.Context, from, to int) (float64, error) {
	begin := time.Now()
	f.filled = begin.Add(-time.Second)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(32)
	for i := from; i < to; i++ {
		g.Go(func() error {
			_, err := f.create(gctx, fmt.Sprintf(`{"data":{"generalInformation":{"batteryIdentifier":"https://bench.example/%d/%d","batteryCategory":"LMT"}}}`, begin.UnixNano(), i))
			return err
		})
	}
	err := g.Wait()
	return float64(to-from) / time.Since(begin).Seconds(), err
}
