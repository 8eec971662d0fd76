package session

import (
	"context"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Active returns the sessions of an account that continue, the latest login first.
func (s *Service) Active(ctx context.Context, account string, epoch int64) ([]Record, error) {
	page, err := s.Sessions.List(ctx, store.Query{Scopes: []string{account}, Limit: store.MaxLimit})
	if err != nil {
		return nil, err
	}
	active := make([]Record, 0, len(page.Rows))
	for _, row := range page.Rows {
		if s.isActive(row.Doc, account, epoch) {
			active = append(active, row.Doc)
		}
	}
	return active, nil
}

func (s *Service) isActive(r Record, account string, epoch int64) bool {
	return r.Account == account && r.Epoch == epoch && !r.Ended && s.now().Before(r.ExpiresAt)
}

// EndActive ends a session of an account. It fails with fault.NotFound unless it is one of
// those that Active returns.
func (s *Service) EndActive(ctx context.Context, id, account string, epoch int64) error {
	row, err := s.Sessions.Get(ctx, id)
	if fault.Is(err, fault.NotFound) || err == nil && !s.isActive(row.Doc, account, epoch) {
		return fault.New(fault.NotFound, "you have no session with this id, or it has ended")
	}
	if err != nil {
		return err
	}
	return s.End(ctx, id)
}

// Forget ends the sessions of an account whose access tokens are revoked, and removes what
// describes their clients.
func (s *Service) Forget(ctx context.Context, account string) error {
	q := store.Query{Scopes: []string{account}, Limit: store.MaxLimit}
	return s.Sessions.UpdateAll(ctx, q, func(r *Record) (store.Change, error) {
		r.Ended, r.Client = true, Client{}
		return store.Change{}, nil
	})
}
