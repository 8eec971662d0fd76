package login

import (
	"context"

	"github.com/battery-passport/suite/pkg/auth"
)

// Erase erases an account and its sessions. It fails as account.Service.Erase does.
func (s *Service) Erase(ctx context.Context, id string) error {
	if err := s.Accounts.Erase(ctx, id); err != nil {
		return err
	}
	s.forgetSessions(ctx, id)
	return nil
}

// EraseOwn erases the account of the caller and its sessions. It fails as
// account.Service.EraseOwn does.
func (s *Service) EraseOwn(ctx context.Context, password string) error {
	if err := s.Accounts.EraseOwn(ctx, password); err != nil {
		s.countWrongPassword(ctx, err)
		return err
	}
	s.forgetSessions(ctx, auth.Caller(ctx).UserID)
	return nil
}

// forgetSessions removes the sessions of an erased account. They have no effect any more: if it
// fails, they remain until they expire.
func (s *Service) forgetSessions(ctx context.Context, account string) {
	if err := s.Sessions.Forget(ctx, account); err != nil {
		s.Log.WarnContext(ctx, "sessions of an erased account remain until they expire", "account", account, "err", err)
	}
}
