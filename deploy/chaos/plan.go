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

// target is a suite together with its parts that can fail.
type target struct {
	place
	parts []*part
	dir   string // data and logs; empty: they are elsewhere
	close func()
}

// place says where a suite answers and where its side effects can be checked.
type place struct {
	Auth, Passport, Document, Notification string // URLs

	AdminEmail, AdminPassword string

	Brokers   []string
	S3        storage
	SweepSoon bool   // the document-service removes abandoned objects while chaos waits
	Files     string // folder of the text files
}

// storage is the S3 server of a suite.
type storage struct{ Endpoint, Bucket, Region, KeyID, Secret string }

// part fails independently of others: a process, a container or a connection.
type part struct {
	name string
	deck []disruption // what happens to it in three rounds of the plan
	busy chan struct{}
}

// disruption is one way to fail. Inject and heal return when they are done.
type disruption struct {
	kind         string
	inject, heal func(context.Context) error
}

func newPart(name string, deck ...disruption) *part {
	return &part{name: name, deck: deck, busy: make(chan struct{}, 1)}
}

// machine runs a program, a process or a container, and is controlled by the
// verbs of Docker: kill, stop, start, pause and unpause.
type machine func(ctx context.Context, verb string) error

// machinePart is killed in each round, and once stopped, paused and restarted.
func machinePart(name string, do machine, more ...disruption) *part {
	with := func(kind, inject, heal string) disruption {
		return disruption{kind, func(ctx context.Context) error { return do(ctx, inject) }, func(ctx context.Context) error { return do(ctx, heal) }}
	}
	kill := with("kill", "kill", "start")
	return newPart(name, append([]disruption{
		kill, kill, kill, with("stop", "stop", "start"), with("pause", "pause", "unpause"), with(restart, "stop", "start"),
	}, more...)...)
}

// restart is healed at once.
const restart = "restart"

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
	if f.kind != restart {
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
