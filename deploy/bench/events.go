package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
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
	f.passport.end()
	f.notification.end() // it would act on each event, on the same cores
	data := "DATA_DIR=" + filepath.Join(f.dir, "relay")
	if err := f.passport.start(ctx, data, "KAFKA_BROKERS="); err != nil {
		return err
	}
	if _, err := f.fill(ctx, 0, f.waiting); err != nil {
		return err
	}
	f.passport.end()
	select {
	case <-time.After(outbox.Lease): // until then they are left to who wrote them
	case <-ctx.Done():
		return ctx.Err()
	}
	k := newBareKafka(f.backends.kafka)
	defer k.close()
	rate, err := f.drained(ctx, k, data)
	if err != nil {
		return err
	}
	took, err := k.flood(ctx, f.waiting, relayWorkers)
	if err != nil {
		return err
	}
	bare := float64(f.waiting) / took.Seconds()
	t.least(fmt.Sprintf("drain of %d events that waited", f.waiting), "≥ 50 % of a bare producer", rate/bare, 0.5,
		"%.0f/s, %.0f %% of %.0f/s", rate, 100*rate/bare, bare)
	f.passport.end()
	return errors.Join(f.passport.start(ctx), f.notification.start(ctx))
}

// drained starts the service, and returns how many of the events that wait go
// out in a second, as the broker counts them: a consumer would be on the same
// cores.
func (f *fleet) drained(ctx context.Context, k bareKafka, env ...string) (float64, error) {
	created := event.PassportCreated{}.Topic()
	before, err := k.records(ctx, created)
	if err != nil {
		return 0, err
	}
	if err := f.passport.start(ctx, env...); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	var begin time.Time
	var begun int64 // events that were out then
	for {
		now, err := k.records(ctx, created)
		out := now - before
		switch {
		case err != nil:
			return 0, fmt.Errorf("%d of %d events came: %w", out, f.waiting, err)
		case begin.IsZero() && out > 0:
			begin, begun = time.Now(), out
		case out >= int64(f.waiting):
			return float64(out-begun) / time.Since(begin).Seconds(), nil
		}
		time.Sleep(5 * time.Millisecond)
	}
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
