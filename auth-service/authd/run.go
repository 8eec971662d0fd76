// Package authd configures, wires and runs the auth-service.
package authd

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/accountmail"
	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/auth-service/internal/httpapi"
	"github.com/battery-passport/suite/auth-service/internal/invitation"
	"github.com/battery-passport/suite/auth-service/internal/login"
	"github.com/battery-passport/suite/auth-service/internal/organisation"
	"github.com/battery-passport/suite/auth-service/internal/password"
	"github.com/battery-passport/suite/auth-service/internal/secret"
	"github.com/battery-passport/suite/auth-service/internal/session"
	"github.com/battery-passport/suite/auth-service/internal/throttle"
	"github.com/battery-passport/suite/auth-service/internal/totp"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/mail"
	"github.com/battery-passport/suite/pkg/platform"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
)

// Name is the name of the service and of its database.
const Name = "auth-service"

// registrationFactor is the ratio of the limits of logins and registrations: each
// registration costs a password hash, and the limit of wrong passwords does not apply.
const registrationFactor = 10

// Run serves until ctx is done. It starts even if the database or Kafka is
// unavailable; requests that need the database get 503 until it is back.
func Run(ctx context.Context, cfg Config, log *slog.Logger) error {
	p, err := platform.Open(ctx, Name, platform.Config{Port: cfg.Port, HTTP: cfg.HTTP, Metrics: cfg.Metrics, Store: cfg.Store, Now: cfg.Now}, log)
	if err != nil {
		return err
	}
	defer p.Close()
	cfg.Now, cfg.Kafka.Metrics = p.Now, p.Metrics
	entries := audit.New(p.Store, p.Now, log)
	keys := newKeys(cfg, p.Store, entries, log)
	sessions := newSessions(cfg, p, keys.RefreshTokenKey, log)
	verifier, err := token.NewLocalVerifier(cfg.TokenSecret, keys.PublicKeys(), sessions.RevocationsSince, log)
	if err != nil {
		return err
	}
	verifier.Now, verifier.MaxAge = p.Now, cfg.Revocations.MaxAge
	p.AddVerifier(verifier)
	limits := throttle.New(cfg.LoginFailures, cfg.RateLimit, p.Now)
	accounts, organisations := newAccounts(cfg, p, sessions, entries, limits, newHasher(cfg, keys.PasswordHashKey), log)
	accounts.TOTPSecrets = totp.Secrets{Key: keys.PasswordHashKey}
	invitations, clients := newInvitations(p, accounts, organisations, entries), newClients(p, sessions, keys, entries, limits, organisations, log)
	events := kafka.NewForwarder(cfg.Kafka, append(event.UserTopics(), event.OrganisationTopics()...), log, accounts.Accounts.Outbox(), organisations.Organisations.Outbox())
	entries.AppendNewest = []func(context.Context, audit.Filter) error{accounts.AppendNewest, organisations.AppendNewest, invitations.AppendNewest, clients.AppendNewest, keys.AppendNewest}
	sender, queue, logins := mail.New(cfg.Mail), task.NewQueue(p.Store, p.Now), &login.Service{Accounts: accounts, Invitations: invitations, Sessions: sessions, Tokens: keys, Requests: limits, Audit: entries, Log: log}
	defer sender.Close()
	addChecks(p, cfg, sender, keys, events, accounts)
	worker := task.NewWorker(queue, log, p.Metrics, slices.Concat(sessions.Tasks(), logins.Tasks(), keys.Tasks(), entries.Tasks(), mailTasks(cfg, p, sender, accounts, invitations, queue), invitations.Tasks(), addProvider(cfg, p, logins, keys.RefreshTokenKey, log))...)
	p.Background(events.Run, worker.Run, entries.Run, prepare(cfg, keys, accounts, log))
	api := &httpapi.API{
		Accounts: accounts, Logins: logins,
		Organisations: organisations, Invitations: invitations, Clients: clients, Issuer: cfg.issuer(), Sessions: sessions, Verifier: verifier, Keys: keys, Audit: entries, TokenLifetime: time.Duration(cfg.TokenLifetime),
		RateLimit: (cfg.RateLimit + registrationFactor - 1) / registrationFactor, HTTPS: cfg.HTTP.CertFile != "", RevocationSecret: cfg.Revocations.Secret,
	}
	return p.Serve(ctx, httpapi.OpenAPI, func(r *rest.API) {
		api.Register(r)
		api.RegisterPages(r)
	})
}

// addChecks adds the health checks of the service. Only the keys are essential.
func addChecks(p *platform.Platform, cfg Config, sender *mail.Sender, keys *secret.Keys, events *kafka.Forwarder, accounts *account.Service) {
	p.Check("keys", true, keys.Ready)
	p.Check("kafka", false, events.Ping)
	if cfg.Mail.Host != "" {
		p.Check("smtp", false, sender.Ping)
	}
	if cfg.AdminEmail != "" {
		p.Check("admin", false, accounts.CheckAdminExists)
	}
}

// mailTasks returns the tasks that send mails about accounts, and has them enqueued: no task if
// the service sends no mail.
func mailTasks(cfg Config, p *platform.Platform, sender *mail.Sender, accounts *account.Service, invitations *invitation.Service, queue *task.Queue) []task.Kind {
	if cfg.Mail.Host == "" {
		return nil
	}
	accounts.Mails, invitations.Mails = queue, queue
	return append(accounts.Tasks(), (&accountmail.Mails{Sender: sender, Accounts: accounts, Invitations: invitations, AppURL: cfg.appURL(), Now: p.Now}).Tasks()...)
}

// newHasher returns a hasher whose waiting calls hold at most a quarter of the slots of
// requests.
func newHasher(cfg Config, key func() ([]byte, error)) *password.Hasher {
	return password.New(cfg.PasswordCost, key, cmp.Or(cfg.HTTP.MaxRequests, 256)/4)
}

func newSessions(cfg Config, p *platform.Platform, key func() ([]byte, error), log *slog.Logger) *session.Service {
	return &session.Service{
		Sessions: store.Open(p.Store, session.Schema()), Revocations: store.Open(p.Store, session.RevocationSchema()), Key: key, Now: p.Now, Log: log,
		Lifetime: time.Duration(cfg.RefreshLifetime), TokenLifetime: time.Duration(cfg.TokenLifetime), Issuer: cfg.issuer(),
	}
}

// newAccounts returns the services for accounts and organisations, which depend on
// each other.
func newAccounts(cfg Config, p *platform.Platform, sessions *session.Service, entries *audit.Log, limits account.Throttle, passwords account.Hasher, log *slog.Logger) (*account.Service, *organisation.Service) {
	organisations := &organisation.Service{
		Organisations: store.Open(p.Store, organisation.Schema()), Claims: store.Open(p.Store, organisation.IDClaimSchema()), Tokens: sessions,
		Audit: entries, Now: p.Now,
	}
	accounts := &account.Service{
		Accounts: store.Open(p.Store, account.Schema()), Audit: entries, Passwords: passwords,
		Throttle: limits, Tokens: sessions, Organisations: organisations,
		Now: p.Now, NewID: platform.NewID, Log: log, FirstIsAdmin: cfg.AdminEmail == "", AdminEmail: account.NormalEmail(cfg.AdminEmail), ByInvitation: cfg.Registration == byInvitation, VerifyEmails: cfg.verifiesEmails(), TOTPRequired: account.Requirement(cfg.RequireTOTP),
	}
	organisations.Members = []organisation.Members{accounts}
	return accounts, organisations
}

func newInvitations(p *platform.Platform, accounts *account.Service, organisations *organisation.Service, entries *audit.Log) *invitation.Service {
	return &invitation.Service{
		Invitations: store.Open(p.Store, invitation.Schema()), Accounts: accounts, Organisations: organisations, Audit: entries, Now: p.Now, NewID: platform.NewID,
	}
}
