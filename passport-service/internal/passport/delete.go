package passport

import (
	"context"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/usage"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
)

const (
	sweepInterval = time.Minute
	// deletionDelay is how long a deleted passport stays in the store, invisible. Until
	// then a write that began before the deletion may still insert a history record.
	deletionDelay = time.Minute
)

// Delete deletes a draft. It fails with fault.Stale if ifVersion is given and does
// not contain the current version, and with fault.Conflict if the passport is not a
// draft.
//
// A single write hides the passport, publishes the event and frees the identifier.
// removeDeleted removes the stored records later, the versions first, so that a
// crash leaves no versions without a passport.
func (s *Service) Delete(ctx context.Context, id string, ifVersion ...int64) error {
	if err := s.checkCanChange(ctx, id, ifVersion); err != nil {
		return err
	}
	caller := auth.Caller(ctx)
	_, err := s.Passports.Update(ctx, id, func(p *Passport) (store.Change, error) {
		if err := checkOwner(caller, p); err != nil {
			return store.Change{}, err
		}
		if _, err := p.Head.State.transition(Delete); err != nil {
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

// remove removes the versions and the record of a deleted passport, and subtracts them from
// the usage of its owner at the time of the deletion.
func (s *Service) remove(ctx context.Context, row store.Row[Passport]) error {
	removed := func(a usage.Amount) error {
		return s.Usage.Add(ctx, usage.Write{Owner: row.Doc.Head.Owner.scope(), At: row.Doc.DeletedAt, Amount: usage.Amount{}.Minus(a)})
	}
	for {
		page, err := s.Versions.List(ctx, store.Query{Scopes: []string{row.ID}, Limit: store.MaxLimit})
		if err != nil {
			return err
		}
		if len(page.Rows) == 0 {
			if err := s.Passports.Delete(ctx, row.ID, row.Version); err != nil {
				return ignoreNotFound(err)
			}
			return removed(row.Doc.Head.amount())
		}
		var amount usage.Amount
		for _, v := range page.Rows {
			err := s.Versions.Delete(ctx, v.ID, v.Version)
			if ignoreNotFound(err) != nil {
				return err
			}
			if err == nil && v.Doc.Number < row.Doc.Head.Number { // others are copies of the newest version
				amount = amount.Plus(v.Doc.amount())
			}
		}
		if err := removed(amount); err != nil {
			return err
		}
	}
}

func ignoreNotFound(err error) error {
	if fault.Is(err, fault.NotFound) {
		return nil // another instance has removed it
	}
	return err
}

// Tasks returns the background tasks of the service.
func (s *Service) Tasks() []task.Kind {
	return []task.Kind{{Name: "passport.removeDeleted", Every: sweepInterval, Run: func(ctx context.Context, _ task.Task) error { return s.removeDeleted(ctx) }}}
}

// removeDeleted removes the passports that were deleted at least deletionDelay ago and that
// no running count includes.
func (s *Service) removeDeleted(ctx context.Context) error {
	q := store.Query{Scopes: []string{deletedScope}, Order: store.OldestFirst, Limit: store.MaxLimit}
	for row, err := range s.Passports.All(ctx, q) {
		if err != nil {
			return err
		}
		if s.now().Before(row.Doc.DeletedAt.Add(deletionDelay)) {
			continue
		}
		counting, err := s.Usage.IsCounting(ctx, row.Doc.Head.Owner.scope(), row.Doc.DeletedAt)
		if err == nil && !counting {
			err = s.remove(ctx, row)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
