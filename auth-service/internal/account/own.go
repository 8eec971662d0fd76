package account

import (
	"context"
	"errors"

	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// CallerAccount returns the account of the caller. It fails with
// fault.Unauthenticated if the account was deleted, disabled, or given other rights
// since the access token was issued.
func (s *Service) CallerAccount(ctx context.Context) (Account, error) {
	r, err := s.CallerRecord(ctx)
	return r.Account, err
}

// CallerRecord returns the stored account of the caller. It fails as CallerAccount does.
func (s *Service) CallerRecord(ctx context.Context) (Record, error) {
	caller := auth.Caller(ctx)
	row, err := s.Accounts.Get(ctx, caller.UserID)
	switch {
	case fault.Is(err, fault.NotFound) || err == nil && row.Doc.Disabled:
		return Record{}, fault.New(fault.Unauthenticated, "the account of this access token does not exist or is disabled")
	case err == nil && caller.Version < row.Doc.Rights:
		return Record{}, fault.New(fault.Unauthenticated, "the rights of the account have changed since this access token was issued; refresh it or log in again")
	}
	return row.Doc, err
}

// CheckAdmin fails with fault.Forbidden if the caller is not an admin, and as
// CallerAccount does.
func (s *Service) CheckAdmin(ctx context.Context) error {
	r, err := s.CallerRecord(ctx)
	if err == nil && r.Role != auth.Admin {
		return fault.New(fault.Forbidden, "the account of this access token has lost the role admin")
	}
	return err
}

// ErrWrongPassword is the cause of the fault for a wrong current password of the caller.
var ErrWrongPassword = errors.New("wrong current password")

// ChangePassword sets the password of the caller, ends all sessions and devices of the
// account, and returns the new epoch of its sessions. The session of the caller counts as
// its device. It fails with fault.Invalid if the current password is wrong or the new one
// does not meet the policy, with fault.TooMany after too many failures, and with
// fault.Conflict if another request changes the password at the same time.
func (s *Service) ChangePassword(ctx context.Context, current, next string) (epoch int64, err error) {
	details := checkPasswordPolicy("/newPassword", next)
	if NormalPassword(next) == NormalPassword(current) {
		details = append(details, fault.Detail{Path: "/newPassword", Code: "unchanged", Message: "must differ from the current password"})
	}
	if details != nil {
		return 0, fault.New(fault.Invalid, "the new password does not meet the policy").With(details...)
	}
	r, err := s.confirmPassword(ctx, "/currentPassword", current)
	if err != nil {
		return 0, err
	}
	hash, err := s.hashPassword(ctx, KnownDevice, next)
	if err != nil {
		return 0, err
	}
	r, err = s.update(ctx, r.ID, func(stored *Record) (store.Change, error) {
		if stored.PasswordHash != r.PasswordHash {
			return store.Change{}, fault.New(fault.Conflict, "another request changed the password at the same time")
		}
		stored.PasswordHash = hash
		stored.endLogins()
		return s.rightsChange(ctx, stored, audit.PasswordChanged), nil
	})
	return r.Epoch, err
}

// confirmPassword returns the account of the caller if the password is its current one. The
// session of the caller counts as its device. It fails with fault.Invalid, caused by
// ErrWrongPassword, with fault.TooMany after too many failures, with fault.Conflict if the account
// has none, and as CallerAccount does.
func (s *Service) confirmPassword(ctx context.Context, path, password string) (Record, error) {
	r, err := s.CallerRecord(ctx)
	if err != nil {
		return r, err
	}
	if r.PasswordHash == "" {
		return r, fault.New(fault.Conflict, "the account has no password, because it logs in at the identity provider; ask an admin")
	}
	ok, err := s.verifyPassword(ctx, r, r.Email, password, auth.Caller(ctx).Session)
	if err == nil && !ok {
		err = fault.New(fault.Invalid, "the current password is wrong").
			With(fault.Detail{Path: path, Code: "mismatch", Message: "must be the current password of this account"}).Because(ErrWrongPassword)
	}
	return r, err
}

// endLogins ends all sessions, devices and reset links of an account. Callers also revoke its
// access tokens, with rightsChange.
func (r *Record) endLogins() {
	r.Epoch++
	r.Reset.Close()
}

// EndSessions ends all sessions and reset links of an account, and revokes its access tokens.
// It fails with fault.NotFound.
func (s *Service) EndSessions(ctx context.Context, id string) error {
	_, err := s.update(ctx, id, func(r *Record) (store.Change, error) {
		r.endLogins()
		return s.rightsChange(asAccount(ctx, id), r, audit.SessionsEnded), nil
	})
	return err
}

// TokenReused records in the audit that a refresh token of the account was used
// twice, which ended its session: the token may have been stolen.
func (s *Service) TokenReused(ctx context.Context, id string) error {
	_, err := s.update(ctx, id, func(r *Record) (store.Change, error) { return s.entryChange(ctx, r, audit.TokenReused), nil })
	return err
}
