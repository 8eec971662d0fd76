package account

import (
	"context"

	"github.com/battery-passport/suite/auth-service/internal/organisation"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Organisations are those that accounts belong to. Confirm fails with
// fault.Invalid if one does not exist; otherwise a concurrent deletion that has
// not looked for marked accounts yet fails. Resolve returns the id and the former
// ids of the organisation that is stored with an account.
type Organisations interface {
	Confirm(ctx context.Context, id string) error
	Resolve(ctx context.Context, stored string) (id string, formerIDs []string, err error)
}

// join begins to assign an account to an organisation and returns the id of the
// attempt. It marks the account and then confirms the organisation: until the mark
// is gone nobody can delete the organisation without cancelling the attempt. There
// is nothing to do without an organisation, or if the account is in it already.
func (s *Service) join(ctx context.Context, accountID string, id *string) (attempt string, err error) {
	if id == nil || *id == "" {
		return "", nil
	}
	attempt = s.NewID()
	row, err := s.Accounts.Update(ctx, accountID, func(r *Record) (store.Change, error) {
		if r.Organisation == *id {
			return store.Change{}, store.ErrNoChange
		}
		if details := organisation.CheckID("/organisation", *id); details != nil {
			return store.Change{}, fault.New(fault.Invalid, "the organisation is not valid").With(details...)
		}
		r.Joining = Joining{*id, attempt}
		return store.Change{}, nil
	})
	if err != nil || row.Doc.Joining.Attempt != attempt {
		return "", missing(accountID, err)
	}
	err = s.Organisations.Confirm(ctx, *id)
	if err != nil {
		_, _ = s.cancelJoining(ctx, accountID, row.Doc.Joining) // or the next attempt does
	}
	return attempt, err
}

// finishJoining ends an attempt. It fails with fault.Conflict if the account moves
// to another organisation without an attempt that still counts.
func (r *Record) finishJoining(before, attempt string) error {
	counts := attempt != "" && r.Joining.Attempt == attempt
	if r.Organisation != before && r.Organisation != "" && !counts {
		return fault.New(fault.Conflict, "organisation %q was deleted, or the account was changed, at the same time; try again", r.Organisation)
	}
	if counts {
		r.Joining = Joining{}
	}
	return nil
}

// cancelJoining cancels an attempt and returns the account as it is then.
func (s *Service) cancelJoining(ctx context.Context, id string, j Joining) (store.Row[Record], error) {
	return s.Accounts.Update(ctx, id, func(r *Record) (store.Change, error) {
		if r.Joining != j {
			return store.Change{}, store.ErrNoChange
		}
		r.Joining = Joining{}
		return store.Change{}, nil
	})
}

// Vacate fails with fault.Conflict if an account belongs to one of the
// organisations, and cancels attempts to assign one.
func (s *Service) Vacate(ctx context.Context, organisations ...string) error {
	for _, organisation := range organisations {
		// In this order, as an attempt may finish meanwhile: it is in the second list then.
		if err := s.cancelAttempts(ctx, organisation); err != nil {
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

func (s *Service) cancelAttempts(ctx context.Context, organisation string) error {
	for {
		page, err := s.Accounts.List(ctx, store.Query{
			Scopes: []string{store.All}, Filters: map[string]string{filterJoining: organisation}, Limit: store.MaxLimit,
		})
		if err != nil || len(page.Rows) == 0 {
			return err
		}
		for _, row := range page.Rows {
			if _, err := s.cancelJoining(ctx, row.ID, row.Doc.Joining); err != nil && !fault.Is(err, fault.NotFound) {
				return err
			}
		}
	}
}

func missing(id string, err error) error {
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.NotFound, "account %q does not exist", id)
	}
	return err
}
