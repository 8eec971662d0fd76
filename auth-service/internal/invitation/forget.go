package invitation

import (
	"context"

	"github.com/battery-passport/suite/pkg/store"
)

// Forget removes the email address from the invitations that an account has accepted.
func (s *Service) Forget(ctx context.Context, account string) error {
	q := store.Query{Scopes: []string{store.All}, Filters: map[string]string{filterAccount: account}, Limit: store.MaxLimit}
	return s.Invitations.UpdateAll(ctx, q, func(r *Record) (store.Change, error) {
		r.Email = ""
		return store.Change{}, nil
	})
}
