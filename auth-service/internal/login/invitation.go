package login

import (
	"context"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/auth-service/internal/session"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
)

// AcceptInvitation accepts an invitation and begins a session, or returns a challenge. Without a
// caller it creates the account with the password; a caller accepts for their own account, without a
// password. A caller who logged in at the identity provider gets such a session again, without a
// challenge. It fails as invitation.Service.Accept and AcceptAsCaller do.
func (s *Service) AcceptInvitation(ctx context.Context, token, password string) (Grant, error) {
	var r account.Record
	var atProvider bool
	var err error
	switch {
	case auth.UserID(ctx) == "":
		r, err = s.Invitations.Accept(ctx, token, password)
	case password != "":
		err = fault.New(fault.Invalid, "the request has an access token and a password").
			With(fault.Detail{Path: "/password", Code: "unexpected", Message: "must be absent in a request with an access token; the password of the account stays"})
	default:
		if _, atProvider, err = s.providerSession(ctx); err == nil { // before accepting, which revokes the access token
			r, err = s.Invitations.AcceptAsCaller(ctx, token)
		}
	}
	if err != nil {
		return Grant{}, err
	}
	if atProvider {
		return s.begin(audit.WithProvider(ctx, s.Accounts.Provider.Issuer), r)
	}
	return s.beginOrChallenge(ctx, r, "")
}

// AcceptInvitationWithPassword accepts an invitation for the account of its address, if the password
// is right, or creates the account with the password. It begins no session. The password of an
// account is checked and throttled like that of a login from an unknown device. It fails as
// AcceptInvitation does, with fault.Invalid for a wrong password, and with fault.Conflict if the
// account has TOTP or no password.
func (s *Service) AcceptInvitationWithPassword(ctx context.Context, token, password string) error {
	invitee, err := s.Invitations.Invitee(ctx, token)
	if err != nil {
		return err
	}
	if !invitee.HasAccount {
		_, err := s.Invitations.Accept(ctx, token, password)
		return err
	}
	if err := s.Requests.Request(opLogin, audit.OriginOf(ctx).Client, ""); err != nil {
		s.countFailure(ctx, "", err)
		return err
	}
	r, err := s.Accounts.Authenticate(ctx, invitee.Email, password, session.Device{})
	if err != nil {
		s.countFailure(ctx, r.ID, err)
		if fault.Is(err, fault.Unauthenticated) && r.ID != "" && r.PasswordHash == "" {
			return errAcceptWithToken()
		}
		if fault.Is(err, fault.Unauthenticated) {
			err = fault.New(fault.Invalid, "the password is wrong").
				With(fault.Detail{Path: "/password", Code: "mismatch", Message: "must be the password of your account; after too many attempts, wait an hour"})
		}
		return err
	}
	if r.HasTOTP() {
		return errAcceptWithToken()
	}
	_, err = s.Invitations.AcceptAsCaller(auth.NewContext(ctx, r.Principal("")), token)
	return err
}

func errAcceptWithToken() error {
	return fault.New(fault.Conflict, "the password is not enough to accept this invitation; log in, then accept it with the access token (POST /api/auth/invitations/accept)")
}
