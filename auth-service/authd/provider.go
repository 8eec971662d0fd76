package authd

import (
	"cmp"
	"log/slog"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/httpapi"
	"github.com/battery-passport/suite/auth-service/internal/login"
	"github.com/battery-passport/suite/auth-service/internal/provider"
	"github.com/battery-passport/suite/pkg/platform"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
)

// addProvider lets people log in at the identity provider, if there is one. It returns the
// background tasks for it.
func addProvider(cfg Config, p *platform.Platform, logins *login.Service, key func() ([]byte, error), log *slog.Logger) []task.Kind {
	settings := cfg.OIDC
	if settings.Issuer == "" {
		return nil
	}
	settings.RedirectURL = cmp.Or(settings.RedirectURL, cfg.issuer()+httpapi.ProviderCallback)
	c := provider.New(settings)
	c.Finished, c.Key, c.Now, c.Log = store.Open(p.Store, provider.Schema()), key, p.Now, log
	logins.Provider = c
	logins.Accounts.Provider = account.ProviderPolicy{Issuer: settings.Issuer, CreateAccounts: settings.CreateAccounts, Organisation: settings.Organisation}
	p.Check("oidc", false, c.Ping)
	p.Background(c.Run)
	return c.Tasks()
}
