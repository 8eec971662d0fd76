package authd

import (
	"context"
	"log/slog"
	"time"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/auth-service/internal/client"
	"github.com/battery-passport/suite/auth-service/internal/organisation"
	"github.com/battery-passport/suite/auth-service/internal/secret"
	"github.com/battery-passport/suite/auth-service/internal/session"
	"github.com/battery-passport/suite/auth-service/internal/throttle"
	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/platform"
	"github.com/battery-passport/suite/pkg/store"
)

func newKeys(cfg Config, db store.DB, entries *audit.Log, log *slog.Logger) *secret.Keys {
	keys := secret.New(db, entries, log)
	keys.Now, keys.TokenSecret, keys.PasswordKey = cfg.Now, cfg.TokenSecret, cfg.PasswordKey
	keys.Algorithm, keys.Issuer = cfg.algorithm(), cfg.issuer()
	keys.Rotation, keys.TokenLifetime = time.Duration(cfg.KeyRotation), time.Duration(cfg.TokenLifetime)
	return keys
}

// newClients returns the service for API clients, and makes it part of the members of
// organisations.
func newClients(p *platform.Platform, sessions *session.Service, keys *secret.Keys, entries *audit.Log, limits *throttle.Throttle, organisations *organisation.Service, log *slog.Logger) *client.Service {
	clients := client.New()
	clients.Clients, clients.Organisations = store.Open(p.Store, client.Schema()), organisations
	clients.Tokens, clients.Signer, clients.Requests, clients.Audit = sessions, keys, limits, entries
	clients.Now, clients.NewID, clients.Log = p.Now, platform.NewID, log
	organisations.Members = append(organisations.Members, clients)
	return clients
}

// prepare returns a background function that loads the keys, indexes the accounts of earlier releases
// and ensures the admin of ADMIN_EMAIL.
func prepare(cfg Config, keys *secret.Keys, accounts *account.Service, log *slog.Logger) func(context.Context) error {
	return func(ctx context.Context) error {
		keys.Load(ctx)
		boot.Retry(ctx, log, "index the accounts of earlier releases", accounts.Accounts.ReindexAll)
		ensureAdmin(ctx, cfg, accounts, log)
		return nil
	}
}

// ensureAdmin creates or promotes the account of ADMIN_EMAIL, if that is set.
func ensureAdmin(ctx context.Context, cfg Config, accounts *account.Service, log *slog.Logger) {
	cfg.warn(ctx, log)
	if cfg.AdminEmail == "" {
		return
	}
	boot.Retry(ctx, log, "ensure the admin of ADMIN_EMAIL", func(ctx context.Context) error {
		return accounts.EnsureAdmin(ctx, cfg.AdminEmail, cfg.AdminPassword)
	})
}
