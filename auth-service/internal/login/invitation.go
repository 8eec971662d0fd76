package login

import (
	"context"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
)

// AcceptInvitation accepts an invitation and begins a session. Without a caller it creates the
// account with the password; a caller accepts for the own account, without a password. It
// fails as invitation.Service.Accept and AcceptAsCaller do.
func (s *Service) AcceptInvitation(ctx context.Context, token, password string) (Grant, error) {
	var r account.Record
	var err error
	switch {
	case auth.UserID(ctx) == "":
		r, err = s.Invitations.Accept(ctx, token, password)
	case password != "":
		err = fault.New(fault.Invalid, "the request has an access token and a password").
			With(fault.Detail{Path: "/password", Code: "unexpected", Message: "must be absent in a request with an access token; the password of the account stays"})
	default:
		r, err = s.Invitations.AcceptAsCaller(ctx, token)
	}
	if err != nil {
		return Grant{}, err
	}
	return s.begin(ctx, r)
}
