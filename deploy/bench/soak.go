package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
)

// sample is what a service holds at a time.
type sample struct{ memory, goroutines, descriptors float64 }

// measureMemory tells what each service holds when it rests, at the start.
func measureMemory(_ context.Context, f *fleet, t *table) error {
	for _, s := range f.services() {
		t.add(s.name+", time to ready", "%v", s.ready.Round(1e6))
		t.most(s.name+", memory at rest", "≤ 25 MiB", s.memory(), 25, "%.0f MiB, %.0f of them not of the program file", s.memory(), s.status("RssAnon:"))
	}
	return nil
}

// measureLoaded tells the most that each service has held.
func measureLoaded(_ context.Context, f *fleet, t *table) error {
	for _, s := range f.services() {
		most := s.highest()
		t.most(s.name+", memory at most during all that", "≤ 64 MiB", most, 64, "%.0f MiB", most)
	}
	return nil
}

// soak loads all services at a fixed rate for a time, and tells whether what
// they hold grows: the middle of the last third against that of the second.
func soak(ctx context.Context, f *fleet, t *table) error {
	ctx, cancel := context.WithTimeout(ctx, f.soak)
	defer cancel()
	var g errgroup.Group
	for _, do := range []struct {
		perSecond int
		ask       ask
	}{
		{100, asking("GET", f.passport.url+"/api/passports?limit=10", "", f.token, http.StatusOK)},
		{20, func(ctx context.Context) error { _, err := f.create(ctx, `{"data":{}}`); return err }},
		{20, asking("GET", f.notification.url+"/api/notifications?limit=10", "", f.token, http.StatusOK)},
		{5, func(ctx context.Context) error {
			d := documents{url: f.document.url, token: f.token}
			_, err := d.upload(ctx, io.LimitReader(lines{}, 100<<10))
			return err
		}},
		{1, func(ctx context.Context) error { _, err := f.login(ctx, "soak@bench.example", ""); return err }},
	} {
		g.Go(func() error {
			_, err := open(context.WithoutCancel(ctx), do.perSecond, f.soak, do.ask)
			return err
		})
	}
	series := map[*service][]sample{}
	tick := time.NewTicker(max(time.Second, f.soak/60))
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-tick.C:
			for _, s := range f.services() {
				now, err := s.sample()
				if err != nil {
					return err
				}
				series[s] = append(series[s], now)
			}
		case <-ctx.Done():
		}
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, s := range f.services() {
		s.flat(t, f.soak, series[s])
	}
	return nil
}

// flat adds rows of what a service held over the time.
func (s *service) flat(t *table, d time.Duration, all []sample) {
	third := len(all) / 3
	for _, held := range []struct {
		what string
		of   func(sample) float64
	}{
		{"memory in MiB", func(s sample) float64 { return s.memory }}, {"goroutines", func(s sample) float64 { return s.goroutines }}, {"descriptors", func(s sample) float64 { return s.descriptors }},
	} {
		middle := func(part []sample) float64 {
			var values []time.Duration
			for _, s := range part {
				values = append(values, time.Duration(held.of(s)*1e3))
			}
			return float64(median(values)) / 1e3
		}
		second, last := middle(all[third:2*third]), middle(all[2*third:])
		t.most(fmt.Sprintf("%s, %s in the last third of %v", s.name, held.what, d), "≤ 1.1 × the second", last, 1.1*second+1, "%.0f, before %.0f", last, second)
	}
}

func (s *service) sample() (sample, error) {
	n, err := s.metric("go_goroutines")
	if err != nil {
		return sample{}, err
	}
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid))
	return sample{s.memory(), n, float64(len(open))}, err
}
