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

// run starts the target, runs load and faults, and returns the verdict. It fails
// when the suite cannot be judged. Data and logs are kept unless all is well.
func run(ctx context.Context, cfg config, out io.Writer) (v verdict, err error) {
	fmt.Fprintf(out, "chaos: target %s, seed %d, %v\n", cfg.Target, cfg.Seed, cfg.Duration)
	open := startProcesses
	if cfg.Target == "compose" {
		open = openCompose
	}
	t, err := open(ctx, cfg, out)
	if err != nil {
		return verdict{}, err
	}
	defer func() {
		t.close()
		if t.dir == "" {
			return
		}
		if err == nil && len(v.Violations) == 0 {
			err = os.RemoveAll(t.dir)
		} else {
			fmt.Fprintln(out, "data and logs are in", t.dir)
		}
	}()
	return runOn(ctx, cfg, t, out)
}

// runOn runs load and faults on a target, and then compares.
func runOn(ctx context.Context, cfg config, t *target, out io.Writer) (verdict, error) {
	began := time.Now().Add(-time.Second) // times of files and objects have whole seconds
	s, err := setUp(ctx, t.place, cfg.Teams, cfg.Settle)
	if err != nil {
		return verdict{}, err
	}
	defer s.http.CloseIdleConnections()
	l := &load{suite: s, ledger: &ledger{}, pause: cfg.Pause, requests: context.WithoutCancel(ctx), began: time.Now()}
	faults, err := hurt(ctx, cfg, t.parts, l, out)
	if err != nil {
		return verdict{}, err
	}
	fmt.Fprintf(out, "comparing what is stored with %s\n", l.progress())
	if err := s.waitReady(ctx, cfg.Settle); err != nil {
		return verdict{}, err
	}
	c := &checker{suite: s, ledger: l.ledger, began: began, out: out, elapsed: l.elapsed}
	v, err := c.settle(ctx, cfg.Settle)
	if err != nil {
		return verdict{}, err
	}
	fmt.Fprintf(out, "  %-15s%s\n  %-15s%s\n", "faults", text(faults), "requests", s.tally())
	v.print(out)
	return v, nil
}

// hurt drives the load and carries out the plan at the same time. It returns
// the number of faults of each kind.
func hurt(ctx context.Context, cfg config, parts []*part, l *load, out io.Writer) (map[string]int, error) {
	loading, end := context.WithCancel(ctx)
	defer end()
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		l.drive(loading, cfg.Seed)
	}()
	begin := time.Now()
	plan := planOf(rand.New(rand.NewPCG(cfg.Seed, 0)), parts, cfg.Duration)
	faults, err := carryOut(ctx, plan, out, l.progress)
	if err == nil {
		wait(ctx, cfg.Duration-time.Since(begin))
	}
	end()
	<-finished
	return faults, errors.Join(err, ctx.Err())
}
