// Package documentd wires and runs the document-service.
package documentd

import (
	"cmp"
	"context"
	"errors"
	"log/slog"

	"github.com/battery-passport/suite/document-service/internal/document"
	"github.com/battery-passport/suite/document-service/internal/filetype"
	"github.com/battery-passport/suite/document-service/internal/httpapi"
	"github.com/battery-passport/suite/document-service/internal/ownership"
	"github.com/battery-passport/suite/document-service/internal/s3store"
	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/platform"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
)

// Name is the name of the service and of its database.
const Name = "document-service"

// Run serves until ctx is done. It also starts while the database, S3, Kafka or the
// auth-service is unavailable; requests that need them then fail with 503.
func Run(ctx context.Context, cfg Config, log *slog.Logger) error {
	cfg.HTTP.MaxUploads = cfg.MaxUploads
	p, err := platform.Open(ctx, Name, platform.Config{
		Port: cfg.Port, HTTP: cfg.HTTP, Metrics: cfg.Metrics, Store: cfg.Store, Auth: &cfg.Auth, Resource: "documents",
	}, log)
	if err != nil {
		return err
	}
	defer p.Close()
	cfg.Kafka.Metrics, cfg.S3.Metrics = p.Metrics, p.Metrics
	objects, err := s3store.Open(cfg.S3)
	if err != nil {
		return err
	}
	defer objects.Close()
	types, err := document.ParseTypes(cfg.Types)
	if err != nil {
		return err
	}
	documents := &document.Service{
		Documents: store.Open(p.Store, document.DocumentSchema()), KeyPrefixes: store.Open(p.Store, document.KeyPrefixSchema()), Objects: objects,
		Usages: store.Open(p.Store, document.UsageSchema()), Quotas: cfg.quotas(), Started: p.Now(),
		Owners:     &ownership.Service{Passports: store.Open(p.Store, ownership.PassportSchema()), Organisations: store.Open(p.Store, ownership.OrganisationSchema())},
		DetectType: filetype.Detect, Types: types, MaxBytes: cfg.MaxBytes, SweepAfter: cfg.SweepAfter, Now: p.Now, NewID: platform.NewID, Log: log,
	}
	events := kafka.NewForwarder(cfg.Kafka, event.DocumentTopics(), log, documents.Documents.Outbox())
	owners := kafka.NewConsumer(cfg.Kafka, cmp.Or(cfg.Group, Name), ownership.Topics(), kafka.Each(documents.Owners.Apply), log)
	queue := task.NewQueue(p.Store, p.Now)
	tasks := task.NewWorker(queue, log, p.Metrics, documents.SweepTask(), documents.ReindexTask(queue), documents.RecountTask())
	p.Check("storage", false, objects.Ping)
	p.Check("kafka", false, func(ctx context.Context) error { return errors.Join(events.Ping(ctx), owners.Ping(ctx)) })
	p.Background(events.Run, owners.Run, func(ctx context.Context) error {
		boot.Retry(ctx, log.With("bucket", cfg.S3.Bucket), "use the S3 bucket", objects.Prepare)
		return tasks.Run(ctx)
	})
	return p.Serve(ctx, httpapi.OpenAPI, (&httpapi.API{Documents: documents, Verifier: p.Verifier, Secret: cfg.Auth.Revocations.Secret}).Register)
}
