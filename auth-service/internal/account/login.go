package account

import (
	"context"

	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Device is the device of a login. ID is empty unless a device token proves that the device is
// known.
type Device interface {
	ID() string
	BelongsTo(account string, epoch int64) bool
}

// Authenticate returns the account with the email address and password. It fails with
// fault.Unauthenticated for an unknown address, a wrong password, and any password after too
// many failures for the account from other devices; the error and the response time are the
// same for all three. It fails with fault.Forbidden if the account is disabled, and with
// fault.TooMany after too many failures of the client network. With the first two faults it
// also returns the account, if there is one.
func (s *Service) Authenticate(ctx context.Context, email, password string, device Device) (Record, error) {
	email = NormalEmail(email)
	row, err := s.Accounts.GetBy(ctx, byEmail, email)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return Record{}, err
	}
	r, deviceID := row.Doc, ""
	if device.BelongsTo(r.ID, r.Epoch) {
		deviceID = device.ID()
	}
	ok, err := s.verifyPassword(ctx, r, email, password, deviceID)
	switch {
	case err != nil:
		return Record{}, err
	case !ok:
		return r, fault.New(fault.Unauthenticated, "the email address or the password is wrong; if you are sure of both, too many others may have been tried for this address: log in on a device that you have logged in on before, or try again in an hour")
	case r.Disabled:
		return r, errDisabled()
	}
	if s.Passwords.Outdated(r.PasswordHash) {
		_ = s.rehash(ctx, r, classOf(deviceID), password) // if it fails, the next login tries again
	}
	return s.completePending(ctx, r)
}

// verifyPassword reports whether the password is the password of the account. It counts
// failures. After too many failures for the account, it treats every password as wrong, with
// the same response time. It fails with fault.TooMany after too many failures of the client
// network.
func (s *Service) verifyPassword(ctx context.Context, r Record, email, password, device string) (bool, error) {
	allowed, end, err := s.Throttle.Attempt(audit.OriginOf(ctx).Client, email, device)
	if err != nil {
		return false, err
	}
	hash := r.PasswordHash
	if !allowed {
		hash = "" // no password matches
	}
	ok, err := s.Passwords.Compare(ctx, s.clientOf(ctx, classOf(device)), hash, password)
	end(!ok && err == nil) // an error says nothing about the password
	return ok, err
}

// rehash replaces the hash of the same password by one of the configured cost.
func (s *Service) rehash(ctx context.Context, r Record, class Class, password string) error {
	hash, err := s.hashPassword(ctx, class, password)
	if err != nil {
		return err
	}
	_, err = s.Accounts.Update(ctx, r.ID, func(stored *Record) (store.Change, error) {
		if stored.PasswordHash != r.PasswordHash {
			return store.Change{}, store.ErrNoChange // another request changed the password
		}
		stored.PasswordHash = hash
		return store.Change{}, nil
	})
	return err
}

// GetForSession returns the account of a session that began in the epoch. It fails
// with fault.Unauthenticated if the account does not exist, is disabled, or has ended
// its sessions since.
func (s *Service) GetForSession(ctx context.Context, id string, epoch int64) (Record, error) {
	row, err := s.Accounts.Get(ctx, id)
	if fault.Is(err, fault.NotFound) || err == nil && (row.Doc.Disabled || row.Doc.Epoch != epoch) {
		return Record{}, errSessionEnded()
	}
	if err != nil {
		return Record{}, err
	}
	return s.completePending(ctx, row.Doc)
}

func errSessionEnded() error {
	return fault.New(fault.Unauthenticated, "the session has ended or the account is disabled; log in again")
}

// completePending applies a rights change whose revocation was published but whose
// account write failed: without it the tokens of the account would be refused
// everywhere. It fails with fault.Unauthenticated if the account was disabled or
// has ended its sessions since r was read.
func (s *Service) completePending(ctx context.Context, r Record) (Record, error) {
	revoked, err := s.Tokens.IsRevoked(ctx, r.ID, r.Rights+1)
	if err != nil || !revoked {
		return r, err
	}
	row, err := s.Accounts.Update(ctx, r.ID, func(stored *Record) (store.Change, error) {
		if stored.Rights > r.Rights {
			return store.Change{}, store.ErrNoChange
		}
		stored.Rights++
		return store.Change{}, nil
	})
	if err == nil && (row.Doc.Disabled || row.Doc.Epoch != r.Epoch) {
		return Record{}, errSessionEnded()
	}
	return row.Doc, err
}
