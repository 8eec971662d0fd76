// Package notificationd puts the notification-service together.
package notificationd

import (
	"context"
	"log/slog"

	"github.com/battery-passport/suite/notification-service/internal/httpapi"
	"github.com/battery-passport/suite/notification-service/internal/mail"
	"github.com/battery-passport/suite/notification-service/internal/notification"
	"github.com/battery-passport/suite/notification-service/internal/textfile"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/platform"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
)

// Name is that of the service, and of its database.
const Name = "notification-service"

// Topics are those the service reads.
func Topics() []string { return notification.Topics() }

// Run serves until ctx is done. It starts, and answers 503 where it must, while
// the database, Kafka, the mail server or the auth-service is away.
func Run(ctx context.Context, cfg Config, log *slog.Logger) error {
	p, err := platform.Open(ctx, Name, platform.Config{
		Port: cfg.Port, HTTP: cfg.HTTP, Metrics: cfg.Metrics, Store: cfg.Store, Auth: &cfg.Auth, Now: cfg.Now,
	}, log)
	if err != nil {
		return err
	}
	defer p.Close()
	notifications := &notification.Service{
		Records: store.Open(p.Store, notification.Schema()), Accounts: store.Open(p.Store, notification.AccountSchema()),
		Owners: store.Open(p.Store, notification.OwnerSchema()), Tasks: task.NewQueue(p.Store, p.Now), Now: p.Now, NewID: platform.NewID,
	}
	cfg.Kafka.Metrics = p.Metrics
	events := kafka.NewConsumer(cfg.Kafka, cfg.Group, Topics(), notifications.Handle, log)
	p.Check("kafka", false, events.Ping)
	p.Background(events.Run)
	tried := deliveries(p.Metrics)
	kinds := []task.Kind{notifications.ResumeTask()}
	dispatch := func(name notification.ChannelName, channel notification.Channel) {
		d := &notification.Dispatcher{Name: name, Channel: observed{channel, name, tried}, Records: notifications.Records, Accounts: notifications.Accounts, Log: log}
		notifications.Dispatchers, kinds = append(notifications.Dispatchers, d), append(kinds, d.Kind())
	}
	if cfg.Mail.Enabled {
		sender := mail.New(cfg.Mail)
		dispatch(notification.Mail, sender)
		p.Check("smtp", false, sender.Ping)
	}
	if cfg.Files != "" {
		folder := textfile.Folder{Path: cfg.Files}
		dispatch(notification.File, folder)
		p.Check("files", false, folder.Ping)
	}
	p.Background(task.NewWorker(notifications.Tasks, log, p.Metrics, kinds...).Run)
	return p.Serve(ctx, httpapi.Title, httpapi.Description, (&httpapi.API{Notifications: notifications, Verifier: p.Verifier}).Register)
}
