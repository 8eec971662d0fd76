// Events prints the events of the suite: first the existing ones in order of time, then
// new ones. For dead letters it also prints the reason.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/battery-passport/suite/deploy/events/tail"
	"github.com/battery-passport/suite/notification-service/notificationd"
	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/wire"
)

func main() {
	boot.ParseFlags(flag.CommandLine, os.Args[1:], "Events prints the Kafka events of the running suite: first the existing ones, then new ones.")
	boot.Tool(run)
}

func run(ctx context.Context) error {
	var cfg struct {
		Kafka kafka.Config
		Port  int `envconfig:"KAFKA_PORT" default:"9092" desc:"Port of the Kafka broker of make run, used if KAFKA_BROKERS is empty."`
	}
	if err := boot.Load(&cfg); err != nil {
		return err
	}
	if len(cfg.Kafka.Brokers) == 0 {
		cfg.Kafka.Brokers = []string{fmt.Sprintf("127.0.0.1:%d", cfg.Port)}
	}
	brokers := strings.Join(cfg.Kafka.Brokers, ",")
	fmt.Fprintln(os.Stderr, "Printing events of", brokers+"; press Ctrl-C to stop.")
	if err := show(ctx, cfg.Kafka); err != nil {
		return fmt.Errorf("cannot read events of %s: %w; start the suite, or set KAFKA_PORT or KAFKA_BROKERS", brokers, err)
	}
	return nil
}

func show(ctx context.Context, cfg kafka.Config) error {
	var topics []string
	for _, topic := range append(notificationd.Topics(), event.PassportSnapshot{}.Topic()) { // the notification-service consumes all others
		topics = append(topics, topic, kafka.DeadLetterTopic(topic))
	}
	found, err := tail.Existing(ctx, cfg, topics)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		found = event.UserTopics() // the suite has not created its topics yet
	}
	return tail.Follow(ctx, cfg, found, func(m tail.Message) error {
		line := fmt.Sprintf("%s  %-17s %4d  %s  %s", m.Time.UTC().Format(wire.TimeLayout), m.Topic, m.Sequence, m.Key, m.Data)
		if m.Reason != "" {
			line += "\n    dead letter, reason: " + m.Reason
		}
		_, err := fmt.Println(line)
		return err
	})
}
