// Package login implements the use cases that begin, refresh and end a session.
package login

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/auth-service/internal/invitation"
	"github.com/battery-passport/suite/auth-service/internal/session"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
)

// Signer signs access tokens.
type Signer interface {
	Sign(p auth.Principal) (string, error)
}

// The operations whose requests are counted, each on its own.
const (
	opLogin   = "login"
	opCode    = "code"
	opRefresh = "refresh"
	opLogout  = "logout"
)

// Requests limits the requests of an operation. Device is the verified id of the device
// of the client, or empty. Request fails with fault.TooMany.
type Requests interface {
	Request(operation string, client netip.Addr, device string) error
}

// Service is safe for concurrent use. Its methods fail with fault.Unavailable
// while the store does not respond.
type Service struct {
	Accounts    *account.Service
	Invitations *invitation.Service
	Sessions    *session.Service
	Tokens      Signer
	Requests    Requests
	Provider    Provider // nil: none
	Audit       *audit.Log
	Log         *slog.Logger
}

// Grant is the result of a login or a refresh: an access token, the refresh token for the
// next one, and the device token for later logins on the same device. If the account needs a
// second factor, a login results in a challenge instead.
type Grant struct {
	AccessToken, RefreshToken, DeviceToken string
	Account                                account.Account

	Challenge     string   // for CompleteLogin
	MustEnrol     bool     // EnrolForLogin comes first
	RecoveryCodes []string // if the login has activated TOTP
}

// Register creates an account and logs it in. If the email address must be confirmed first, the
// registration is pending, whether the address has an account or not, and nobody is logged in. It fails
// as account.Service.Register does.
func (s *Service) Register(ctx context.Context, email, password string, role auth.Role) (g Grant, pending bool, err error) {
	if s.Accounts.VerifyEmails && role != auth.Admin {
		return Grant{}, true, s.Accounts.RequestRegistration(ctx, email, password, role)
	}
	r, err := s.Accounts.Register(ctx, email, password, role)
	if err != nil {
		return Grant{}, false, err
	}
	g, err = s.beginOrChallenge(ctx, r, "")
	return g, false, err
}

// LogIn checks a password and begins a session, or returns a challenge. The device token, which may
// be empty, is that of an earlier grant. LogIn fails as account.Service.Authenticate does, and with
// fault.TooMany; the grant then has the id of the account, if there is one. The audit counts logins
// and failures.
func (s *Service) LogIn(ctx context.Context, email, password, deviceToken string) (Grant, error) {
	device, err := s.Sessions.ParseDevice(deviceToken)
	if err == nil {
		err = s.Requests.Request(opLogin, audit.OriginOf(ctx).Client, device.ID())
	}
	if err != nil {
		s.countFailure(ctx, "", err)
		return Grant{}, err
	}
	r, err := s.Accounts.Authenticate(ctx, email, password, device)
	if err != nil {
		s.countFailure(ctx, r.ID, err)
		return Grant{Account: account.Account{ID: r.ID}}, err
	}
	id := ""
	if device.BelongsTo(r.ID, r.Epoch) {
		id = device.ID()
	}
	g, err := s.beginOrChallenge(ctx, r, id)
	if err == nil && g.Challenge == "" {
		s.Audit.CountNow(ctx, audit.LoggedIn, r.ID)
	}
	return g, err
}

// countFailure records a failed login in the audit. The account is that of the address, or
// empty.
func (s *Service) countFailure(ctx context.Context, account string, err error) {
	switch {
	case fault.Is(err, fault.TooMany):
		s.Audit.Count(ctx, audit.LoginThrottled, "")
	case fault.Is(err, fault.Unauthenticated), fault.Is(err, fault.Forbidden):
		s.Audit.Count(ctx, audit.LoginFailed, account)
	}
}

// beginOrChallenge begins a session, or returns a challenge if the account needs a second factor. Every
// login with a password or a link calls it. Device is the verified id of a device of the account, or
// empty.
func (s *Service) beginOrChallenge(ctx context.Context, r account.Record, device string) (Grant, error) {
	if !r.HasTOTP() && !s.Accounts.NeedsTOTP(r.Account) {
		return s.begin(ctx, r)
	}
	challenge, err := s.Sessions.IssueChallenge(r.Challenge(device))
	return Grant{Account: r.Account, Challenge: challenge, MustEnrol: !r.HasTOTP()}, err
}

// begin begins a session without asking for a second factor.
func (s *Service) begin(ctx context.Context, r account.Record) (Grant, error) {
	id, refresh, err := s.Sessions.Begin(ctx, r.ID, r.Epoch, clientOf(ctx))
	if err != nil {
		return Grant{Account: r.Account}, err
	}
	return s.grant(ctx, r, id, refresh)
}

