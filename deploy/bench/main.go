// Bench measures the suite as make run starts it, in a process of its own, and
// prints figures. Where a figure means little by itself, what it is held
// against is measured in the same run.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

func main() {
	bare := flag.String("bare", "", "be the bare server that reads are held against, at this address")
	body := flag.String("body", "", "file that the bare server answers with")
	reads := flag.Int("reads", 20_000, "reads to measure")
	writes := flag.Int("writes", 1_000, "writes to measure the way of their events")
	rows := flag.Int("rows", 100_000, "passports to page through")
	beside := flag.Bool("beside", false, "hold the suite that runs at AUTH_URL, PASSPORT_URL and so on, or else where docker compose puts it, against one that is started")
	flag.Parse()
	if *bare != "" {
		fmt.Fprintln(os.Stderr, serveBare(*bare, *body))
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	measure := func(ctx context.Context, s *suite, dir string) error {
		return measureAll(ctx, s, dir, *reads, *writes, *rows)
	}
	if *beside {
		measure = func(ctx context.Context, s *suite, _ string) error { return measureBeside(ctx, s) }
	}
	if err := run(ctx, measure); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run measures a suite that it starts.
func run(ctx context.Context, measure func(context.Context, *suite, string) error) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s, err := startSuite(ctx, dir)
	if err != nil {
		return err
	}
	defer s.stop()
	fmt.Printf("time to ready, empty: %v; idle memory: %.0f MB\n", s.ready.Round(1e6), s.memory())
	if err := s.loginAs(ctx, "admin@bench.example", "correct horse battery"); err != nil {
		return err
	}
	return measure(ctx, s, dir)
}

// measureAll takes all figures of a suite by itself.
func measureAll(ctx context.Context, s *suite, dir string, reads, writes, rows int) error {
	for _, name := range []string{"readme-sample.json", "ev-nmc-complete.json"} {
		if err := measureReads(ctx, s, dir, name, reads); err != nil {
			return err
		}
	}
	if err := measurePublished(ctx, s, reads); err != nil {
		return err
	}
	if err := measureEvents(ctx, s, writes); err != nil {
		return err
	}
	if err := measureNotifications(ctx, s, notices); err != nil {
		return err
	}
	if err := measureFiles(ctx, s, dir); err != nil {
		return err
	}
	if err := measurePages(ctx, s, rows); err != nil {
		return err
	}
	fmt.Printf("memory after all that: %.0f MB\n", s.memory())
	s.stop()
	again, err := startSuite(ctx, dir)
	if err != nil {
		return err
	}
	defer again.stop()
	fmt.Printf("time to ready, with these data: %v; idle memory: %.0f MB\n", again.ready.Round(1e6), again.memory())
	return nil
}
