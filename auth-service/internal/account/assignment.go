package account

import (
	"context"

	"github.com/battery-passport/suite/auth-service/internal/organisation"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Organisations gives access to the organisations of accounts. Confirm fails with
// fault.Invalid if the organisation does not exist; otherwise it makes a concurrent
// deletion fail that has not yet looked for assignments. Resolve returns the id and
// the former ids of the organisation that is stored with an account.
type Organisations interface {
	Confirm(ctx context.Context, id string) error
	Resolve(ctx context.Context, stored string) (id string, formerIDs []string, err error)
}

// beginAssignment marks an account as being assigned to an organisation, confirms
// the organisation, and returns the id of the assignment. Until the mark is removed,
// nobody can delete the organisation without cancelling the assignment. It does
// nothing without an organisation, or if the account already belongs to it. It fails with
// fault.Stale as Change does.
func (s *Service) beginAssignment(ctx context.Context, accountID string, id *string, versions []int64) (assignment string, err error) {
	if id == nil || *id == "" {
		return "", nil
	}
	assignment = s.NewID()
	row, err := s.Accounts.Update(ctx, accountID, func(r *Record) (store.Change, error) {
		if err := r.checkExists(); err != nil {
			return store.Change{}, err
		}
		if err := r.LastEntry.CheckVersion(versions); err != nil {
			return store.Change{}, err
		}
		if r.Organisation == *id {
			return store.Change{}, store.ErrNoChange
		}
		if details := organisation.CheckID("/organisation", *id); details != nil {
			return store.Change{}, fault.New(fault.Invalid, "the organisation is not valid").With(details...)
		}
		r.PendingAssignment = Assignment{*id, assignment}
		return store.Change{}, nil
	})
	if err != nil || row.Doc.PendingAssignment.ID != assignment {
		return "", notFound(accountID, err)
	}
	err = s.Organisations.Confirm(ctx, *id)
	if err != nil {
		_ = s.cancelAssignment(ctx, accountID, row.Doc.PendingAssignment) // if it fails, the next assignment or deletion replaces the mark
	}
	return assignment, err
}

// finishAssignment removes the mark of the assignment. It fails with fault.Conflict
// if the account moves to another organisation and the mark is gone: a deletion or
// another assignment has replaced it.
func (r *Record) finishAssignment(before, assignment string) error {
	marked := assignment != "" && r.PendingAssignment.ID == assignment
	if r.Organisation != before && r.Organisation != "" && !marked {
		return fault.New(fault.Conflict, "another request deleted organisation %q or changed the account at the same time; try again", r.Organisation)
	}
	if marked {
		r.PendingAssignment = Assignment{}
	}
	return nil
}

// cancelAssignment removes a mark, unless another assignment has replaced it.
func (s *Service) cancelAssignment(ctx context.Context, id string, a Assignment) error {
	_, err := s.Accounts.Update(ctx, id, func(r *Record) (store.Change, error) {
		if r.PendingAssignment != a {
			return store.Change{}, store.ErrNoChange
		}
		r.PendingAssignment = Assignment{}
		return store.Change{}, nil
	})
	return err
}

// EnsureEmpty cancels assignments to the organisations, and fails with
// fault.Conflict if an account belongs to one of them.
func (s *Service) EnsureEmpty(ctx context.Context, organisations ...string) error {
	for _, organisation := range organisations {
		// First, so that an assignment that finishes during this call is in the list below.
		err := s.Accounts.UpdateAll(ctx, store.Query{
			Scopes: []string{store.All}, Filters: map[string]string{filterAssignment: organisation}, Limit: store.MaxLimit,
		}, func(r *Record) (store.Change, error) {
			if r.PendingAssignment.Organisation != organisation { // another assignment has replaced it
				return store.Change{}, store.ErrNoChange
			}
			r.PendingAssignment = Assignment{}
			return store.Change{}, nil
		})
		if err != nil {
			return err
		}
		page, err := s.Accounts.List(ctx, store.Query{Scopes: []string{store.All}, Filters: map[string]string{filterOrganisation: organisation}, Limit: 1})
		if err != nil {
			return err
		}
		if len(page.Rows) > 0 {
			return fault.New(fault.Conflict, "organisation %q has accounts, %s for example; move them first", organisation, page.Rows[0].Doc.Email)
		}
	}
	return nil
}

// notFound names the account in a fault.NotFound of the store.
func notFound(id string, err error) error {
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.NotFound, "account %q not found", id)
	}
	return err
}
