package authd

import (
	"context"
	"log/slog"
	"time"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/auth-service/internal/secret"
	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/store"
)

func newKeys(cfg Config, db store.DB, entries *audit.Log, log *slog.Logger) *secret.Keys {
	keys := secret.New(db, entries, log)
	keys.Now, keys.TokenSecret, keys.PasswordKey = cfg.Now, cfg.TokenSecret, cfg.PasswordKey
	keys.Algorithm, keys.Issuer = cfg.algorithm(), cfg.issuer()
	keys.Rotation, keys.TokenLifetime = time.Duration(cfg.KeyRotation), time.Duration(cfg.TokenLifetime)
	return keys
}

// ensureAdmin creates or promotes the account of ADMIN_EMAIL, if that is set.
func ensureAdmin(ctx context.Context, cfg Config, accounts *account.Service, log *slog.Logger) {
	if cfg.AdminEmail == "" {
		return
	}
	boot.Retry(ctx, log, "ensure the admin of ADMIN_EMAIL", func(ctx context.Context) error {
		return accounts.EnsureAdmin(ctx, cfg.AdminEmail, cfg.AdminPassword)
	})
}
