package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// action is what is done to a part.
type action int

const (
	kill action = iota
	stop
	pause
	restarting
	actions // how many there are
)

func (a action) String() string { return [...]string{"kill", "stop", "pause", "restart"}[a] }

// fault is one thing that goes wrong.
type fault struct {
	part   int
	action action
	after  time.Duration // of the fault before
	lasts  time.Duration
}

// planOf returns the faults of a cycle. In each round every part is killed once
// and suffers one of the other actions, in an order of its own; a part suffers
// each of those within three rounds. The faults overlap.
func planOf(rng *rand.Rand, parts int, duration, pace time.Duration) []fault {
	if parts == 0 {
		return nil
	}
	rounds := max(1, int(duration/(pace*time.Duration(2*parts))))
	var all []fault
	for round := range rounds {
		begin := len(all)
		for p := range parts {
			other := stop + action(p+round)%(actions-stop)
			all = append(all, fault{part: p, action: kill}, fault{part: p, action: other})
		}
		faults := all[begin:]
		rng.Shuffle(len(faults), func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
	}
	for i := range all {
		all[i].after = pace/2 + upTo(rng, pace)
		all[i].lasts = pace/8 + upTo(rng, pace*3/4)
	}
	return all
}

func upTo(rng *rand.Rand, below time.Duration) time.Duration {
	return time.Duration(rng.Int64N(int64(below)))
}

// tally is how often each part suffered what.
type tally [][actions]int

func (t tally) text(parts []part) string {
	var texts []string
	for i, p := range parts {
		n := t[i]
		texts = append(texts, fmt.Sprintf("%s: killed %d, stopped %d, paused %d, restarted %d", p.Name(), n[kill], n[stop], n[pause], n[restarting]))
	}
	return strings.Join(texts, "\n                 ")
}

// hurt carries a plan out and returns when every part is back. It says each
// fault on a line, with what say adds to it.
func hurt(ctx context.Context, parts []part, plan []fault, out io.Writer, say func() string) (tally, error) {
	begin, done := time.Now(), make(tally, len(parts))
	free := make([]chan struct{}, len(parts)) // a part suffers one fault at a time
	for i := range free {
		free[i] = make(chan struct{}, 1)
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, f := range plan {
		if !wait(ctx, f.after) {
			break
		}
		select {
		case free[f.part] <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		fmt.Fprintf(out, "  %6.1fs  %-40s %s\n", time.Since(begin).Seconds(), f.text(parts[f.part]), say())
		done[f.part][f.action]++
		g.Go(func() error {
			defer func() { <-free[f.part] }()
			return f.suffer(ctx, parts[f.part])
		})
	}
	return done, g.Wait()
}

func (f fault) text(p part) string {
	if f.action == restarting {
		return fmt.Sprintf("%v %s", f.action, p.Name())
	}
	return fmt.Sprintf("%v %s for %.1fs", f.action, p.Name(), f.lasts.Seconds())
}

// suffer has a part suffer a fault, and brings it back, also when ctx is done.
func (f fault) suffer(ctx context.Context, p part) error {
	back := context.WithoutCancel(ctx)
	do, undo := p.Kill, p.Start
	switch f.action {
	case stop:
		do = p.Stop
	case pause:
		do, undo = p.Pause, p.Resume
	case restarting:
		return restart(back, p)
	}
	if err := do(back); err != nil {
		return err
	}
	wait(ctx, f.lasts)
	return undo(back)
}

// wait waits, and tells whether ctx is not done.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
