package session

import (
	"context"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
)

const sweepInterval = time.Minute

// Tasks returns the background tasks of the service.
func (s *Service) Tasks() []task.Kind {
	return []task.Kind{{Name: "session.removeExpired", Every: sweepInterval, Run: func(ctx context.Context, _ task.Task) error { return s.Sweep(ctx) }}}
}

// Sweep removes expired sessions and revocations. All tokens of a removed revocation
// have expired by then, even by a clock that is behind.
func (s *Service) Sweep(ctx context.Context) error {
	now := s.now().Add(-sweepInterval)
	if err := sweep(ctx, s.Sessions, func(r Record) bool { return r.ExpiresAt.Before(now) }); err != nil {
		return err
	}
	return sweep(ctx, s.Revocations, func(r RevocationRecord) bool { return r.Until.Before(now) })
}

// sweep removes expired records, from the oldest to the first that has not expired.
func sweep[T any](ctx context.Context, c *store.Collection[T], expired func(T) bool) error {
	for row, err := range c.All(ctx, store.Query{Scopes: []string{store.All}, Order: store.OldestFirst, Limit: store.MaxLimit}) {
		if err != nil || !expired(row.Doc) {
			return err
		}
		if err := c.Delete(ctx, row.ID, row.Version); err != nil && !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Stale) {
			return err
		}
	}
	return nil
}
