package invitation

import (
	"context"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Forget removes the email address from the invitations that an account has accepted.
func (s *Service) Forget(ctx context.Context, account string) error {
	for {
		page, err := s.Invitations.List(ctx, store.Query{
			Scopes: []string{store.All}, Filters: map[string]string{filterAccount: account}, Limit: store.MaxLimit,
		})
		if err != nil || len(page.Rows) == 0 {
			return err
		}
		for _, row := range page.Rows {
			_, err := s.Invitations.Update(ctx, row.ID, func(r *Record) (store.Change, error) {
				r.Email = ""
				return store.Change{}, nil
			})
			if err != nil && !fault.Is(err, fault.NotFound) {
				return err
			}
		}
	}
}
