package account

import (
	"context"
	"slices"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// maxKnown is how many networks of logins are remembered of an account.
const maxKnown = 5

// Authenticate returns the account with the address and password. It fails
// with fault.Unauthenticated for both an unknown address and a wrong password,
// after the same time, with fault.Forbidden when the account is disabled, and
// with fault.TooMany, before it looks at the password, after too many failures.
func (s *Service) Authenticate(ctx context.Context, email, password string) (Record, error) {
	email = NormalEmail(email)
	row, err := s.Accounts.GetBy(ctx, byEmail, email)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return Record{}, err
	}
	r := row.Doc
	ok, err := s.tried(ctx, r, email, password)
	switch {
	case err != nil:
		return Record{}, err
	case !ok:
		return Record{}, fault.New(fault.Unauthenticated, "the address or the password is wrong")
	case r.Disabled:
		return Record{}, fault.New(fault.Forbidden, "the account is disabled; ask an admin")
	}
	if s.Passwords.Outdated(r.PasswordHash) {
		_ = s.rehash(ctx, r, password) // or at the next login
	}
	if from := originOf(ctx).Network; !slices.Contains(r.KnownFrom, from) {
		_ = s.know(ctx, r.ID, from) // or at the next login
	}
	return s.completePending(ctx, r)
}

// tried tells whether the password is that of the account, once it may be tried.
func (s *Service) tried(ctx context.Context, r Record, email, password string) (bool, error) {
	from := originOf(ctx).Network
	end, err := s.Attempts.Attempt(from, email, slices.Contains(r.KnownFrom, from))
	if err != nil {
		return false, err
	}
	ok, err := s.Passwords.Compare(ctx, r.PasswordHash, password)
	end(!ok && err == nil) // what was not compared is no failure
	return ok, err
}

// know remembers a network that the account was logged in to from.
func (s *Service) know(ctx context.Context, id, from string) error {
	_, err := s.Accounts.Update(ctx, id, func(r *Record) (store.Change, error) {
		if slices.Contains(r.KnownFrom, from) {
			return store.Change{}, store.ErrNoChange
		}
		r.KnownFrom = append(r.KnownFrom, from)
		r.KnownFrom = r.KnownFrom[max(0, len(r.KnownFrom)-maxKnown):]
		return store.Change{}, nil
	})
	return err
}

// rehash keeps the same password at the cost of today.
func (s *Service) rehash(ctx context.Context, r Record, password string) error {
	hash, err := s.hashed(ctx, password)
	if err != nil {
		return err
	}
	_, err = s.Accounts.Update(ctx, r.ID, func(stored *Record) (store.Change, error) {
		if stored.PasswordHash != r.PasswordHash {
			return store.Change{}, store.ErrNoChange // it was changed meanwhile
		}
		stored.PasswordHash = hash
		return store.Change{}, nil
	})
	return err
}

// Holder returns the account of a session that began in the epoch. It fails with
// fault.Unauthenticated when the account is gone or disabled, or has ended its
// sessions since.
func (s *Service) Holder(ctx context.Context, id string, epoch int64) (Record, error) {
	row, err := s.Accounts.Get(ctx, id)
	if fault.Is(err, fault.NotFound) || err == nil && (row.Doc.Disabled || row.Doc.Epoch != epoch) {
		return Record{}, ended()
	}
	if err != nil {
		return Record{}, err
	}
	return s.completePending(ctx, row.Doc)
}

func ended() error {
	return fault.New(fault.Unauthenticated, "the account has ended this login, or is disabled; log in again")
}

// completePending applies a rights change whose revocation was published but whose
// account write failed: without it the tokens of the account would be refused
// everywhere. It fails with fault.Unauthenticated if the account was disabled or
// has ended its sessions since r was read.
func (s *Service) completePending(ctx context.Context, r Record) (Record, error) {
	begun, err := s.Tokens.IsRevoked(ctx, r.ID, r.Rights+1)
	if err != nil || !begun {
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
		return Record{}, ended()
	}
	return row.Doc, err
}
