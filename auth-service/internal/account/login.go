package account

import (
	"context"
	"slices"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// maxKnownNetworks limits the networks of logins that an account remembers.
const maxKnownNetworks = 5

// Authenticate returns the account with the email address and password. It fails
// with fault.Unauthenticated for an unknown address or a wrong password, after the
// same time for both; with fault.Forbidden if the account is disabled; and with
// fault.TooMany, before it checks the password, after too many failures.
func (s *Service) Authenticate(ctx context.Context, email, password string) (Record, error) {
	email = NormalEmail(email)
	row, err := s.Accounts.GetBy(ctx, byEmail, email)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return Record{}, err
	}
	r := row.Doc
	ok, err := s.verifyPassword(ctx, r, email, password)
	switch {
	case err != nil:
		return Record{}, err
	case !ok:
		return Record{}, fault.New(fault.Unauthenticated, "the email address or the password is wrong")
	case r.Disabled:
		return Record{}, fault.New(fault.Forbidden, "the account is disabled; ask an admin to enable it")
	}
	if s.Passwords.Outdated(r.PasswordHash) {
		_ = s.rehash(ctx, r, password) // if it fails, the next login tries again
	}
	if from := originOf(ctx).Network; !slices.Contains(r.KnownNetworks, from) {
		_ = s.rememberNetwork(ctx, r.ID, from) // if it fails, the next login tries again
	}
	return s.completePending(ctx, r)
}

// verifyPassword reports whether the password is that of the account. It counts
// failures, and fails with fault.TooMany after too many of them.
func (s *Service) verifyPassword(ctx context.Context, r Record, email, password string) (bool, error) {
	from := originOf(ctx).Network
	end, err := s.Throttle.Attempt(from, email, slices.Contains(r.KnownNetworks, from))
	if err != nil {
		return false, err
	}
	ok, err := s.Passwords.Compare(ctx, r.PasswordHash, password)
	end(!ok && err == nil) // an error says nothing about the password
	return ok, err
}

// rememberNetwork adds a network to those that the account was logged in to from.
func (s *Service) rememberNetwork(ctx context.Context, id, from string) error {
	_, err := s.Accounts.Update(ctx, id, func(r *Record) (store.Change, error) {
		if slices.Contains(r.KnownNetworks, from) {
			return store.Change{}, store.ErrNoChange
		}
		r.KnownNetworks = append(r.KnownNetworks, from)
		r.KnownNetworks = r.KnownNetworks[max(0, len(r.KnownNetworks)-maxKnownNetworks):]
		return store.Change{}, nil
	})
	return err
}

// rehash replaces the hash of the same password by one of the configured cost.
func (s *Service) rehash(ctx context.Context, r Record, password string) error {
	hash, err := s.hashPassword(ctx, password)
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
