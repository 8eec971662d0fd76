// Package passportd configures and runs the passport-service.
package passportd

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/compliance"
	"github.com/battery-passport/suite/passport-service/internal/documents"
	"github.com/battery-passport/suite/passport-service/internal/exchange"
	"github.com/battery-passport/suite/passport-service/internal/format"
	"github.com/battery-passport/suite/passport-service/internal/format/registry"
	"github.com/battery-passport/suite/passport-service/internal/httpapi"
	"github.com/battery-passport/suite/passport-service/internal/namespace"
	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/passport-service/internal/usage"
	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/platform"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
)

// Name is the name of the service and of its database.
const Name = "passport-service"

// Limits of imports for a zero Config, which tests use.
const (
	defaultMaxBytes = 1 << 30
	defaultMaxRows  = 1_000_000
)

// Run serves requests until ctx is done. It also starts while the database, Kafka or the
// auth-service is unavailable; requests that need the database or signing keys fail with
// 503 until it is available.
func Run(ctx context.Context, cfg Config, log *slog.Logger) error {
	cfg.HTTP.PublicRateLimit = cfg.PublicRate
	p, err := platform.Open(ctx, Name, platform.Config{
		Port: cfg.Port, HTTP: cfg.HTTP, Metrics: cfg.Metrics, Store: cfg.Store, Auth: &cfg.Auth, Resource: "passports", Now: cfg.Now,
	}, log)
	if err != nil {
		return err
	}
	defer p.Close()
	engines, err := compliance.NewEngines(ruleset.Embedded(), compliance.Rules())
	formats, err2 := registry.Embedded(registry.Options{LastUpdated: cfg.LastUpdate == lastUpdated})
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	namespaces, tasks := cfg.newNamespaces(p), task.NewQueue(p.Store, p.Now)
	ledger := newLedger(p, cfg.quotas(), tasks)
	passports := &passport.Service{
		Passports: store.Open(p.Store, passport.Schema()), Versions: store.Open(p.Store, passport.VersionSchema()),
		Namespaces: namespaces, Usage: ledger,
		Engines: engines, Now: p.Now, NewID: platform.NewID, IdentifierBase: cfg.identifierBase(),
	}
	imports := cfg.newImports(p, passports, formats)
	cfg.Kafka.Metrics = p.Metrics
	events := kafka.NewForwarder(cfg.Kafka, slices.Concat(event.AllPassportTopics(), event.ImportTopics()), log, passports.Passports.Outbox(), imports.Imports.Outbox())
	p.Check("kafka", false, events.Ping)
	kinds := append(passports.Tasks(), passports.ReindexTask(log), passports.CountTask())
	if len(cfg.Kafka.Brokers) > 0 {
		kinds = append(kinds, passports.SnapshotTask(log, events.Publish))
		p.Background(enqueueSnapshots(tasks, log))
	}
	p.Background(events.Run, ledger.Run, task.NewWorker(tasks, log, p.Metrics, kinds...).Run)
	responses := httpapi.NewResponseCache(cfg.CacheBytes, p.Metrics)
	api := &httpapi.API{Passports: passports, Namespaces: namespaces, Exchange: imports, Verifier: p.Verifier, Responses: responses, MaxImportBytes: cmp.Or(cfg.MaxImportBytes, defaultMaxBytes)}
	scan := &httpapi.Scan{Passports: passports, Guard: p.Verifier.Require(), BaseURL: cfg.baseURL(), Direct: cfg.Direct, Responses: responses}
	defer cfg.addFiles(scan, p.Now)()
	return p.Serve(ctx, httpapi.OpenAPI, func(r *rest.API) { api.Register(r); scan.Register(r) })
}

// newImports returns the service for imports; zero limits of c are the defaults.
func (c Config) newImports(p *platform.Platform, passports *passport.Service, formats format.Registry) *exchange.Service {
	return &exchange.Service{
		Passports: passports, Imports: store.Open(p.Store, exchange.Schema()), Now: p.Now, NewID: platform.NewID,
		MaxRows: cmp.Or(c.MaxImportRows, defaultMaxRows), LeaseTime: cmp.Or(c.ImportLease, exchange.LeaseTime),
		Outage: cmp.Or(c.ImportOutage, exchange.Outage), Formats: formats,
	}
}

// newNamespaces returns the service of namespaces.
func (c Config) newNamespaces(p *platform.Platform) *namespace.Service {
	return &namespace.Service{
		Namespaces: store.Open(p.Store, namespace.Schema()), Claims: store.Open(p.Store, namespace.ClaimsSchema()),
		Enforced: c.IdentifierNamespaces == enforced, Now: p.Now, NewID: platform.NewID,
	}
}

// newLedger returns the ledger of the usage of passports.
func newLedger(p *platform.Platform, quotas usage.Quotas, tasks *task.Queue) *usage.Ledger {
	return &usage.Ledger{
		Usages: store.Open(p.Store, usage.Schema()), Quotas: quotas, Now: p.Now, Log: p.Log,
		Count: func(ctx context.Context, owner string, from time.Time) error {
			_, err := tasks.Enqueue(ctx, passport.NewCount(owner, from))
			return err
		},
	}
}

// enqueueSnapshots returns a function that enqueues the task for passports of earlier releases.
func enqueueSnapshots(tasks *task.Queue, log *slog.Logger) func(context.Context) error {
	return func(ctx context.Context) error {
		boot.Retry(ctx, log, "enqueue snapshots", func(ctx context.Context) error {
			_, err := tasks.Enqueue(ctx, passport.UpgradeSnapshots)
			return err
		})
		return nil
	}
}

// addFiles adds the list of public documents to scan. It returns a function that closes the
// connections to the document-service.
func (c Config) addFiles(scan *httpapi.Scan, now func() time.Time) (closeAll func()) {
	if c.DocumentURL == "" {
		return func() {}
	}
	client := documents.New(c.DocumentURL, cmp.Or(c.DocumentPublicURL, c.DocumentURL), c.Auth.Revocations.Secret, cmp.Or(c.DocumentTimeout, documents.Timeout), now)
	scan.Files = client
	return client.Close
}
