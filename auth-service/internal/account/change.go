package account

import (
	"context"
	"strconv"
	"time"

	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Change is a change of an account by an admin or a manager. Nil members stay unchanged.
type Change struct {
	Role          *auth.Role `json:"role,omitempty" enum:"admin,operator,user,legitimate_interest,authority" doc:"new role, see Account"`
	Organisation  *string    `json:"organisation,omitempty" example:"nordlicht-battery" doc:"id of an existing organisation; empty removes the account from its organisation"`
	Manager       *bool      `json:"manager,omitempty" doc:"whether the account manages its organisation; its role must be user or operator. A move to another organisation and another role set it to false, unless the same request sets it to true"`
	Disabled      *bool      `json:"disabled,omitempty" doc:"true disables the account and ends its sessions; false enables it"`
	EmailVerified *bool      `json:"emailVerified,omitempty" enum:"true" doc:"true confirms the email address for the person; required for a role or an organisation of an account whose address is not confirmed"`
}

// Get returns an account that the administrator may see, or fails with fault.NotFound.
func (s *Service) Get(ctx context.Context, by Administrator, id string) (Record, error) {
	row, err := s.Accounts.Get(ctx, id)
	if err == nil && (row.Doc.Deleted || !by.Administers(row.Doc.Role, row.Doc.Organisation)) {
		row, err = store.Row[Record]{}, store.ErrNotFound(id)
	}
	return row.Doc, notFound(id, err)
}

// Change changes an account that the administrator may see. Admins cannot disable or demote
// their own account, so that one admin remains; managers cannot disable or demote the last
// active manager. It fails with fault.NotFound, with fault.Forbidden for what only an admin
// may assign, with fault.Invalid if the organisation does not exist, or with fault.Conflict.
// With versions, it fails with fault.Stale unless the account has one of them.
func (s *Service) Change(ctx context.Context, by Administrator, id string, c Change, versions ...int64) (Record, error) {
	if by.All && id == auth.Caller(ctx).UserID && (c.Role != nil && *c.Role != auth.Admin || c.Disabled != nil && *c.Disabled) {
		return Record{}, fault.New(fault.Conflict, "admins cannot demote or disable their own account; ask another admin")
	}
	r, err := s.Get(ctx, by, id)
	if err == nil {
		err = c.check(by, r)
	}
	removal := false
	if err == nil {
		removal, err = s.beginRemoval(ctx, by, id, c, versions)
	}
	if err != nil {
		return Record{}, notFound(id, err)
	}
	assignment, err := s.beginAssignment(ctx, id, c.Organisation, versions)
	if err != nil {
		return Record{}, err
	}
	r, err = s.update(ctx, id, func(r *Record) (store.Change, error) {
		if err := r.LastEntry.CheckVersion(versions); err != nil {
			return store.Change{}, err
		}
		if !by.Administers(r.Role, r.Organisation) {
			return store.Change{}, store.ErrNotFound(id)
		}
		return s.applyChange(ctx, r, c, assignment)
	})
	if removal && err != nil {
		s.cancelRemoval(ctx, id)
	}
	if (fault.Is(err, fault.Stale) || fault.Is(err, fault.Conflict)) && assignment != "" {
		_ = s.cancelAssignment(ctx, id, Assignment{*c.Organisation, assignment}) // if it fails, the next assignment or deletion replaces the mark
	}
	return r, notFound(id, err)
}

// check fails with fault.Forbidden if the administrator may not make the change of r.
func (c Change) check(by Administrator, r Record) error {
	role, organisation := r.Role, r.Organisation
	if c.Role != nil {
		role = *c.Role
	}
	if c.Organisation != nil {
		organisation = *c.Organisation
	}
	if !by.All && organisation != r.Organisation {
		return fault.New(fault.Forbidden, "a manager cannot move people to another organisation; ask an admin").
			With(fault.Detail{Path: "/organisation", Code: "unchanged", Message: "must be the current organisation of the account, or absent"})
	}
	return by.CheckGrant(role, organisation)
}

// applyChange applies a change to r and returns the records to store with it.
func (s *Service) applyChange(ctx context.Context, r *Record, c Change, assignment string) (store.Change, error) {
	before := r.Account
	c.apply(&r.Account)
	if r.Account == before {
		return store.Change{}, store.ErrNoChange
	}
	if err := checkVerified(before, r.Account); err != nil {
		return store.Change{}, err
	}
	if err := r.checkManager(); err != nil {
		return store.Change{}, err
	}
	if err := r.finishAssignment(before.Organisation, assignment); err != nil {
		return store.Change{}, err
	}
	if r.Disabled && !before.Disabled {
		r.endLogins()
	}
	r.UpdatedAt, r.RemovalBegan = s.now(), time.Time{}
	change := s.rightsChange(ctx, r, audit.Changed, differences(before, r.Account)...)
	change.Events = []event.Envelope{r.updated()}
	return change, nil
}

func differences(before, after Account) []audit.FieldDiff {
	var diffs []audit.FieldDiff
	for _, d := range []audit.FieldDiff{
		{Field: "role", Old: string(before.Role), New: string(after.Role)},
		{Field: "organisation", Old: before.Organisation, New: after.Organisation},
		{Field: "manager", Old: strconv.FormatBool(before.Manager), New: strconv.FormatBool(after.Manager)},
		{Field: "disabled", Old: strconv.FormatBool(before.Disabled), New: strconv.FormatBool(after.Disabled)},
		{Field: "emailVerified", Old: strconv.FormatBool(before.Verified()), New: strconv.FormatBool(after.Verified())},
	} {
		if d.Old != d.New {
			diffs = append(diffs, d)
		}
	}
	return diffs
}

// apply changes a. An account that moves, or gets a role that managers cannot have, stops
// being a manager, unless the change says otherwise.
func (c Change) apply(a *Account) {
	before := *a
	if c.Role != nil {
		a.Role = *c.Role
	}
	if c.Organisation != nil {
		a.Organisation = *c.Organisation
	}
	if c.Disabled != nil {
		a.Disabled = *c.Disabled
	}
	if a.Organisation != before.Organisation || !CanManage(a.Role) {
		a.Manager = false
	}
	if c.Manager != nil {
		a.Manager = *c.Manager
	}
	if c.EmailVerified != nil && *c.EmailVerified && !a.Verified() {
		a.EmailVerified = c.EmailVerified
	}
}

// checkVerified fails if an account whose address is not confirmed gets a role or an organisation:
// anybody may have registered the address.
func checkVerified(before, after Account) error {
	if after.Verified() || after.Role == before.Role && (after.Organisation == before.Organisation || after.Organisation == "") {
		return nil
	}
	return fault.New(fault.Conflict, "the email address of the account is not confirmed: wait until the person has opened the link in the mail or, if you know that the account belongs to the person, send emailVerified: true too").
		With(fault.Detail{Path: "/emailVerified", Code: "required", Message: "must be true for an account whose email address is not confirmed"})
}
