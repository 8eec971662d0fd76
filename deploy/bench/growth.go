package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"time"
)

const few = 1000 // passports of what is held against many

// grown is a passport-service of its own that has so many passports.
type grown struct {
	*service
	f         *fleet
	ids       []string // of some of them, all over
	perSecond float64  // made
	more      atomic.Int64
}

// measureGrowth compares what requests cost a service with a thousand passports
// and one with many, and page 1 with a page far on.
func measureGrowth(ctx context.Context, f *fleet, t *table) error {
	f.notification.end() // it would act on each event, on the same cores
	small, err := f.grow(ctx, "small", few)
	if err != nil {
		return err
	}
	defer small.end()
	big, err := f.grow(ctx, "big", f.rows)
	if err != nil {
		return err
	}
	defer func() {
		big.end()
		f.passport.most = max(f.passport.most, big.most) // it is one, too
	}()
	t.add(fmt.Sprintf("creates over HTTP, SQLite, 32 clients, no broker, up to %d passports", f.rows), "%.0f/s", big.perSecond)
	for _, g := range []*grown{small, big} {
		if err := g.drained(ctx); err != nil {
			return err
		}
	}
	if err := f.compare(ctx, t, small, big); err != nil {
		return err
	}
	if err := f.depth(ctx, t, big); err != nil {
		return err
	}
	big.end()
	if err := big.start(ctx); err != nil {
		return err
	}
	t.add(fmt.Sprintf("passport-service with %d passports", f.rows), "ready in %v, %.0f MiB idle", big.ready.Round(1e6), big.memory())
	return nil
}

// grow starts a passport-service and fills it. It makes them without a broker,
// which would be on the same cores, and lets the relay send their events then.
func (f *fleet) grow(ctx context.Context, name string, n int) (*grown, error) {
	s, err := f.passport.twin(filepath.Join(f.dir, name))
	if err != nil {
		return nil, err
	}
	g := &grown{service: s, f: f}
	if err := g.start(ctx, "KAFKA_BROKERS="); err != nil {
		return nil, err
	}
	g.ids, g.perSecond, err = f.fill(ctx, s, n)
	g.end()
	if err != nil {
		return nil, err
	}
	return g, g.start(ctx)
}

// drained waits until no event waits: a relay that has nothing to send is what
// rests.
func (g *grown) drained(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
	defer cancel()
	for {
		n, err := g.metric("outbox_waiting_events")
		if err != nil || n == 0 {
			return err
		}
		select {
		case <-time.After(time.Second / 2):
		case <-ctx.Done():
			return fmt.Errorf("%.0f events wait: %w", n, ctx.Err())
		}
	}
}

// compare adds rows of what one costs against the other. Creates come last: the
// small one grows by them.
func (f *fleet) compare(ctx context.Context, t *table, small, big *grown) error {
	against := func(what string) string {
		return fmt.Sprintf("%s with %d passports against %d, server CPU", what, f.rows, few)
	}
	before, after := f.atRest(small, big)
	t.most(against("at rest, its relay polling,"), "≤ 1.5 ×", ratio(after, before), 1.5, "%.2f × (%v a second)", ratio(after, before), after.Round(1e3))
	for _, c := range []struct {
		name string
		n    int // in a round
		ask  func(*grown) ask
	}{
		{"point read", f.requests / 4, (*grown).read}, {"page 1", f.requests / 20, (*grown).page}, {"create", f.requests / 20, (*grown).create},
	} {
		few, many := load(small.process, c.ask(small)), load(big.process, c.ask(big))
		if err := inTurns(ctx, f.rounds, c.n, few, many); err != nil {
			return err
		}
		times := ratio(many.cost(), few.cost())
		t.most(against(c.name), "≤ 1.5 ×", times, 1.5, "%.2f × (%v)", times, many.cost().Round(1e3))
	}
	return nil
}

// atRest returns the processor time that each takes in a second while nobody
// asks for anything, both at the same time, once what came before has settled.
func (f *fleet) atRest(small, big *grown) (time.Duration, time.Duration) {
	time.Sleep(f.rest)
	a, b := small.cpu(), big.cpu()
	time.Sleep(f.rest)
	perSecond := func(d time.Duration) time.Duration { return time.Duration(float64(d) / f.rest.Seconds()) }
	return perSecond(small.cpu() - a), perSecond(big.cpu() - b)
}

// read reads passports from all over: one and the same would be at hand.
func (g *grown) read() ask {
	return func(ctx context.Context) error {
		return asking("GET", g.url+"/api/passports/"+g.ids[rand.IntN(len(g.ids))], "", g.f.token, http.StatusOK)(ctx)
	}
}

func (g *grown) create() ask {
	run := time.Now().UnixNano()
	return func(ctx context.Context) error {
		_, err := g.f.createAt(ctx, g.service, battery(run, int(g.more.Add(1))))
		return err
	}
}

const first = "/api/passports?batteryCategory=LMT&limit=200"

func (g *grown) page() ask { return asking("GET", g.url+first, "", g.f.token, http.StatusOK) }

// depth compares the first page with the five hundredth, or the last that is
// full.
func (f *fleet) depth(ctx context.Context, t *table, g *grown) error {
	before, far, at := "", g.url+first, 1
	for at < 500 {
		var page struct{ NextCursor string }
		data, err := f.call(ctx, "GET", far, "", http.StatusOK)
		if err := errors.Join(err, json.Unmarshal(data, &page)); err != nil {
			return err
		}
		if page.NextCursor == "" { // it may have fewer rows
			if at > 1 {
				far, at = before, at-1
			}
			break
		}
		before, far = far, g.url+first+"&cursor="+page.NextCursor
		at++
	}
	near, deep := load(g.process, g.page()), load(g.process, asking("GET", far, "", f.token, http.StatusOK))
	if err := inTurns(ctx, f.rounds, f.requests/20, near, deep); err != nil {
		return err
	}
	times := ratio(deep.cost(), near.cost())
	t.most(fmt.Sprintf("page %d of 200 against page 1, server CPU", at), "≤ 1.2 ×", times, 1.2, "%.2f × (%v)", times, near.cost().Round(1e4))
	return nil
}
