// Events shows what is on the topics of the suite: what is there already, in
// order of time, and then what comes. Of what a consumer could not act on it
// tells the reason.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/battery-passport/suite/notification-service/notificationd"
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
	err := show(ctx, cfg)
	if err != nil {
		return fmt.Errorf("events at %v: %w; does the suite run? (KAFKA_BROKERS says where)", cfg.Brokers, err)
	}
	return nil
}

func show(ctx context.Context, cfg kafka.Config) error {
	var topics []string
	for _, topic := range notificationd.Topics() { // it reads them all
		topics = append(topics, topic, kafka.DeadLetterTopic(topic))
	}
	found, err := kafka.Existing(ctx, cfg, topics)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		found = event.UserTopics() // the suite is just starting
	}
	return kafka.Watch(ctx, cfg, found, func(m kafka.Message) error {
		line := fmt.Sprintf("%s  %-17s %4d  %s  %s", m.Time.UTC().Format(wire.Time), m.Topic, m.Sequence, m.Key, m.Data)
		if m.Reason != "" {
			line += "\n    dead letter, because " + m.Reason
		}
		_, err := fmt.Println(line)
		return err
	})
}
