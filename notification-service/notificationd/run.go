// Package notificationd configures and runs the notification-service.
package notificationd

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/battery-passport/suite/notification-service/internal/httpapi"
	"github.com/battery-passport/suite/notification-service/internal/notification"
	"github.com/battery-passport/suite/notification-service/internal/textfile"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/mail"
	"github.com/battery-passport/suite/pkg/platform"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
)

// Name is the name of the service and of its database.
const Name = "notification-service"

// Topics returns the topics that the service consumes.
func Topics() []string { return notification.Topics() }

// Run runs the service until ctx is done. It starts even if the database, Kafka, the mail
// server or the auth-service is down; requests that need the missing part get 503.
func Run(ctx context.Context, cfg Config, log *slog.Logger) error {
	p, err := platform.Open(ctx, Name, platform.Config{
		Port: cfg.Port, HTTP: cfg.HTTP, Metrics: cfg.Metrics, Store: cfg.Store, Auth: &cfg.Auth, Resource: "notifications", Now: cfg.Now,
	}, log)
	if err != nil {
		return err
	}
	defer p.Close()
	notifications := &notification.Service{
		Records: store.Open(p.Store, notification.Schema()), Accounts: store.Open(p.Store, notification.AccountSchema()),
		Organisations: store.Open(p.Store, notification.OrganisationSchema()), Owners: store.Open(p.Store, notification.OwnerSchema()),
		Budgets: store.Open(p.Store, notification.BudgetSchema()), Audit: store.Open(p.Store, notification.AuditSchema()), Secrets: store.Open(p.Store, notification.SecretSchema()),
		Tasks: task.NewQueue(p.Store, p.Now), PublicURL: strings.TrimSuffix(cfg.PublicURL, "/"), MailPerHour: cfg.Mail.PerHour, Dates: cfg.Dates, Now: p.Now, NewID: platform.NewID, Log: log,
	}
	cfg.Kafka.Metrics = p.Metrics
	events := kafka.NewConsumer(cfg.Kafka, cfg.Group, Topics(), notifications.Handle, log)
	p.Check("kafka", false, events.Ping)
	p.Background(events.Run)
	attempts := newDeliveryCounter(p.Metrics)
	kinds := []task.Kind{notifications.ResumeTask(), notifications.ReindexTask()}
	addDispatcher := func(name notification.ChannelName, channel notification.Channel, concurrency int) {
		d := &notification.Dispatcher{Name: name, Channel: measuredChannel{channel, name, attempts}, Service: notifications, Log: log, Concurrency: concurrency}
		notifications.Dispatchers, kinds = append(notifications.Dispatchers, d), append(kinds, d.Kinds()...)
	}
	if cfg.Mail.Enabled {
		sender := mailChannel{mail.New(cfg.Mail.Server)}
		defer sender.Close()
		addDispatcher(notification.Mail, sender, cfg.Mail.Workers)
		p.Check("smtp", false, sender.Ping)
	}
	if cfg.Files != "" {
		folder := textfile.Folder{Path: cfg.Files, Dates: cfg.Dates}
		notifications.Files = measuredBatchChannel{measuredChannel{folder, notification.File, attempts}, folder}
		addDispatcher(notification.File, folder, 1)
		kinds = append(kinds, folder.RemoveStaleTask(time.Now))
		p.Check("files", false, folder.Ping)
	}
	p.Background(task.NewWorker(notifications.Tasks, log, p.Metrics, kinds...).Run)
	return p.Serve(ctx, httpapi.OpenAPI, register(&httpapi.API{Notifications: notifications, Verifier: p.Verifier}))
}

// register returns the function that adds the operations and the pages of the service.
func register(api *httpapi.API) func(*rest.API) {
	return func(r *rest.API) {
		api.Register(r)
		api.RegisterPages(r)
	}
}
