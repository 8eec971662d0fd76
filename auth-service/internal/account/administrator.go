package account

import (
	"context"
	"slices"
	"time"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// removalTimeout is how long a manager that is being removed does not count as a manager of the
// organisation, if the process stops before the removal succeeds or fails.
const removalTimeout = time.Minute

// Administrator is an account that may administer others: an admin all of them, a manager
// the users and operators of their organisation. The zero value may administer nobody.
type Administrator struct {
	All           bool     // an admin
	Organisations []string // of a manager: the id of the organisation and its former ids
}

// CanManage reports whether managers may have the role, and may administer accounts with it.
func CanManage(role auth.Role) bool { return role == auth.User || role == auth.Operator }

// Administers reports whether the administrator may see and change an account, or anything
// else with a role that belongs to an organisation.
func (a Administrator) Administers(role auth.Role, organisation string) bool {
	return a.All || CanManage(role) && organisation != "" && slices.Contains(a.Organisations, organisation)
}

// CheckGrant fails with fault.Forbidden if the administrator may not give the role in the
// organisation to somebody.
func (a Administrator) CheckGrant(role auth.Role, organisation string) error {
	switch {
	case a.All:
		return nil
	case !CanManage(role):
		return fault.New(fault.Forbidden, "a manager can assign the roles user and operator only").
			With(fault.Detail{Path: "/role", Code: "enum", Message: "must be user or operator"})
	case !a.Administers(role, organisation):
		return fault.New(fault.Forbidden, "a manager can assign roles only in their own organisation; ask an admin").
			With(fault.Detail{Path: "/organisation", Code: "enum", Message: "must be the organisation of the manager"})
	}
	return nil
}

// Administrator returns the rights of the caller, by the stored account. It fails
// with fault.Forbidden if the caller is neither an admin nor a manager, and as
// CallerAccount does.
func (s *Service) Administrator(ctx context.Context) (Administrator, error) {
	r, err := s.CallerRecord(ctx)
	if err != nil {
		return Administrator{}, err
	}
	return s.administratorOf(ctx, r)
}

// AdministratorOf returns the rights of an account. It fails as Administrator does.
func (s *Service) AdministratorOf(ctx context.Context, id string) (Administrator, error) {
	row, err := s.Accounts.Get(ctx, id)
	if err != nil {
		return Administrator{}, notFound(id, err)
	}
	return s.administratorOf(ctx, row.Doc)
}

func (s *Service) administratorOf(ctx context.Context, r Record) (Administrator, error) {
	switch {
	case r.Disabled:
	case r.Role == auth.Admin:
		return Administrator{All: true}, nil
	case r.Manager:
		id, formerIDs, err := s.Organisations.Resolve(ctx, r.Organisation)
		return Administrator{Organisations: append([]string{id}, formerIDs...)}, err
	}
	return Administrator{}, fault.New(fault.Forbidden, "only admins and managers of an organisation may do this")
}

// checkManager returns the faults of an account that cannot be a manager.
func (a Account) checkManager() error {
	var details []fault.Detail
	if a.Manager && !CanManage(a.Role) {
		details = append(details, fault.Detail{Path: "/manager", Code: "conflict", Message: "must be false for the role " + string(a.Role) + ": managers have the role user or operator"})
	}
	if a.Manager && a.Organisation == "" {
		details = append(details, fault.Detail{Path: "/manager", Code: "conflict", Message: "must be false for an account without an organisation"})
	}
	if details == nil {
		return nil
	}
	return fault.New(fault.Invalid, "the account cannot be a manager").With(details...)
}

// isActiveManager reports whether r counts as a manager of its organisation.
func (r Record) isActiveManager(now time.Time) bool {
	return r.Manager && !r.Disabled && !now.Before(r.RemovalBegan.Add(removalTimeout))
}

// beginRemoval makes sure that another active manager remains when a manager disables or
// demotes one, or itself, and reports whether it has marked the account. It fails with
// fault.Conflict if none remains, with fault.NotFound if the caller may not administer the
// account, and with fault.Stale as Change does. It does nothing if the caller is an admin, for other
// changes, and if the account is not a manager.
//
// It marks the account before it looks for another manager, and a marked account does not
// count: of two managers who disable each other at the same time, at most one succeeds.
func (s *Service) beginRemoval(ctx context.Context, by Administrator, id string, c Change, versions []int64) (began bool, err error) {
	disables, demotes := c.Disabled != nil && *c.Disabled, c.Manager != nil && !*c.Manager
	if by.All || !disables && !demotes {
		return false, nil
	}
	row, err := s.Accounts.Update(ctx, id, func(r *Record) (store.Change, error) {
		if err := r.LastEntry.CheckVersion(versions); err != nil {
			return store.Change{}, err
		}
		switch {
		case !by.Administers(r.Role, r.Organisation):
			return store.Change{}, store.ErrNotFound(id)
		case !r.Manager || r.Disabled:
			return store.Change{}, store.ErrNoChange
		}
		r.RemovalBegan = s.now()
		return store.Change{}, nil
	})
	if err != nil || !row.Doc.Manager || row.Doc.Disabled {
		return false, err
	}
	remains, err := s.hasManager(ctx, by.Organisations, id)
	if err == nil && !remains {
		err = fault.New(fault.Conflict, "this is the last active manager of the organisation; make another account a manager first, or ask an admin")
	}
	if err != nil {
		s.cancelRemoval(ctx, id)
	}
	return err == nil, err
}

// cancelRemoval removes the mark. If that fails, the mark expires.
func (s *Service) cancelRemoval(ctx context.Context, id string) {
	_, _ = s.Accounts.Update(ctx, id, func(r *Record) (store.Change, error) {
		if r.RemovalBegan.IsZero() {
			return store.Change{}, store.ErrNoChange
		}
		r.RemovalBegan = time.Time{}
		return store.Change{}, nil
	})
}

// hasManager reports whether an active manager other than the account belongs to one of
// the organisations.
func (s *Service) hasManager(ctx context.Context, organisations []string, except string) (bool, error) {
	q := store.Query{Scopes: []string{store.All}, AnyOf: store.AnyOf{Filter: filterManager, Values: organisations}, Limit: store.MaxLimit}
	for row, err := range s.Accounts.All(ctx, q) {
		if err != nil || row.ID != except && row.Doc.isActiveManager(s.now()) {
			return err == nil, err
		}
	}
	return false, nil
}
