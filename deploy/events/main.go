// Events shows what is on the topics of the suite: what is there already, in
// order of time, and then what comes.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/wire"
)

const local = "127.0.0.1:9092"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var cfg kafka.Config
	if err := boot.Load(&cfg); err != nil {
		return err
	}
	if len(cfg.Brokers) == 0 {
		cfg.Brokers = []string{local}
	}
	topics := slices.Concat(event.UserTopics(), event.PassportTopics())
	err := kafka.Tail(ctx, cfg, topics, func(e event.Envelope) error {
		_, err := fmt.Printf("%s  %-17s %4d  %s  %s\n", e.Time.UTC().Format(wire.Time), e.Type, e.Sequence, e.Key, e.Data)
		return err
	})
	if err != nil {
		return fmt.Errorf("events at %v: %w; does the suite run? (KAFKA_BROKERS says where)", cfg.Brokers, err)
	}
	return nil
}
