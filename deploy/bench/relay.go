package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/outbox"
)

// relayWorkers is how many events the relay hands to the broker at a time.
const relayWorkers = 32

// measureRelay lets events wait while there is no broker, and takes the time
// until the last has come once there is one; in turns with records that nobody
// has to remember.
func measureRelay(ctx context.Context, f *fleet, t *table) error {
	f.passport.end()
	f.notification.end() // it would act on each event, on the same cores
	rounds := min(3, f.rounds)
	data := func(round int) string { return "DATA_DIR=" + filepath.Join(f.dir, fmt.Sprint("relay", round)) }
	for round := range rounds {
		if err := f.passport.start(ctx, data(round), "KAFKA_BROKERS="); err != nil {
			return err
		}
		if _, _, err := f.fill(ctx, f.passport, f.waiting); err != nil {
			return err
		}
		f.passport.end()
	}
	select {
	case <-time.After(outbox.Lease): // until then they are left to who wrote them
	case <-ctx.Done():
		return ctx.Err()
	}
	var ours, writers, requests []float64 // a second, by round
	for round := range rounds {
		rate, err := f.drained(ctx, data(round))
		if err != nil {
			return err
		}
		f.passport.end()
		writer, request, err := f.floods(ctx)
		if err != nil {
			return err
		}
		ours, writers, requests = append(ours, rate), append(writers, writer), append(requests, request)
	}
	a, b, c := median(ours), median(writers), median(requests)
	figure := fmt.Sprintf("drain of %d events that waited", f.waiting)
	t.least(figure+", against kafka-go's Writer with the same settings", "≥ 50 %", a/b, 0.5, "%.0f/s, %.0f %% of %.0f/s", a, 100*a/b, b)
	t.add("the same, against bare requests, as the relay sends them", "%.0f %% of %.0f/s", 100*a/c, c)
	return errors.Join(f.passport.start(ctx), f.notification.start(ctx))
}

// floods produces as many records as waited: through a Writer, which sends those
// of a partition one after the other, and by requests that do not wait for each
// other.
func (f *fleet) floods(ctx context.Context) (writer, requests float64, err error) {
	k := newBareKafka(f.backends.kafka)
	defer k.close()
	if err := k.create(ctx); err != nil {
		return 0, 0, err
	}
	w := k.writer()
	writer, err = k.flood(ctx, f.waiting, func(ctx context.Context, key string) error {
		return w.WriteMessages(ctx, kafka.Message{Key: []byte(key), Value: []byte(payload)})
	})
	if err := errors.Join(err, w.Close()); err != nil {
		return 0, 0, err
	}
	requests, err = k.flood(ctx, f.waiting, k.produce)
	return writer, requests, err
}

// drained starts the service, and returns how many of the events that wait go
// out in a second, as the broker counts them: a consumer would be on the same
// cores.
func (f *fleet) drained(ctx context.Context, env string) (float64, error) {
	k := newBareKafka(f.backends.kafka)
	defer k.close()
	created := event.PassportCreated{}.Topic()
	before, err := k.records(ctx, created)
	if err != nil {
		return 0, err
	}
	if err := f.passport.start(ctx, env); err != nil {
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

// battery is the body of a passport that no other is like.
func battery(run int64, n int) string {
	return fmt.Sprintf(`{"data":{"generalInformation":{"batteryIdentifier":"https://bench.example/%d/%d","batteryCategory":"LMT"}}}`, run, n)
}

// fill makes so many passports, by 32 clients, and returns the ids of a thousand
// of them, evenly spread, and how many it made in a second.
func (f *fleet) fill(ctx context.Context, s *service, n int) (ids []string, perSecond float64, err error) {
	step := max(1, n/1000)
	ids = make([]string, (n+step-1)/step)
	begin := time.Now()
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(32)
	for i := range n {
		g.Go(func() error {
			id, err := f.createAt(gctx, s, battery(begin.UnixNano(), i))
			if i%step == 0 {
				ids[i/step] = id
			}
			return err
		})
	}
	err = g.Wait()
	return ids, float64(n) / time.Since(begin).Seconds(), err
}
