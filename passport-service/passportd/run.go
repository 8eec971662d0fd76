// Package passportd configures and runs the passport-service.
package passportd

import (
	"context"
	"log/slog"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/compliance"
	"github.com/battery-passport/suite/passport-service/internal/httpapi"
	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/platform"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
)

// Name is the name of the service and of its database.
const Name = "passport-service"

// reindex returns the task that migrates the passports of earlier releases. It is
// repeated for those that an instance of an earlier release writes during an upgrade.
func reindex(passports *passport.Service, log *slog.Logger) task.Kind {
	return task.Kind{Name: "passport.reindex", Every: 24 * time.Hour, Timeout: time.Hour, Run: func(ctx context.Context, _ task.Task) error {
		conflicts, err := passports.Reindex(ctx)
		for _, id := range conflicts {
			log.Warn("another passport has the identifier in another spelling", "passport", id)
		}
		return err
	}}
}

// Run serves requests until ctx is done. It also starts while the database, Kafka or the
// auth-service is unavailable; requests that need the database or signing keys fail with
// 503 until it is available.
func Run(ctx context.Context, cfg Config, log *slog.Logger) error {
	cfg.HTTP.PublicRateLimit = cfg.PublicRate
	p, err := platform.Open(ctx, Name, platform.Config{
		Port: cfg.Port, HTTP: cfg.HTTP, Metrics: cfg.Metrics, Store: cfg.Store, Auth: &cfg.Auth, Now: cfg.Now,
	}, log)
	if err != nil {
		return err
	}
	defer p.Close()
	engines, err := compliance.NewEngines(ruleset.Embedded(), compliance.Rules())
	if err != nil {
		return err
	}
	passports := &passport.Service{
		Passports: store.Open(p.Store, passport.Schema()), Versions: store.Open(p.Store, passport.VersionSchema()),
		Engines: engines, Now: p.Now, NewID: platform.NewID,
	}
	cfg.Kafka.Metrics = p.Metrics
	events := kafka.NewForwarder(cfg.Kafka, event.PassportTopics(), log, passports.Passports.Outbox())
	p.Check("kafka", false, events.Ping)
	tasks := task.NewQueue(p.Store, p.Now)
	p.Background(events.Run, task.NewWorker(tasks, log, p.Metrics, append(passports.Tasks(), reindex(passports, log))...).Run)
	return p.Serve(ctx, httpapi.Title, httpapi.Description, (&httpapi.API{Passports: passports, Verifier: p.Verifier}).Register)
}
