package account

import (
	"context"
	"errors"

	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/auth-service/internal/recovery"
	"github.com/battery-passport/suite/auth-service/internal/session"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Challenge returns the challenge for a login with the correct password. Device is the verified id of
// a device of the account, or empty.
func (r Record) Challenge(device string) session.Challenge {
	return session.Challenge{Account: r.ID, Epoch: r.Epoch, Logins: r.Factor.Logins, Device: device}
}

// checkChallenge fails with fault.Unauthenticated if the account has changed since the challenge.
func (r *Record) checkChallenge(c session.Challenge) error {
	if r.Deleted || r.Disabled || r.Epoch != c.Epoch || r.Factor.Logins != c.Logins {
		return session.ErrChallenge()
	}
	return nil
}

// getByChallenge returns the account of a challenge. It fails with fault.Unauthenticated if the
// challenge is no longer valid.
func (s *Service) getByChallenge(ctx context.Context, c session.Challenge) (Record, error) {
	row, err := s.Accounts.Get(ctx, c.Account)
	if fault.Is(err, fault.NotFound) {
		return Record{}, session.ErrChallenge()
	}
	if err == nil {
		err = row.Doc.checkChallenge(c)
	}
	return row.Doc, err
}

// EnrolForLogin returns a new secret for an account that must have TOTP and has none: CompleteLogin
// activates it. It fails with fault.Unauthenticated if the challenge is no longer valid, and with
// fault.Conflict if the account has TOTP.
func (s *Service) EnrolForLogin(ctx context.Context, c session.Challenge) (Enrolment, error) {
	r, err := s.getByChallenge(ctx, c)
	if err != nil {
		return Enrolment{}, err
	}
	return s.enrol(ctx, r, func(r *Record) error {
		if err := r.checkChallenge(c); err != nil { // the account may have changed
			return err
		}
		if r.HasTOTP() {
			return fault.New(fault.Conflict, "the account has TOTP; log in with a code of the authenticator app")
		}
		return nil
	})
}

// CompleteLogin verifies the code of a login, of the authenticator app or a recovery code, and returns
// the account. Each code works once. For an account without TOTP, it activates the secret of
// EnrolForLogin and returns recovery codes. It fails with fault.Unauthenticated if the challenge is
// no longer valid, with fault.Invalid, caused by ErrWrongCode, with fault.Conflict without a
// secret, and with fault.TooMany after too many failures.
func (s *Service) CompleteLogin(ctx context.Context, c session.Challenge, code string) (r Record, codes []string, err error) {
	if r, err = s.getByChallenge(ctx, c); err != nil {
		return Record{}, nil, err
	}
	err = s.attemptCode(r.ID, c.Device, func() error {
		var refused error
		r, err = s.update(ctx, r.ID, func(r *Record) (change store.Change, err error) {
			if err := r.checkChallenge(c); err != nil {
				return store.Change{}, err
			}
			if !r.HasTOTP() {
				change, codes, err = s.activate(ctx, r, code)
				return change, err
			}
			change, refused = s.acceptCode(ctx, r, code)
			if errors.Is(refused, errEarlyCode) {
				return change, nil
			}
			return change, refused
		})
		if err == nil {
			err = refused
		}
		return err
	})
	if err != nil {
		return Record{}, nil, err
	}
	r, err = s.completePending(ctx, r)
	return r, codes, err
}

// acceptCode verifies a code of the authenticator app, or a recovery code, and marks it as used. It
// fails with fault.Invalid, caused by ErrWrongCode.
func (s *Service) acceptCode(ctx context.Context, r *Record, code string) (store.Change, error) {
	if !recovery.IsCode(code) {
		err := s.useCode(r, code)
		if err == nil {
			r.Factor.Logins++
		}
		return store.Change{}, err
	}
	if !r.Factor.Recovery.Use(code) {
		return store.Change{}, refusedCode("mismatch", ErrWrongCode, "the recovery code is wrong, or was used before")
	}
	r.Factor.Logins++
	return s.entryChange(asAccount(ctx, r.ID), r, audit.RecoveryCodeUsed), nil
}

// attemptCode calls try, which verifies a code, and counts a failure if the code is wrong.
// device is the verified id of a device of the account, or empty. It fails as try does, and
// with fault.TooMany after too many failures.
func (s *Service) attemptCode(id, device string, try func() error) error {
	end, err := s.Throttle.Code(id, device)
	if err != nil {
		return err
	}
	err = try()
	end(errors.Is(err, ErrWrongCode))
	return err
}
