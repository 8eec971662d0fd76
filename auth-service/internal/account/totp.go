package account

import (
	"context"

	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/auth-service/internal/recovery"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// EnrolTOTP returns a new secret for the authenticator app of the caller, which ConfirmTOTP
// activates. Until then an earlier one stays active. It fails as ChangePassword does for a wrong
// password.
func (s *Service) EnrolTOTP(ctx context.Context, password string) (Enrolment, error) {
	r, err := s.confirmPassword(ctx, "/password", password)
	if err != nil {
		return Enrolment{}, err
	}
	return s.enrol(ctx, r, func(*Record) error { return nil })
}

// enrol stores a new secret as pending, if check does not fail.
func (s *Service) enrol(ctx context.Context, r Record, check func(*Record) error) (Enrolment, error) {
	e, err := s.TOTPSecrets.New(r.ID, r.Email)
	if err != nil {
		return e, err
	}
	_, err = s.update(ctx, r.ID, func(r *Record) (store.Change, error) {
		if err := check(r); err != nil {
			return store.Change{}, err
		}
		r.Factor.Pending, r.Factor.PendingSince = e.Sealed, s.now()
		return s.entryChange(asAccount(ctx, r.ID), r, audit.TOTPEnrolled), nil
	})
	return e, err
}

// ConfirmTOTP activates the pending secret of the caller if the code is correct, ends all sessions and
// devices of the account, and returns the new epoch of its sessions and recovery codes. It fails with
// fault.Invalid, caused by ErrWrongCode, with fault.Conflict without a pending secret, and with
// fault.TooMany.
func (s *Service) ConfirmTOTP(ctx context.Context, code string) (epoch int64, codes []string, err error) {
	r, err := s.CallerRecord(ctx)
	if err != nil {
		return 0, nil, err
	}
	err = s.attemptCode(r.ID, auth.Caller(ctx).Session, func() error {
		r, err = s.update(ctx, r.ID, func(r *Record) (change store.Change, err error) {
			change, codes, err = s.activate(ctx, r, code)
			return change, err
		})
		return err
	})
	return r.Epoch, codes, err
}

// activate replaces the secret of the account by the pending one, and returns new recovery codes.
func (s *Service) activate(ctx context.Context, r *Record, code string) (_ store.Change, codes []string, err error) {
	if r.Factor.Pending == nil || s.now().Sub(r.Factor.PendingSince) >= enrolmentLifetime {
		return store.Change{}, nil, fault.New(fault.Conflict, "no enrolment is pending: it was confirmed, or is older than 15 minutes; begin another one")
	}
	step, err := s.stepOf(r.ID, r.Factor.Pending, code)
	if err != nil {
		return store.Change{}, nil, err
	}
	f := Factor{Secret: r.Factor.Pending, LastStep: step, Logins: r.Factor.Logins + 1}
	codes, f.Recovery = recovery.New()
	r.Factor, r.TOTPSince = f, s.now()
	r.endLogins()
	return s.rightsChange(asAccount(ctx, r.ID), r, audit.TOTPEnabled), codes, nil
}

// DisableTOTP turns TOTP off for the caller, ends all sessions and devices of the account, and returns
// the new epoch of its sessions. It fails as EnrolTOTP does, and with fault.Conflict if TOTP is off or
// the account must have it.
func (s *Service) DisableTOTP(ctx context.Context, password string) (epoch int64, err error) {
	r, err := s.confirmPassword(ctx, "/password", password)
	if err != nil {
		return 0, err
	}
	r, err = s.update(ctx, r.ID, func(r *Record) (store.Change, error) {
		if err := r.checkTOTP(); err != nil {
			return store.Change{}, err
		}
		if s.NeedsTOTP(r.Account) {
			return store.Change{}, fault.New(fault.Conflict, "your account must have TOTP (REQUIRE_TOTP); to use another device, enrol it, which replaces the current one")
		}
		r.removeFactor()
		r.endLogins()
		return s.rightsChange(ctx, r, audit.TOTPDisabled), nil
	})
	return r.Epoch, err
}

// ReplaceRecoveryCodes returns new recovery codes of the caller, which replace the earlier
// ones. It fails as EnrolTOTP does, and with fault.Conflict if TOTP is off.
func (s *Service) ReplaceRecoveryCodes(ctx context.Context, password string) (codes []string, err error) {
	r, err := s.confirmPassword(ctx, "/password", password)
	if err != nil {
		return nil, err
	}
	_, err = s.update(ctx, r.ID, func(r *Record) (store.Change, error) {
		if err := r.checkTOTP(); err != nil {
			return store.Change{}, err
		}
		codes, r.Factor.Recovery = recovery.New()
		return s.entryChange(ctx, r, audit.RecoveryCodesReplaced), nil
	})
	return codes, err
}

func (r *Record) checkTOTP() error {
	if !r.HasTOTP() {
		return fault.New(fault.Conflict, "TOTP is off for this account")
	}
	return nil
}

// ResetTOTP turns TOTP off for a person without device and recovery codes, and ends all sessions and
// devices of the account. It fails with fault.NotFound if the administrator may not see the account,
// and with fault.Conflict if TOTP is off or the account is that of the caller.
func (s *Service) ResetTOTP(ctx context.Context, by Administrator, id string) error {
	if id == auth.Caller(ctx).UserID {
		return fault.New(fault.Conflict, "this is your own account; disable TOTP with your password: POST /api/auth/totp/deletion")
	}
	_, err := s.update(ctx, id, func(r *Record) (store.Change, error) {
		if !by.Administers(r.Role, r.Organisation) {
			return store.Change{}, store.ErrNotFound(id)
		}
		if err := r.checkTOTP(); err != nil {
			return store.Change{}, err
		}
		r.removeFactor()
		r.endLogins()
		return s.rightsChange(ctx, r, audit.TOTPReset), nil
	})
	return notFound(id, err)
}

// asAccount returns a context whose caller is the account, for the audit of requests without an access
// token.
func asAccount(ctx context.Context, id string) context.Context {
	return auth.NewContext(ctx, auth.Principal{UserID: id})
}
