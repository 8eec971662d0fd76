package login

import (
	"context"
	"errors"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/auth-service/internal/session"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
)

// CompleteLogin begins the session of a login that got a challenge, with a code of the authenticator
// app or a recovery code. It fails as account.Service.CompleteLogin does; the grant then has the id of
// the account, if there is one. The audit counts logins and failures.
func (s *Service) CompleteLogin(ctx context.Context, challenge, code string) (Grant, error) {
	c, err := s.parseChallenge(ctx, challenge)
	if err != nil {
		return Grant{}, err
	}
	r, codes, err := s.Accounts.CompleteLogin(ctx, c, code)
	if err != nil {
		s.countWrongCode(ctx, c.Account, err)
		return Grant{Account: account.Account{ID: c.Account}}, codesLost(codes, err)
	}
	g, err := s.begin(ctx, r)
	g.RecoveryCodes = codes
	if err == nil {
		s.Audit.CountNow(ctx, audit.LoggedIn, r.ID)
	}
	return g, codesLost(codes, err)
}

// codesLost returns the error of a login that has activated TOTP and failed after that: the recovery
// codes do not reach the person, so it says how to get new ones. It returns other errors unchanged.
func codesLost(codes []string, err error) error {
	if codes == nil || !fault.Is(err, fault.Unavailable) {
		return err
	}
	return fault.New(fault.Unavailable, "TOTP is on now, but the login failed after that and the recovery codes are lost; log in with a code, and create new ones: POST /api/auth/totp/recovery-codes").Because(err)
}

// EnrolForLogin returns a new secret for a login whose account must have TOTP. It fails as
// account.Service.EnrolForLogin does, and with fault.TooMany.
func (s *Service) EnrolForLogin(ctx context.Context, challenge string) (account.Enrolment, error) {
	c, err := s.parseChallenge(ctx, challenge)
	if err != nil {
		return account.Enrolment{}, err
	}
	return s.Accounts.EnrolForLogin(ctx, c)
}

// parseChallenge counts a request and returns its challenge.
func (s *Service) parseChallenge(ctx context.Context, text string) (session.Challenge, error) {
	c, err := s.Sessions.ParseChallenge(text)
	if err == nil || fault.Is(err, fault.Unauthenticated) {
		if err := s.Requests.Request(opCode, audit.OriginOf(ctx).Client, c.Device); err != nil {
			s.Audit.Count(ctx, audit.LoginThrottled, "")
			return session.Challenge{}, err
		}
	}
	return c, err
}

// countWrongCode records a wrong code in the audit: somebody may know the password of the account.
func (s *Service) countWrongCode(ctx context.Context, id string, err error) {
	switch {
	case errors.Is(err, account.ErrWrongCode):
		s.Audit.Count(ctx, audit.CodeFailed, id)
	case fault.Is(err, fault.TooMany):
		s.Audit.Count(ctx, audit.LoginThrottled, "")
	}
}

// EnrolTOTP returns a new secret for the authenticator app of the caller. It fails as
// account.Service.EnrolTOTP does.
func (s *Service) EnrolTOTP(ctx context.Context, password string) (account.Enrolment, error) {
	e, err := s.Accounts.EnrolTOTP(ctx, password)
	s.countWrongPassword(ctx, err)
	return e, err
}

// ConfirmTOTP activates the secret of EnrolTOTP, ends all other sessions of the account, and returns
// recovery codes. It fails as account.Service.ConfirmTOTP does.
func (s *Service) ConfirmTOTP(ctx context.Context, code string) ([]string, error) {
	epoch, codes, err := s.Accounts.ConfirmTOTP(ctx, code)
	if err != nil {
		s.countWrongCode(ctx, auth.Caller(ctx).UserID, err)
		return nil, err
	}
	s.keepSession(ctx, epoch)
	return codes, nil
}

// DisableTOTP turns TOTP off for the caller and ends all other sessions of the account. It fails as
// account.Service.DisableTOTP does.
func (s *Service) DisableTOTP(ctx context.Context, password string) error {
	epoch, err := s.Accounts.DisableTOTP(ctx, password)
	if err != nil {
		s.countWrongPassword(ctx, err)
		return err
	}
	s.keepSession(ctx, epoch)
	return nil
}

// ReplaceRecoveryCodes returns new recovery codes of the caller. It fails as
// account.Service.ReplaceRecoveryCodes does.
func (s *Service) ReplaceRecoveryCodes(ctx context.Context, password string) ([]string, error) {
	codes, err := s.Accounts.ReplaceRecoveryCodes(ctx, password)
	s.countWrongPassword(ctx, err)
	return codes, err
}
