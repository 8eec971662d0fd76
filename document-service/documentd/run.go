// Package documentd wires and runs the document-service.
package documentd

import (
	"context"
	"log/slog"

	"github.com/battery-passport/suite/document-service/internal/document"
	"github.com/battery-passport/suite/document-service/internal/filetype"
	"github.com/battery-passport/suite/document-service/internal/httpapi"
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
	p, err := platform.Open(ctx, Name, platform.Config{
		Port: cfg.Port, HTTP: cfg.HTTP, Metrics: cfg.Metrics, Store: cfg.Store, Auth: &cfg.Auth,
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
	documents := &document.Service{
		Documents: store.Open(p.Store, document.DocumentSchema()), KeyPrefixes: store.Open(p.Store, document.KeyPrefixSchema()), Objects: objects,
		DetectType: filetype.Detect, MaxBytes: cfg.MaxBytes, MaxUploads: cfg.uploads(), SweepAfter: cfg.SweepAfter, Now: p.Now, NewID: platform.NewID, Log: log,
	}
	events := kafka.NewForwarder(cfg.Kafka, event.DocumentTopics(), log, documents.Documents.Outbox())
	tasks := task.NewWorker(task.NewQueue(p.Store, p.Now), log, p.Metrics, documents.SweepTask())
	p.Check("storage", false, objects.Ping)
	p.Check("kafka", false, events.Ping)
	p.Background(events.Run, func(ctx context.Context) error {
		boot.Retry(ctx, log.With("bucket", cfg.S3.Bucket), "use the S3 bucket", objects.Prepare)
		return tasks.Run(ctx)
	})
	return p.Serve(ctx, httpapi.Title, httpapi.Description, (&httpapi.API{Documents: documents, Verifier: p.Verifier}).Register)
}
