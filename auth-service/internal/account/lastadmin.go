package account

import (
	"context"
	"time"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// exclusionTimeout is how long an admin that is about to be erased or to lose the role does not count
// as an admin, if the process stops before that succeeds or fails.
const exclusionTimeout = time.Minute

// excludeAdmin marks an admin that is about to be erased or to lose the role, and then looks for
// another one. A marked admin does not count: if this happens to two admins at the same time, at
// most one of them succeeds. It returns the time of the mark. It does nothing for other roles. It
// fails with fault.Conflict for the last admin.
func (s *Service) excludeAdmin(ctx context.Context, r Record) (at time.Time, err error) {
	if r.Role != auth.Admin {
		return at, nil
	}
	at = s.now()
	_, err = s.Accounts.Update(ctx, r.ID, func(r *Record) (store.Change, error) {
		r.ExcludedAt = at
		return store.Change{}, r.checkExists()
	})
	if err != nil {
		return at, err
	}
	err = s.CheckAdminExists(ctx)
	if fault.Is(err, fault.Conflict) {
		err = fault.New(fault.Conflict, "this is the last admin; make another account an admin first")
	}
	if err != nil {
		s.includeAdmin(ctx, r.ID, at)
	}
	return at, err
}

// includeAdmin removes the mark that excludeAdmin set at the given time. If that fails, the
// mark expires after exclusionTimeout.
func (s *Service) includeAdmin(ctx context.Context, id string, at time.Time) {
	_, _ = s.Accounts.Update(ctx, id, func(r *Record) (store.Change, error) {
		if !r.ExcludedAt.Equal(at) {
			return store.Change{}, store.ErrNoChange
		}
		r.ExcludedAt = time.Time{}
		return store.Change{}, nil
	})
}

// isExcluded reports whether the admin has the mark that excludeAdmin set at the given time,
// and the mark has not expired.
func (s *Service) isExcluded(r Record, at time.Time) bool {
	return !at.IsZero() && r.ExcludedAt.Equal(at) && s.now().Sub(at) < exclusionTimeout
}
