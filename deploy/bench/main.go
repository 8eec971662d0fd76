// Bench measures the services as they run, each in a process of its own, and
// prints a table. Speed is told as ratios: what a figure is held against is
// measured in the same run, in turns.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

// size is how much of everything is measured.
type size struct {
	rounds   int           // of what is measured in turns
	requests int           // of a kind in a round
	rows     int           // passports that are stored in the end
	waiting  int           // events that wait for a broker
	load     time.Duration // of what has a fixed rate
	rest     time.Duration // of what rests
	large    int64         // bytes of a large file
	soak     time.Duration // 0: there is none
}

var (
	whole = size{rounds: 7, requests: 2000, rows: 1_000_000, waiting: 10_000, load: 15 * time.Second, rest: 10 * time.Second, large: 200 << 20}
	quick = size{rounds: 1, requests: 100, rows: 2000, waiting: 500, load: time.Second, rest: time.Second, large: 20 << 20}
)

func main() {
	bare := flag.String("bare", "", "be the bare server that reads are held against, at this address")
	body := flag.String("body", "", "file that the bare server answers with")
	write := flag.String("write", "", "be the bare writer that creates are held against, in this folder: it writes as many as it reads")
	dir := flag.String("dir", "", "folder of the back ends")
	brokers := flag.String("brokers", "", "Kafka of the bare writer")
	behind := flag.String("backends", "", "be the Kafka and the S3 server of what is measured, on these two ports")
	small := flag.Bool("quick", false, "a little of everything, to see that it works")
	rows := flag.Int("rows", 0, "passports to grow to, in the place of a million")
	soaking := flag.Duration("soak", 0, "load everything for so long, and see what grows, and nothing else")
	beside := flag.Bool("beside", false, "hold the suite that runs at AUTH_URL, PASSPORT_URL and so on, or else where docker compose puts it, against one that is started")
	only := flag.String("only", "", "measure what has this in its name alone: memory, reads, writes, store, events, load, logins, files, relay, growth, loaded")
	toReadme := flag.Bool("readme", false, "put the table into the README")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	n := whole
	if *small {
		n = quick
	}
	if *rows > 0 {
		n.rows = *rows
	}
	n.soak = *soaking
	var err error
	switch {
	case *bare != "":
		stop() // it ends as a process does that knows nothing of signals
		err = serveBare(*bare, *body)
	case *write != "":
		stop()
		err = writeBare(context.Background(), *write, *brokers)
	case *behind != "":
		err = serveBackends(ctx, *behind, *dir)
	case *beside:
		err = besideDocker(ctx)
	case *toReadme && (*only != "" || *small):
		err = errors.New("-readme wants the whole: what is not measured would be lost")
	default:
		err = measure(ctx, n, *only, *toReadme)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// all is what is measured, in this order.
var all = []struct {
	name string
	take measurement
}{
	{"memory", measureMemory}, {"reads", measureReads}, {"writes", measureWrites}, {"store", measureStore}, {"events", measureEvents}, {"load", measureLoad},
	{"logins", measureLogins}, {"files", measureFiles}, {"relay", measureRelay}, {"growth", measureGrowth}, {"loaded", measureLoaded}, {"soak", soak},
}

// measure takes all figures.
func measure(ctx context.Context, n size, only string, toReadme bool) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	f, err := startFleet(ctx, dir, n)
	if f != nil {
		defer f.stop()
	}
	if err != nil {
		return err
	}
	t := &table{}
	for _, m := range all {
		if m.name == "soak" != (n.soak > 0) || !strings.Contains(m.name, only) {
			continue
		}
		if err := m.take(ctx, f, t); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	t.write(os.Stdout)
	switch {
	case !toReadme:
		return nil
	case n.soak > 0:
		return t.publish(overTime)
	}
	return t.publish(figures)
}

// besideDocker holds the suite in Docker against one that is started.
func besideDocker(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s, err := startSuite(ctx, filepath.Join(dir, "suite"))
	if err != nil {
		return err
	}
	defer s.stop()
	return errors.Join(s.loginAs(ctx, "admin@bench.example", password), measureBeside(ctx, s))
}
