// Chaos proves that the suite keeps what it acknowledges. It writes through the
// public API, and meanwhile kills, stops, pauses and restarts services and back
// ends in an order that a seed decides. Then it holds what is there against what
// was acknowledged: every write, every version, every event in its order, every
// notification, text file and object once.
//
// An answer that never came leaves a request in doubt: what it asked for may be
// there or not, but whole and once.
//
//	chaos                     the suite of make run, in a process and folder of its own
//	chaos -target processes   the four services as processes, on KAFKA_BROKERS, S3_ENDPOINT and, if set, MONGODB_URI
//	chaos -target compose     the project of docker compose that runs in this folder
//	chaos -target none        the suite that runs at AUTH_URL and so on, without faults
//
// It exits 1 when something was lost, doubled or out of order, or when it could
// not find that out, and 2 when it was not told what to do.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	cfg, err := configOf(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	v, err := run(ctx, cfg, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
	}
	if err != nil || len(v.Violations) > 0 {
		os.Exit(1)
	}
}
