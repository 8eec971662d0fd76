package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/battery-passport/suite/deploy/events/tail"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/kafka"
)

// changes is a passport that is changed again and again, and whose events are
// waited for.
type changes struct {
	f       *fleet
	id      string
	n       int
	arrived chan time.Time
}

// measureEvents takes the time from the answer to a write until a consumer has
// its event: a little more than until the broker has it. First nobody else asks
// for anything, then many do.
func measureEvents(ctx context.Context, f *fleet, t *table) error {
	id, err := f.create(ctx, `{"data":{}}`)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := &changes{f: f, id: id, arrived: make(chan time.Time, 1)}
	var g errgroup.Group
	g.Go(func() error {
		return f.tail(ctx, func(e event.Envelope) {
			if e.Key == id {
				c.arrived <- time.Now()
			}
		})
	})
	<-c.arrived // it was created
	quiet := make(latencies, f.requests/4)
	for i := range quiet {
		if quiet[i], err = c.next(ctx); err != nil {
			return err
		}
	}
	slices.Sort(quiet)
	quiet.events(t, "write acknowledged → event with a consumer")
	err = c.amidLoad(ctx, t)
	cancel()
	return errors.Join(err, g.Wait())
}

func (l latencies) events(t *table, figure string) {
	t.most(figure+", p50", "≤ 5 ms", l.at(50).Seconds(), 0.005, "%v", l.at(50).Round(1e4))
	t.most("the same, p99", "≤ 25 ms", l.at(99).Seconds(), 0.025, "%v", l.at(99).Round(1e4))
}

// next changes the passport and waits for the event.
func (c *changes) next(ctx context.Context) (time.Duration, error) {
	c.n++
	if _, err := c.f.call(ctx, "PATCH", c.f.passport.url+"/api/passports/"+c.id, fmt.Sprintf(`{"data":{"generalInformation":{"batteryMass":%d}}}`, c.n), http.StatusOK); err != nil {
		return 0, err
	}
	acknowledged := time.Now()
	select {
	case at := <-c.arrived:
		return at.Sub(acknowledged), nil
	case <-time.After(time.Minute):
		return 0, errors.New("an event does not come")
	}
}

// amidLoad reads and creates at fixed rates, and goes on with changes meanwhile.
func (c *changes) amidLoad(ctx context.Context, t *table) error {
	const readRate, createRate = 500, 100
	run, n := time.Now().UnixNano(), atomic.Int64{}
	var reads, creates, events latencies
	var g errgroup.Group
	g.Go(func() (err error) {
		reads, err = open(ctx, readRate, c.f.load, asking("GET", c.f.passport.url+"/api/passports/"+c.id, "", c.f.token, http.StatusOK))
		return err
	})
	g.Go(func() (err error) {
		creates, err = open(ctx, createRate, c.f.load, func(ctx context.Context) error {
			_, err := c.f.create(ctx, battery(run, int(n.Add(1))))
			return err
		})
		return err
	})
	for end := time.Now().Add(c.f.load); time.Now().Before(end); {
		took, err := c.next(ctx)
		if err != nil {
			return errors.Join(err, g.Wait())
		}
		events = append(events, took)
	}
	if err := g.Wait(); err != nil {
		return err
	}
	slices.Sort(events)
	for _, l := range []struct {
		what  string
		rate  int
		other string
		took  latencies
	}{{"creates", createRate, fmt.Sprintf("%d reads/s", readRate), creates}, {"reads", readRate, fmt.Sprintf("%d creates/s", createRate), reads}} {
		t.add(fmt.Sprintf("%s at a fixed %d/s, beside %s", l.what, l.rate, l.other), "p50 %v, p99 %v", l.took.at(50).Round(1e4), l.took.at(99).Round(1e4))
	}
	events.events(t, fmt.Sprintf("write acknowledged → event with a consumer, beside %d reads/s and %d creates/s", readRate, createRate))
	return nil
}

func (f *fleet) tail(ctx context.Context, see func(event.Envelope)) error {
	return tail.Follow(ctx, kafka.Config{Brokers: []string{f.backends.kafka}}, event.PassportTopics(), func(e tail.Message) error { see(e.Envelope); return nil })
}
