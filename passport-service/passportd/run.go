// Package passportd puts the passport-service together.
package passportd

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/passport-service/internal/compliance"
	"github.com/battery-passport/suite/passport-service/internal/httpapi"
	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/metrics"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// Name is that of the service, and of its database.
const Name = "passport-service"

// Config is what the passport-service reads from the environment.
type Config struct {
	Port    rest.Port `envconfig:"PORT" default:"5000" desc:"port of the HTTP server"`
	HTTP    rest.Config
	Metrics metrics.Config
	Store   connect.Config
	Kafka   kafka.Config
	Auth    token.Config

	// Now is the clock, time.Now where it is nil.
	Now func() time.Time

	PublicRate int `envconfig:"PUBLIC_RATE_LIMIT" default:"600" desc:"requests a minute that one address may send to /api/public; 0 is any number"`
}

// Validate tells what is wrong with c.
func (c Config) Validate() error {
	if c.PublicRate < 0 {
		return errors.New("  PUBLIC_RATE_LIMIT: is less than nothing")
	}
	return nil
}

// Run serves until ctx is done. It starts, and answers 503 where it has to,
// while the database, Kafka or the auth-service is away.
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
	cfg.Kafka.Metrics, cfg.HTTP.PublicRate = counts.Registry, cfg.PublicRate
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
	engines, err := compliance.NewEngines(ruleset.Embedded(), compliance.Rules())
	if err != nil {
		return err
	}
	passports := &passport.Service{
		Passports: store.Open(db, passport.Schema()), Versions: store.Open(db, passport.VersionSchema()),
		Engines: engines, Now: cfg.Now, NewID: newID, Log: log,
	}
	events := kafka.NewForwarder(cfg.Kafka, event.PassportTopics(), log, passports.Passports.Outbox())

	api := rest.New(rest.Options{
		Title: httpapi.Title, Description: httpapi.Description, Log: log, User: auth.UserID, Metrics: counts.Registry, HTTP: cfg.HTTP,
		Checks: []rest.Check{
			{Name: "store", Vital: true, Probe: db.Ping}, {Name: "keys", Vital: true, Probe: verifier.Ready}, {Name: "revocations", Probe: verifier.Heard}, {Name: "kafka", Probe: events.Ping},
		},
	})
	(&httpapi.API{Passports: passports, Verifier: verifier}).Register(api)

	return rest.Serve(ctx, l, api, cfg.HTTP.Drain, counts.Serve, verifier.Run, events.Run, passports.Sweep)
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }
