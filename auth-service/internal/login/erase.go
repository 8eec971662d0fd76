package login

import (
	"context"
	"time"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/task"
)

// Tasks returns the background task that erases accounts whose email address nobody has confirmed.
func (s *Service) Tasks() []task.Kind {
	if !s.Accounts.VerifyEmails { // nobody can confirm an address
		return nil
	}
	return []task.Kind{{Name: "account.removeUnconfirmed", Every: time.Hour, Run: func(ctx context.Context, _ task.Task) error {
		return s.Accounts.EraseUnconfirmed(ctx, func(id string) { s.forget(ctx, id) })
	}}}
}

// Erase erases an account, its sessions and the email address in its invitations. It fails as
// account.Service.Erase does.
func (s *Service) Erase(ctx context.Context, id string) error {
	if err := s.Accounts.Erase(ctx, id); err != nil {
		return err
	}
	s.forget(ctx, id)
	return nil
}

// recentLogin is how long a login at the identity provider confirms the erasure of an account
// without a password.
const recentLogin = 10 * time.Minute

// EraseOwn erases the account of the caller, as Erase does. It fails as account.Service.EraseOwn
// does.
func (s *Service) EraseOwn(ctx context.Context, password string) error {
	r, found, err := s.providerSession(ctx)
	if err != nil {
		return err
	}
	justLoggedIn := found && s.Sessions.Now().Sub(r.CreatedAt) < recentLogin
	if err := s.Accounts.EraseOwn(ctx, password, justLoggedIn); err != nil {
		s.countWrongPassword(ctx, err)
		return err
	}
	s.forget(ctx, auth.Caller(ctx).UserID)
	return nil
}

// forget removes the data of an erased account from other records: its sessions, which are no
// longer valid, and the email address in the invitations that it accepted. If it fails, they
// remain until they expire or are removed.
func (s *Service) forget(ctx context.Context, account string) {
	if err := s.Sessions.Forget(ctx, account); err != nil {
		s.Log.WarnContext(ctx, "sessions of an erased account remain until they expire", "account", account, "err", err)
	}
	if err := s.Invitations.Forget(ctx, account); err != nil {
		s.Log.WarnContext(ctx, "the email address in an invitation of an erased account remains until the invitation is removed", "account", account, "err", err)
	}
}
