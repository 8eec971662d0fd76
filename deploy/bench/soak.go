package main

import (
	"context"
	"errors"
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

// soak loads all services at a fixed rate for a time, and tells whether what they
// hold grows.
func soak(ctx context.Context, f *fleet, t *table) error {
	var g errgroup.Group
	for _, do := range f.burdens() {
		g.Go(func() error {
			_, err := open(ctx, do.perSecond, f.soak, do.ask)
			return err
		})
	}
	series := map[*service][]sample{}
	end := time.After(f.soak)
	tick := time.NewTicker(max(time.Second, f.soak/300))
	defer tick.Stop()
	for over := false; !over; {
		select {
		case <-tick.C:
			for _, s := range f.services() {
				now, err := s.sample()
				if err != nil {
					return err
				}
				series[s] = append(series[s], now)
			}
		case <-end:
			over = true
		}
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, s := range f.services() {
		if err := s.flat(t, f.soak, series[s]); err != nil {
			return err
		}
	}
	return nil
}

// burdens are what a soak asks for.
func (f *fleet) burdens() []other {
	return []other{
		{"lists", 100, asking("GET", f.passport.url+"/api/passports?limit=10", "", f.token, http.StatusOK)},
		{"creates", 20, func(ctx context.Context) error { _, err := f.create(ctx, `{"data":{}}`); return err }},
		{"notifications", 20, asking("GET", f.notification.url+"/api/notifications?limit=10", "", f.token, http.StatusOK)},
		{"uploads", 5, func(ctx context.Context) error {
			d := documents{url: f.document.url, token: f.token}
			_, err := d.upload(ctx, io.LimitReader(lines{}, 100<<10))
			return err
		}},
		{"logins", 1, func(ctx context.Context) error { _, err := f.login(ctx, "soak@bench.example", ""); return err }},
	}
}

// flat adds rows of what a service held over the time. What grows is told by the
// second half: in the first, buffers and caches fill.
func (s *service) flat(t *table, d time.Duration, all []sample) error {
	if len(all) < 10 {
		return errors.New("a soak takes 10 seconds at least")
	}
	const span = 10 * time.Minute
	for _, held := range []struct {
		what string
		most float64
		of   func(sample) float64
	}{
		{"memory in MiB", 1, func(s sample) float64 { return s.memory }},
		{"goroutines", 2, func(s sample) float64 { return s.goroutines }},
		{"descriptors", 2, func(s sample) float64 { return s.descriptors }},
	} {
		values := make([]float64, len(all))
		for i := range all {
			values[i] = held.of(all[i])
		}
		tenth := len(values) / 10
		growth := slope(values[len(values)/2:]) * float64(len(values)) * span.Seconds() / d.Seconds()
		figure := fmt.Sprintf("%s, %s over %v", s.name, held.what, d)
		text := fmt.Sprintf("%.1f at first, %.1f in the end", mean(values[:tenth]), mean(values[len(values)-tenth:]))
		if d < span/2 { // it shows that a soak works, and of growth nothing
			t.add(figure, "%s", text)
			continue
		}
		t.most(figure, fmt.Sprintf("≤ +%g in %.0f min", held.most, span.Minutes()), growth, held.most, "%s, %+.1f in %.0f min by the second half", text, growth, span.Minutes())
	}
	return nil
}

// slope is the median of the slopes between any two values, from one to the next
// (Theil and Sen). A minute with more connections, which clients open when they
// have to wait, moves it by little wherever it falls.
func slope(values []float64) float64 {
	var slopes []float64
	for i, v := range values {
		for j := range i {
			slopes = append(slopes, (v-values[j])/float64(i-j))
		}
	}
	return median(slopes)
}

func mean(values []float64) (m float64) {
	for _, v := range values {
		m += v / float64(len(values))
	}
	return m
}

func (s *service) sample() (sample, error) {
	n, err := s.metric("go_goroutines")
	if err != nil {
		return sample{}, err
	}
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid))
	return sample{s.memory(), n, float64(len(open))}, err
}
