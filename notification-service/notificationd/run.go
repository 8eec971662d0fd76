// Package notificationd puts the notification-service together.
package notificationd

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/notification-service/internal/httpapi"
	"github.com/battery-passport/suite/notification-service/internal/mail"
	"github.com/battery-passport/suite/notification-service/internal/notification"
	"github.com/battery-passport/suite/notification-service/internal/textfile"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/metrics"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// Name is that of the service, and of its database.
const Name = "notification-service"

// Config is what the notification-service reads from the environment.
type Config struct {
	Port    rest.Port `envconfig:"PORT" default:"5200" desc:"port of the HTTP server"`
	HTTP    rest.Config
	Metrics metrics.Config
	Store   connect.Config
	Kafka   kafka.Config
	Auth    token.Config
	Mail    mail.Config
	Group   string `envconfig:"KAFKA_GROUP" default:"notification-group" desc:"consumer group; those of one group share the events"`
	Files   string `envconfig:"NOTIFICATION_LOG_PATH" desc:"folder where each event is written to a text file; empty: none is"`

	// Now is the clock, time.Now where it is nil.
	Now func() time.Time
}

// Validate tells what is wrong with c.
func (c Config) Validate() error {
	if c.Group == "" {
		return errors.New("  KAFKA_GROUP: is empty")
	}
	return nil
}

// Topics are those the service reads.
func Topics() []string { return notification.Topics() }

// Run serves until ctx is done. It starts, and answers 503 where it has to,
// while the database, Kafka, the mail server or the auth-service is away.
func Run(ctx context.Context, cfg Config, log *slog.Logger) error {
	l, err := cfg.HTTP.Listen(cfg.Port, "PORT")
	if err != nil {
		return err
	}
	defer l.Close()
	counts, err := metrics.Open(Name, cfg.Metrics, log)
	if err != nil {
		return err
	}
	defer counts.Close()
	cfg.Kafka.Metrics = counts.Registry
	db, err := connect.Open(ctx, cfg.Store, Name)
	if err != nil {
		return err
	}
	defer db.Close(context.WithoutCancel(ctx))
	verifier, err := token.NewVerifier(ctx, cfg.Auth, log)
	if err != nil {
		return err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}

	notifications := &notification.Service{
		Records: store.Open(db, notification.Schema()), People: store.Open(db, notification.PersonSchema()),
		Subjects: store.Open(db, notification.SubjectSchema()), Now: cfg.Now, NewID: newID,
	}
	events := kafka.NewConsumer(cfg.Kafka, cfg.Group, Topics(), notifications.Handle, log)
	checks := []rest.Check{
		{Name: "store", Vital: true, Probe: db.Ping}, {Name: "keys", Vital: true, Probe: verifier.Ready}, {Name: "revocations", Probe: verifier.Heard}, {Name: "kafka", Probe: events.Ping},
	}
	beside := []func(context.Context) error{counts.Serve, verifier.Run, events.Run}
	tried := deliveries(counts.Registry)
	courier := func(name notification.ChannelName, channel notification.Channel) {
		c := notification.NewCourier(notification.Courier{
			Name: name, Channel: observed{channel, name, tried}, Records: notifications.Records, People: notifications.People, Now: cfg.Now, Log: log,
		})
		notifications.Couriers = append(notifications.Couriers, c)
		beside = append(beside, c.Run)
	}
	if cfg.Mail.Enabled {
		sender := mail.New(cfg.Mail)
		courier(notification.Mail, sender)
		checks = append(checks, rest.Check{Name: "smtp", Probe: sender.Ping})
	}
	if cfg.Files != "" {
		folder := textfile.Folder{Path: cfg.Files}
		courier(notification.File, folder)
		checks = append(checks, rest.Check{Name: "files", Probe: folder.Ping})
	}

	api := rest.New(rest.Options{
		Title: httpapi.Title, Description: httpapi.Description, Log: log, User: auth.UserID, Metrics: counts.Registry, HTTP: cfg.HTTP, Checks: checks,
	})
	(&httpapi.API{Notifications: notifications, Verifier: verifier}).Register(api)

	return rest.Serve(ctx, l, api, cfg.HTTP.Drain, beside...)
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }
