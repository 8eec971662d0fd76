package account

import (
	"context"
	"strconv"

	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Change is a change of an account by an admin. Nil members stay unchanged.
type Change struct {
	Role         *auth.Role `json:"role,omitempty" enum:"admin,operator,user,legitimate_interest,authority" doc:"new role, see Account"`
	Organisation *string    `json:"organisation,omitempty" example:"nordlicht-battery" doc:"id of an existing organisation; empty removes the account from its organisation"`
	Disabled     *bool      `json:"disabled,omitempty" doc:"true disables the account and ends its sessions; false enables it"`
}

// Get returns an account, or fails with fault.NotFound.
func (s *Service) Get(ctx context.Context, id string) (Record, error) {
	row, err := s.Accounts.Get(ctx, id)
	return row.Doc, notFound(id, err)
}

// Change changes an account. Admins cannot disable or demote their own account, so
// that one admin remains. It fails with fault.NotFound, with fault.Invalid if the
// organisation does not exist, or with fault.Conflict. With versions, it fails with
// fault.Stale unless the account has one of them.
func (s *Service) Change(ctx context.Context, id string, c Change, versions ...int64) (Record, error) {
	if id == auth.Caller(ctx).UserID && (c.Role != nil && *c.Role != auth.Admin || c.Disabled != nil && *c.Disabled) {
		return Record{}, fault.New(fault.Conflict, "admins cannot demote or disable their own account; ask another admin")
	}
	assignment, err := s.beginAssignment(ctx, id, c.Organisation, versions)
	if err != nil {
		return Record{}, err
	}
	r, err := s.update(ctx, id, func(r *Record) (store.Change, error) {
		if err := r.LastEntry.CheckVersion(versions); err != nil {
			return store.Change{}, err
		}
		before := r.Account
		c.apply(&r.Account)
		if r.Account == before {
			return store.Change{}, store.ErrNoChange
		}
		if err := r.finishAssignment(before.Organisation, assignment); err != nil {
			return store.Change{}, err
		}
		if r.Disabled && !before.Disabled {
			r.Epoch++
		}
		r.UpdatedAt = s.now()
		change := s.rightsChange(ctx, r, audit.Changed, differences(before, r.Account)...)
		change.Events = []event.Envelope{r.updated()}
		return change, nil
	})
	if fault.Is(err, fault.Stale) && assignment != "" {
		_ = s.cancelAssignment(ctx, id, Assignment{*c.Organisation, assignment}) // if it fails, the next assignment or deletion replaces the mark
	}
	return r, notFound(id, err)
}

func differences(before, after Account) []audit.FieldDiff {
	var diffs []audit.FieldDiff
	for _, d := range []audit.FieldDiff{
		{Field: "role", Old: string(before.Role), New: string(after.Role)},
		{Field: "organisation", Old: before.Organisation, New: after.Organisation},
		{Field: "disabled", Old: strconv.FormatBool(before.Disabled), New: strconv.FormatBool(after.Disabled)},
	} {
		if d.Old != d.New {
			diffs = append(diffs, d)
		}
	}
	return diffs
}

func (c Change) apply(a *Account) {
	if c.Role != nil {
		a.Role = *c.Role
	}
	if c.Organisation != nil {
		a.Organisation = *c.Organisation
	}
	if c.Disabled != nil {
		a.Disabled = *c.Disabled
	}
}
