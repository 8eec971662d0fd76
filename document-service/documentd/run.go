// Package documentd puts the document-service together.
package documentd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/document-service/internal/document"
	"github.com/battery-passport/suite/document-service/internal/filetype"
	"github.com/battery-passport/suite/document-service/internal/httpapi"
	"github.com/battery-passport/suite/document-service/internal/s3store"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/metrics"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// defaultUploads is for a Config that says nothing, as in a test.
const defaultUploads = 4

// Name is that of the service, and of its database.
const Name = "document-service"

// Config is what the document-service reads from the environment.
type Config struct {
	Port       rest.Port     `envconfig:"PORT" default:"5100" desc:"port of the HTTP server"`
	MaxBytes   int64         `envconfig:"MAX_UPLOAD_BYTES" default:"10485760" desc:"size of the largest file in bytes"`
	MaxUploads int           `envconfig:"MAX_UPLOADS" default:"4" desc:"uploads at the same time, half of them by one user; each needs up to 15 MB of memory; more wait two seconds and are answered 503 then"`
	SweepAfter time.Duration `envconfig:"SWEEP_AFTER" default:"24h" desc:"age after which what an upload left behind is removed; longer than any upload takes"`
	HTTP       rest.Config
	Metrics    metrics.Config
	Store      connect.Config
	S3         s3store.Config
	Kafka      kafka.Config
	Auth       token.Config
}

// Validate tells what is wrong with c.
func (c Config) Validate() error {
	var errs []error
	if c.MaxBytes < 1 || c.MaxBytes > s3store.MaxBytes {
		errs = append(errs, fmt.Errorf("  MAX_UPLOAD_BYTES: has to be from 1 to %d", int64(s3store.MaxBytes)))
	}
	if c.MaxUploads < 1 {
		errs = append(errs, errors.New("  MAX_UPLOADS: has to be at least 1"))
	}
	if c.SweepAfter <= 0 {
		errs = append(errs, errors.New("  SWEEP_AFTER: has to be longer than nothing"))
	}
	return errors.Join(errs...)
}

func (c Config) uploads() int { return cmp.Or(c.MaxUploads, defaultUploads) }

// Run serves until ctx is done. It starts, and answers 503 where it has to,
// while the database, S3, Kafka or the auth-service is away.
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
	cfg.Kafka.Metrics, cfg.S3.Metrics = counts.Registry, counts.Registry
	db, err := connect.Open(ctx, cfg.Store, Name)
	if err != nil {
		return err
	}
	defer db.Close(context.WithoutCancel(ctx))
	verifier, err := token.NewVerifier(ctx, cfg.Auth, log)
	if err != nil {
		return err
	}
	objects, err := s3store.Open(cfg.S3)
	if err != nil {
		return err
	}
	defer objects.Close()

	documents := &document.Service{
		Documents: store.Open(db, document.DocumentSchema()), Origins: store.Open(db, document.OriginSchema()), Objects: objects,
		TypeOf: filetype.Of, MaxBytes: cfg.MaxBytes, MaxUploads: cfg.uploads(), SweepAfter: cfg.SweepAfter, Now: time.Now, NewID: newID, Log: log,
	}
	events := kafka.NewForwarder(cfg.Kafka, event.DocumentTopics(), log, documents.Documents.Outbox())

	api := rest.New(rest.Options{
		Title: httpapi.Title, Description: httpapi.Description, Log: log, User: auth.UserID, Metrics: counts.Registry, HTTP: cfg.HTTP,
		Checks: []rest.Check{
			{Name: "store", Vital: true, Probe: db.Ping}, {Name: "keys", Vital: true, Probe: verifier.Ready}, {Name: "revocations", Probe: verifier.Heard},
			{Name: "storage", Probe: objects.Ping}, {Name: "kafka", Probe: events.Ping},
		},
	})
	(&httpapi.API{Documents: documents, Verifier: verifier}).Register(api)

	return rest.Serve(ctx, l, api, cfg.HTTP.Drain, counts.Serve, verifier.Run, events.Run, func(ctx context.Context) error {
		return keepHouse(ctx, objects, documents, log.With("bucket", cfg.S3.Bucket))
	})
}

// keepHouse gets the bucket, and then removes what uploads leave in it.
func keepHouse(ctx context.Context, objects *s3store.Store, documents *document.Service, log *slog.Logger) error {
	boot.Persist(ctx, log, "use the bucket", objects.Prepare)
	return documents.Sweep(ctx)
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }
