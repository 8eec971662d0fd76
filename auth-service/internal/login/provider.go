package login

import (
	"context"
	"slices"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/auth-service/internal/session"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
)

// The operations of logins at the identity provider whose requests are counted.
const (
	opProviderBegin  = "providerBegin"
	opProviderFinish = "providerFinish"
)

// Provider is an identity provider that people log in at.
type Provider interface {
	// Begin returns the URL at which the provider asks the person to log in, and the sealed
	// transaction, which the browser of the person must keep until Finish. It fails with
	// fault.Unavailable.
	Begin(ctx context.Context) (url, transaction string, err error)
	// Finish returns the statement of the provider about the person. It fails with fault.Malformed if
	// the transaction has expired or the response is not one to it, with fault.Unauthenticated if the
	// provider refused the login or its answer is not valid, and with fault.Unavailable.
	Finish(ctx context.Context, transaction string, r ProviderResponse) (account.Assertion, error)
}

// ProviderResponse is the response of the provider that the browser brings back: a code or an error.
type ProviderResponse struct{ State, Code, Error, Issuer string }

// BeginAtProvider begins a login at the identity provider. It fails as Provider.Begin does, with
// fault.NotFound if Provider is nil, and with fault.TooMany.
func (s *Service) BeginAtProvider(ctx context.Context) (url, transaction string, err error) {
	if err := s.checkProviderRequest(ctx, opProviderBegin); err != nil {
		return "", "", err
	}
	return s.Provider.Begin(ctx)
}

// LogInAtProvider finishes a login at the identity provider and begins a session. The provider is
// responsible for a second factor. It fails as Provider.Finish and
// account.Service.AuthenticateAtProvider do, with fault.NotFound if Provider is nil, and with
// fault.TooMany; the grant then has the id of the account, if there is one. The audit counts logins
// and failures.
func (s *Service) LogInAtProvider(ctx context.Context, transaction string, response ProviderResponse) (Grant, error) {
	if err := s.checkProviderRequest(ctx, opProviderFinish); err != nil {
		return Grant{}, err
	}
	assertion, err := s.Provider.Finish(ctx, transaction, response)
	if err != nil {
		if fault.Is(err, fault.Malformed) {
			s.Audit.Count(ctx, audit.LoginFailed, "")
		}
		s.countFailure(ctx, "", err)
		return Grant{}, err
	}
	r, err := s.Accounts.AuthenticateAtProvider(ctx, assertion)
	if err != nil {
		s.countFailure(ctx, r.ID, err)
		return Grant{Account: account.Account{ID: r.ID}}, err
	}
	g, err := s.begin(audit.WithProvider(ctx, assertion.Issuer), r)
	if err == nil {
		s.Audit.CountNow(ctx, audit.LoggedIn, r.ID)
	}
	return g, err
}

// isAtProvider reports whether a session began at the configured identity provider.
func (s *Service) isAtProvider(c session.Client) bool {
	return c.Provider != "" && c.Provider == s.Accounts.Provider.Issuer
}

// providerSession returns the session of the caller, if it began at the configured identity provider.
func (s *Service) providerSession(ctx context.Context) (r session.Record, found bool, err error) {
	sessions, err := s.OwnSessions(ctx)
	i := slices.IndexFunc(sessions, func(r session.Record) bool { return r.ID == auth.Caller(ctx).Session && s.isAtProvider(r.Client) })
	if i < 0 {
		return session.Record{}, false, err
	}
	return sessions[i], true, nil
}

// checkProviderRequest counts a request of a client network. It fails with fault.NotFound if Provider is
// nil, and with fault.TooMany.
func (s *Service) checkProviderRequest(ctx context.Context, operation string) error {
	if s.Provider == nil {
		return fault.New(fault.NotFound, "nobody can log in at an identity provider here (OIDC_ISSUER is not set); log in with a password: POST /api/auth/login")
	}
	err := s.Requests.Request(operation, audit.OriginOf(ctx).Client, "")
	if err != nil {
		s.countFailure(ctx, "", err)
	}
	return err
}
