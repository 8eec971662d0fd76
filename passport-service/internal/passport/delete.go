package passport

import (
	"context"
	"time"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
)

const (
	sweepInterval = time.Minute
	// deletionDelay is how long a deleted passport stays in the store, unseen. A
	// write that began before the deletion may add a version until then.
	deletionDelay = time.Minute
)

// Delete deletes a draft. With versions given it fails with fault.Stale unless
// the passport has one of them.
//
// One write hides the passport, publishes the event and frees its identifier.
// removeDeleted removes what is stored, the versions first, so that none is left
// without its passport when the process is killed.
func (s *Service) Delete(ctx context.Context, id string, ifVersion ...int64) error {
	if err := s.checkVisible(ctx, id, ifVersion); err != nil {
		return err
	}
	caller := auth.Caller(ctx)
	_, err := s.Passports.Update(ctx, id, func(p *Passport) (store.Change, error) {
		if err := checkOwner(caller, p); err != nil {
			return store.Change{}, err
		}
		if _, err := p.Head.State.after(Delete); err != nil {
			return store.Change{}, err
		}
		p.Deleted, p.DeletedAt = true, s.now()
		return store.Change{Events: []event.Envelope{p.deleted(caller.UserID, p.DeletedAt)}}, nil
	}, store.IfVersion(ifVersion...))
	if fault.Is(err, fault.NotFound) {
		return errNotFound(id)
	}
	return err
}

// remove removes what is stored of a deleted passport.
func (s *Service) remove(ctx context.Context, row store.Row[Passport]) error {
	for {
		page, err := s.Versions.List(ctx, store.Query{Scopes: []string{row.ID}, Limit: store.MaxLimit})
		if err != nil {
			return err
		}
		if len(page.Rows) == 0 {
			return ignoreNotFound(s.Passports.Delete(ctx, row.ID, row.Version))
		}
		for _, v := range page.Rows {
			if err := ignoreNotFound(s.Versions.Delete(ctx, v.ID, v.Version)); err != nil {
				return err
			}
		}
	}
}

func ignoreNotFound(err error) error {
	if fault.Is(err, fault.NotFound) {
		return nil // another instance was faster
	}
	return err
}

// Tasks returns the background work of the service.
func (s *Service) Tasks() []task.Kind {
	return []task.Kind{{Name: "passport.removeDeleted", Every: sweepInterval, Run: func(ctx context.Context, _ task.Task) error { return s.removeDeleted(ctx) }}}
}

// removeDeleted removes passports that were deleted a while ago.
func (s *Service) removeDeleted(ctx context.Context) error {
	q := store.Query{Scopes: []string{deletedScope}, Order: store.OldestFirst, Limit: store.MaxLimit}
	for {
		page, err := s.Passports.List(ctx, q)
		if err != nil {
			return err
		}
		for _, row := range page.Rows {
			if s.now().Before(row.Doc.DeletedAt.Add(deletionDelay)) {
				continue
			}
			if err := s.remove(ctx, row); err != nil {
				return err
			}
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return nil
		}
	}
}
