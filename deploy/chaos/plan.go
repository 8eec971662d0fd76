package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	rounds  = 3 // in which the whole deck of each part is dealt
	minPace = 1500 * time.Millisecond
	maxPace = 6 * time.Second
)

// fault is a disruption of a part at a time of the run.
type fault struct {
	part *part
	disruption
	at, lasts time.Duration
}

// planOf returns the faults of a run in the order of their times. Each round
// deals a third of the deck of each part, shuffled; faults may overlap.
func planOf(rng *rand.Rand, parts []*part, duration time.Duration) []fault {
	total := 0
	for _, p := range parts {
		total += len(p.deck)
	}
	if total == 0 {
		return nil
	}
	pace := min(maxPace, max(minPace, duration/time.Duration(total)))
	var plan []fault
	for round := 0; len(plan) < int(duration/pace); round = (round + 1) % rounds {
		begin := len(plan)
		for _, p := range parts {
			for i := round; i < len(p.deck); i += rounds {
				plan = append(plan, fault{part: p, disruption: p.deck[i]})
			}
		}
		dealt := plan[begin:]
		rng.Shuffle(len(dealt), func(i, j int) { dealt[i], dealt[j] = dealt[j], dealt[i] })
	}
	plan = plan[:int(duration/pace)]
	for i := range plan {
		plan[i].at = time.Duration(i)*pace + upTo(rng, pace)
		plan[i].lasts = pace/8 + upTo(rng, pace)
	}
	return plan
}

func upTo(rng *rand.Rand, limit time.Duration) time.Duration {
	return time.Duration(rng.Int64N(int64(limit)))
}

// carryOut injects and heals the faults of a plan, prints each, and returns
// their number by kind when every part is healed. A part suffers one fault at a time.
func carryOut(ctx context.Context, plan []fault, out io.Writer, progress func() string) (map[string]int, error) {
	begin, faults := time.Now(), map[string]int{}
	g, ctx := errgroup.WithContext(ctx)
	for _, f := range plan {
		if !wait(ctx, f.at-time.Since(begin)) {
			break
		}
		select {
		case f.part.busy <- struct{}{}:
		case <-ctx.Done():
			return faults, g.Wait()
		}
		fmt.Fprintf(out, "  %6.1fs  %-40s %s\n", time.Since(begin).Seconds(), f.kind+" "+f.part.name, progress())
		faults[f.kind]++
		g.Go(func() error {
			err := f.run(ctx)
			if err == nil { // otherwise the run ends
				<-f.part.busy
			}
			return err
		})
	}
	return faults, g.Wait()
}

// run heals also when ctx is done.
func (f fault) run(ctx context.Context) error {
	whole := context.WithoutCancel(ctx)
	if err := f.inject(whole); err != nil {
		return fmt.Errorf("%s %s: %w", f.kind, f.part.name, err)
	}
	if !f.brief {
		wait(ctx, f.lasts)
	}
	if err := f.heal(whole); err != nil {
		return fmt.Errorf("heal %s after %s: %w", f.part.name, f.kind, err)
	}
	return nil
}

// text lists counts by name.
func text(counts map[string]int) string {
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		texts = append(texts, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return strings.Join(texts, ", ")
}

// wait reports false when ctx is done before d has passed.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return ctx.Err() == nil
	}
}
