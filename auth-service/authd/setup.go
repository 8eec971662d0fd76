package authd

import (
	"context"
	"log/slog"
	"time"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/secret"
	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

func newKeys(cfg Config, db store.DB, log *slog.Logger) *secret.Keys {
	keys := secret.New(db, log)
	keys.Now, keys.TokenSecret, keys.PasswordKey = cfg.Now, cfg.TokenSecret, cfg.PasswordKey
	keys.Rotation, keys.TokenLifetime = time.Duration(cfg.KeyRotation), time.Duration(cfg.TokenLifetime)
	return keys
}

// ensureAdmin creates the admin account of ADMIN_EMAIL, if that is set.
func ensureAdmin(ctx context.Context, cfg Config, accounts *account.Service, log *slog.Logger) {
	if cfg.AdminEmail == "" {
		return
	}
	boot.Retry(ctx, log, "create the admin of ADMIN_EMAIL", func(ctx context.Context) error {
		err := accounts.EnsureAdmin(ctx, cfg.AdminEmail, cfg.AdminPassword)
		if fault.Is(err, fault.Conflict) { // a retry cannot help
			log.ErrorContext(ctx, "admin account not created", "err", err)
			return nil
		}
		return err
	})
}
