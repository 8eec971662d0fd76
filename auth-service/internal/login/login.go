// Package login holds the use cases that begin, continue and end a login.
package login

import (
	"context"
	"errors"
	"log/slog"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/session"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
)

// Signer signs access tokens.
type Signer interface {
	Sign(p auth.Principal) (string, error)
}

// Service is safe for concurrent use. Its methods fail with fault.Unavailable
// while the store does not answer.
type Service struct {
	Accounts *account.Service
	Sessions *session.Service
	Tokens   Signer
	Log      *slog.Logger
}

// Grant is what a login gives: an access token, and a refresh token to continue.
type Grant struct {
	AccessToken, RefreshToken string
	Account                   account.Account
}

// Register creates an account and logs it in. It fails as account.Register does.
func (s *Service) Register(ctx context.Context, email, password string, role auth.Role) (Grant, error) {
	r, err := s.Accounts.Register(ctx, email, password, role)
	if err != nil {
		return Grant{}, err
	}
	return s.begin(ctx, r)
}

// LogIn checks a password and begins a session. It fails as account.Authenticate
// does.
func (s *Service) LogIn(ctx context.Context, email, password string) (Grant, error) {
	r, err := s.Accounts.Authenticate(ctx, email, password)
	if err != nil {
		return Grant{}, err
	}
	return s.begin(ctx, r)
}

func (s *Service) begin(ctx context.Context, r account.Record) (Grant, error) {
	id, refresh, err := s.Sessions.Begin(ctx, r.ID, r.Epoch)
	if err != nil {
		return Grant{Account: r.Account}, err
	}
	return s.grant(ctx, r, id, refresh)
}

// grant signs an access token. It carries the id of the organisation and its
// former ids, so that what it owned before it had this id stays its own.
func (s *Service) grant(ctx context.Context, r account.Record, session, refresh string) (g Grant, err error) {
	g = Grant{RefreshToken: refresh, Account: r.Account}
	p := r.Principal(session)
	p.Organisation, p.FormerOrganisations, err = s.Accounts.Organisations.Resolve(ctx, r.Organisation)
	if err != nil {
		return g, err
	}
	g.Account.Organisation = p.Organisation
	g.AccessToken, err = s.Tokens.Sign(p)
	return g, err
}

// Refresh exchanges a refresh token for the next one and a new access token. A
// token that was used before ends its session, which the audit records. It fails
// with fault.Unauthenticated.
func (s *Service) Refresh(ctx context.Context, token string) (Grant, error) {
	found, err := s.Sessions.Find(ctx, token)
	if err != nil {
		return Grant{}, err
	}
	r, err := s.Accounts.Holder(ctx, found.Account, found.Epoch) // before the token is used up
	if err != nil {
		return Grant{}, err
	}
	refresh, err := s.Sessions.Refresh(ctx, token)
	if errors.Is(err, session.ErrReused) {
		if err := s.Accounts.TokenReused(ctx, found.Account); err != nil {
			s.Log.WarnContext(ctx, "refresh token reuse not recorded in the audit", "account", found.Account, "err", err)
		}
	}
	if err != nil {
		return Grant{}, err
	}
	return s.grant(ctx, r, found.ID, refresh)
}

// LogOut ends the session of a refresh token, even if the session has ended or
// the token is an old one. It fails with fault.Unauthenticated.
func (s *Service) LogOut(ctx context.Context, token string) error {
	found, err := s.Sessions.Find(ctx, token)
	if err != nil {
		return err
	}
	return s.Sessions.End(ctx, found.ID)
}

// LogOutEverywhere ends all sessions of the account of a refresh token. It fails
// with fault.Unauthenticated, also for an old token or one of a session that has
// ended: whoever has such a token may have stolen it.
func (s *Service) LogOutEverywhere(ctx context.Context, token string) error {
	found, err := s.Sessions.Find(ctx, token)
	if err != nil {
		return err
	}
	if !found.Counts {
		return fault.New(fault.Unauthenticated, "this login has ended, or the refresh token is not its latest; log in again to end the others")
	}
	if _, err := s.Accounts.Holder(ctx, found.Account, found.Epoch); err != nil {
		return err
	}
	if err := s.Accounts.EndSessions(ctx, found.Account); err != nil {
		return err
	}
	return s.Sessions.End(ctx, found.ID)
}

// ChangePassword gives the caller a new password and ends all sessions but the
// caller's. It fails as account.ChangePassword does.
func (s *Service) ChangePassword(ctx context.Context, current, next string) error {
	epoch, err := s.Accounts.ChangePassword(ctx, current, next)
	if err != nil {
		return err
	}
	if err := s.Sessions.Keep(ctx, auth.Caller(ctx).Session, epoch); err != nil {
		s.Log.WarnContext(ctx, "session of the caller ended with the others", "err", err) // the password is changed
	}
	return nil
}