// grant signs an access token. It carries the id of the organisation and its
// former ids, so that the account can access data stored under a former id.
func (s *Service) grant(ctx context.Context, r account.Record, session, refresh string) (g Grant, err error) {
	g = Grant{RefreshToken: refresh, Account: r.Account}
	p := r.Principal(session)
	p.Organisation, p.FormerOrganisations, err = s.Accounts.Organisations.Resolve(ctx, r.Organisation)
	if err != nil {
		return g, err
	}
	g.Account.Organisation = p.Organisation
	if g.DeviceToken, err = s.Sessions.IssueDevice(session, r.ID, r.Epoch); err != nil {
		return g, err
	}
	g.AccessToken, err = s.Tokens.Sign(p)
	return g, err
}

// Refresh exchanges a refresh token for the next one and a new access token. A
// refresh token that was used before ends its session, which is recorded in the
// audit. It fails with fault.Unauthenticated, and with fault.TooMany.
func (s *Service) Refresh(ctx context.Context, token string) (Grant, error) {
	found, err := s.find(ctx, opRefresh, token)
	if err != nil {
		return Grant{}, err
	}
	r, err := s.Accounts.GetForSession(ctx, found.Account, found.Epoch) // first: a failure must not use up the refresh token
	if err == nil && s.Accounts.NeedsTOTP(r.Account) && !r.HasTOTP() && !s.isAtProvider(found.Client) {
		err = fault.New(fault.Unauthenticated, "your account must have a second factor (TOTP); log in again to set it up")
	}
	if err != nil {
		return Grant{}, err
	}
	refresh, err := s.Sessions.Refresh(ctx, token, audit.OriginOf(ctx).Address)
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

// find counts a request and returns the session of its refresh token.
func (s *Service) find(ctx context.Context, operation, token string) (session.TokenSession, error) {
	id, err := s.Sessions.ID(token)
	if err == nil || fault.Is(err, fault.Unauthenticated) {
		if err := s.Requests.Request(operation, audit.OriginOf(ctx).Client, id); err != nil {
			return session.TokenSession{}, err
		}
	}
	if err != nil {
		return session.TokenSession{}, err
	}
	return s.Sessions.Find(ctx, token)
}

// LogOut ends the session of a refresh token. It also succeeds for a session that has ended and
// for an earlier token of a session. It fails with fault.Unauthenticated if this service did
// not issue the token.
func (s *Service) LogOut(ctx context.Context, token string) error {
	found, err := s.find(ctx, opLogout, token)
	if err != nil {
		return err
	}
	if err := s.Sessions.End(ctx, found.ID); err != nil {
		return err
	}
	if !found.Ended {
		s.Audit.CountNow(ctx, audit.LoggedOut, found.Account)
	}
	return nil
}

// LogOutEverywhere ends all sessions of the account of a refresh token. It fails with
// fault.Unauthenticated, even for an earlier token and for a token of a session that has ended,
// because it may have been stolen.
func (s *Service) LogOutEverywhere(ctx context.Context, token string) error {
	found, err := s.find(ctx, opLogout, token)
	if err != nil {
		return err
	}
	if !found.Active {
		return fault.New(fault.Unauthenticated, "the session has ended or the refresh token is not its latest; log in again to end all sessions")
	}
	if _, err := s.Accounts.GetForSession(ctx, found.Account, found.Epoch); err != nil {
		return err
	}
	if err := s.Accounts.EndSessions(ctx, found.Account); err != nil {
		return err
	}
	return s.Sessions.End(ctx, found.ID)
}

// ChangePassword sets the password of the caller and ends all other sessions of the
// account. It fails as account.Service.ChangePassword does.
func (s *Service) ChangePassword(ctx context.Context, current, next string) error {
	epoch, err := s.Accounts.ChangePassword(ctx, current, next)
	if err != nil {
		s.countWrongPassword(ctx, err)
		return err
	}
	s.keepSession(ctx, epoch)
	return nil
}

// keepSession lets the session of the caller continue after a change that has ended all sessions of the
// account. If it fails, the request still succeeds, because the change is stored.
func (s *Service) keepSession(ctx context.Context, epoch int64) {
	if err := s.Sessions.SetEpoch(ctx, auth.Caller(ctx).Session, epoch); err != nil {
		s.Log.WarnContext(ctx, "caller's session ended by a change of the password or of TOTP", "err", err)
	}
}

// countWrongPassword records a wrong current password of the caller like a failed login: the
// access token may have been stolen.
func (s *Service) countWrongPassword(ctx context.Context, err error) {
	switch {
	case errors.Is(err, account.ErrWrongPassword):
		s.Audit.Count(ctx, audit.LoginFailed, auth.Caller(ctx).UserID)
	case fault.Is(err, fault.TooMany):
		s.Audit.Count(ctx, audit.LoginThrottled, "")
	}
}
