// Package authd puts the auth-service together.
package authd

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/httpapi"
	"github.com/battery-passport/suite/auth-service/internal/login"
	"github.com/battery-passport/suite/auth-service/internal/password"
	"github.com/battery-passport/suite/auth-service/internal/secret"
	"github.com/battery-passport/suite/auth-service/internal/session"
	"github.com/battery-passport/suite/auth-service/internal/throttle"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/metrics"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// Name is that of the service, and of its database.
const Name = "auth-service"

// Run serves until ctx is done. It starts, and answers 503 where it has to,
// while the database or Kafka is away.
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

	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	keys := newKeys(cfg, db, log)
	sessions := &session.Service{
		Sessions: store.Open(db, session.Schema()), Revocations: store.Open(db, session.RevokedSchema()), Key: keys.Refresh, Now: cfg.Now, Log: log,
		Lifetime: time.Duration(cfg.RefreshLifetime), TokenLifetime: time.Duration(cfg.TokenLifetime),
	}
	verifier, err := token.NewLocalVerifier(cfg.TokenSecret, keys.Public(), sessions.Since, log)
	if err != nil {
		return err
	}
	verifier.Now = cfg.Now
	users := store.Open(db, account.Schema())
	accounts := &account.Service{
		Accounts: users, Audit: store.Open(db, account.AuditSchema()), Passwords: password.New(cfg.PasswordCost, keys.Password),
		Attempts: throttle.New(cfg.LoginFailures, cfg.Now), Tokens: sessions, Now: cfg.Now, NewID: newID, Log: log,
		FirstIsAdmin: cfg.AdminEmail == "",
	}
	events := kafka.NewForwarder(cfg.Kafka, event.UserTopics(), log, users.Outbox())

	checks := []rest.Check{
		{Name: "store", Vital: true, Probe: db.Ping}, {Name: "keys", Vital: true, Probe: keys.Ready}, {Name: "kafka", Probe: events.Ping},
	}
	if cfg.AdminEmail != "" {
		checks = append(checks, rest.Check{Name: "admin", Probe: accounts.HasAdmin})
	}
	api := rest.New(rest.Options{Title: httpapi.Title, Description: httpapi.Description, Log: log, User: auth.UserID, Metrics: counts.Registry, HTTP: cfg.HTTP, Checks: checks})
	(&httpapi.API{
		Accounts: accounts, Logins: &login.Service{Accounts: accounts, Sessions: sessions, Tokens: keys, Log: log},
		Sessions: sessions, Verifier: verifier, Keys: keys, Lifetime: time.Duration(cfg.TokenLifetime), RateLimit: cfg.RateLimit,
	}).Register(api)

	return rest.Serve(ctx, l, api, cfg.HTTP.Drain, counts.Serve, events.Run, sessions.Run, verifier.Run, func(ctx context.Context) error {
		keys.Load(ctx)
		ensureAdmin(ctx, cfg, accounts, log)
		return keys.Tend(ctx)
	})
}

func newKeys(cfg Config, db store.DB, log *slog.Logger) *secret.Keys {
	keys := secret.New(db, log)
	keys.Now, keys.TokenSecret, keys.PasswordKey = cfg.Now, cfg.TokenSecret, cfg.PasswordKey
	keys.Rotation, keys.TokenLifetime = time.Duration(cfg.KeyRotation), time.Duration(cfg.TokenLifetime)
	return keys
}

// ensureAdmin makes the admin of ADMIN_EMAIL, where that is set.
func ensureAdmin(ctx context.Context, cfg Config, accounts *account.Service, log *slog.Logger) {
	if cfg.AdminEmail == "" {
		return
	}
	boot.Persist(ctx, log, "make the admin of ADMIN_EMAIL", func(ctx context.Context) error {
		err := accounts.EnsureAdmin(ctx, cfg.AdminEmail, cfg.AdminPassword)
		if fault.Is(err, fault.Conflict) { // does not pass by itself
			log.ErrorContext(ctx, "nobody can administer accounts", "err", err)
			return nil
		}
		return err
	})
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }
