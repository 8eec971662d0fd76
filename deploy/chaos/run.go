package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"
)

// run does all of it, and returns what came of it: of all cycles, for each is
// compared with what was there before. It fails when it cannot find out.
func run(ctx context.Context, cfg config, out io.Writer) (v verdict, err error) {
	fmt.Fprintf(out, "chaos: target %s, seed %d, %d x %v\n", cfg.Target, cfg.Seed, cfg.Cycles, cfg.Duration)
	t, err := open(ctx, cfg, out)
	if err != nil {
		return verdict{}, err
	}
	defer func() {
		t.close()
		if clean := err == nil && len(v.Violations) == 0; t.logs != "" && (!clean || cfg.Keep) {
			fmt.Fprintln(out, "data and logs are in", t.logs)
		} else if t.logs != "" {
			err = os.RemoveAll(t.logs)
		}
	}()
	began := time.Now().Add(-time.Second) // times of files and objects are of whole seconds
	s, err := settleIn(ctx, t.place, cfg.Workers, cfg.Settle)
	if err != nil {
		return verdict{}, err
	}
	defer s.http.CloseIdleConnections()
	books := &ledger{}
	looks := newReconciler(s, books, began, out)
	for cycle := range cfg.Cycles {
		fmt.Fprintf(out, "cycle %d: writing for %v\n", cycle+1, cfg.Duration)
		if v, err = once(ctx, cfg, t, looks, cfg.Seed+uint64(cycle), out); err != nil {
			return v, fmt.Errorf("cycle %d: %w", cycle+1, err)
		}
		v.print(out)
		if len(v.Violations) > 0 {
			return v, nil
		}
	}
	return v, nil
}

// once is one cycle: writing and faults at the same time, and then the
// comparison.
func once(ctx context.Context, cfg config, t *target, looks *reconciler, seed uint64, out io.Writer) (verdict, error) {
	plan := planOf(rand.New(rand.NewPCG(seed, 0)), len(t.parts), cfg.Duration, cfg.Pace)
	l := &load{suite: looks.suite, ledger: looks.ledger, pause: cfg.Pause, whole: context.WithoutCancel(ctx)}
	writing, end := context.WithCancel(ctx)
	defer end()
	written := make(chan struct{})
	go func() {
		defer close(written)
		l.drive(writing, seed)
	}()
	begin := time.Now()
	tally, err := hurt(ctx, t.parts, plan, out, l.count)
	if err == nil {
		wait(ctx, cfg.Duration-time.Since(begin))
	}
	end()
	<-written
	if err := errors.Join(err, ctx.Err()); err != nil {
		return verdict{}, err
	}
	fmt.Fprintf(out, "  comparing what is there with %s\n", l.count())
	if err := looks.ready(ctx, cfg.Settle); err != nil {
		return verdict{}, err
	}
	if len(t.parts) > 0 {
		fmt.Fprintf(out, "  %-15s%s\n", "faults", tally.text(t.parts))
	}
	fmt.Fprintf(out, "  %-15s%s\n", "requests", looks.tally())
	return looks.settle(ctx, cfg.Settle)
}
