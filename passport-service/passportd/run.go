// Package passportd configures and runs the passport-service.
package passportd

import (
	"context"
	"log/slog"

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
	p.Background(events.Run, task.NewWorker(tasks, log, p.Metrics, passports.Tasks()...).Run)
	return p.Serve(ctx, httpapi.Title, httpapi.Description, (&httpapi.API{Passports: passports, Verifier: p.Verifier}).Register)
}
