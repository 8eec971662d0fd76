package account

import (
	"context"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Own returns the account of the caller. It fails with fault.Unauthenticated
// when the account is gone or disabled, or has other rights, since the token was
// given.
func (s *Service) Own(ctx context.Context) (Account, error) {
	r, err := s.own(ctx)
	return r.Account, err
}

func (s *Service) own(ctx context.Context) (Record, error) {
	caller := auth.Caller(ctx)
	row, err := s.Accounts.Get(ctx, caller.UserID)
	switch {
	case fault.Is(err, fault.NotFound) || err == nil && row.Doc.Disabled:
		return Record{}, fault.New(fault.Unauthenticated, "the account of this token is gone or disabled")
	case err == nil && caller.Version < row.Doc.Rights:
		return Record{}, fault.New(fault.Unauthenticated, "the account of this token has changed; refresh the token, or log in again")
	}
	return row.Doc, err
}

// CheckAdmin fails with fault.Forbidden when the caller is no admin, or as Own
// does.
func (s *Service) CheckAdmin(ctx context.Context) error {
	r, err := s.own(ctx)
	if err == nil && r.Role != auth.Admin {
		return fault.New(fault.Forbidden, "the account of this token is no longer that of an admin")
	}
	return err
}

// ChangePassword gives the caller a new password, ends all sessions, and returns
// the epoch in which sessions begin now. It fails with fault.Invalid when the
// current password is wrong or the new one does not meet the policy, and with
// fault.TooMany after too many failures.
func (s *Service) ChangePassword(ctx context.Context, current, next string) (epoch int64, err error) {
	if details := checkPassword("/newPassword", next); details != nil {
		return 0, fault.New(fault.Invalid, "the new password does not meet the policy").With(details...)
	}
	r, err := s.own(ctx)
	if err != nil {
		return 0, err
	}
	if ok, err := s.tried(ctx, r, r.Email, current); err != nil {
		return 0, err
	} else if !ok {
		return 0, fault.New(fault.Invalid, "the current password is wrong").
			With(fault.Detail{Path: "/currentPassword", Code: "mismatch", Message: "is not the password of this account"})
	}
	hash, err := s.hashed(ctx, next)
	if err != nil {
		return 0, err
	}
	r, err = s.update(ctx, r.ID, func(stored *Record) (store.Change, error) {
		if stored.PasswordHash != r.PasswordHash {
			return store.Change{}, fault.New(fault.Conflict, "the password was changed at the same time by another request")
		}
		stored.PasswordHash = hash
		stored.Epoch++
		return s.rightsChange(ctx, stored, PasswordChanged), nil
	})
	return r.Epoch, err
}

// EndSessions ends all sessions of the account with the id, and its access
// tokens. It fails with fault.NotFound.
func (s *Service) EndSessions(ctx context.Context, id string) error {
	_, err := s.update(ctx, id, func(r *Record) (store.Change, error) {
		r.Epoch++
		return s.rightsChange(auth.NewContext(ctx, auth.Principal{UserID: id}), r, SessionsEnded), nil
	})
	return err
}

// TokenReused records that a refresh token of the account was used twice, which
// ended its session: one of the two holders has stolen it.
func (s *Service) TokenReused(ctx context.Context, id string) error {
	_, err := s.update(ctx, id, func(r *Record) (store.Change, error) { return s.entryChange(ctx, r, TokenReused), nil })
	return err
}
