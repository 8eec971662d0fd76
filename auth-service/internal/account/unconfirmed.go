package account

import (
	"context"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// ConfirmationPeriod is how long an account exists after its latest registration, or a later change by an
// admin, if nobody confirms its email address. Changes that the person makes do not count: anybody may
// have registered the address of another person.
const ConfirmationPeriod = 7 * 24 * time.Hour

// EraseUnconfirmed erases the accounts whose email address was not confirmed within
// ConfirmationPeriod, and calls erased for each. It does not erase disabled accounts: an admin
// may have disabled one so that nobody can register its address.
func (s *Service) EraseUnconfirmed(ctx context.Context, erased func(id string)) error {
	limit := s.now().Add(-ConfirmationPeriod)
	isExpired := func(r Record) bool { return r.isUnconfirmed() && r.UpdatedAt.Before(limit) }
	q := store.Query{
		Scopes: []string{store.All}, Filters: map[string]string{filterUnconfirmed: unconfirmed}, Order: store.OldestFirst, Until: limit, Limit: store.MaxLimit,
	}
	for row, err := range s.Accounts.All(ctx, q) {
		if err != nil {
			return err
		}
		if !isExpired(row.Doc) {
			continue
		}
		r, err := s.update(ctx, row.ID, func(r *Record) (store.Change, error) {
			if !isExpired(*r) {
				return store.Change{}, store.ErrNoChange
			}
			return s.clear(ctx, r), nil
		})
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		if r.Deleted {
			erased(r.ID)
		}
	}
	return nil
}

// isUnconfirmed reports whether an account that is enabled has an email address that must be
// confirmed.
func (r *Record) isUnconfirmed() bool { return !r.Deleted && !r.Disabled && !r.Verified() }
