package account

import (
	"context"
	"strconv"

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

// Change changes an account. Admins cannot disable or demote their own account, so
// that one admin remains. It fails with fault.NotFound, with fault.Invalid if the
// organisation does not exist, or with fault.Conflict.
func (s *Service) Change(ctx context.Context, id string, c Change) (Account, error) {
	if id == auth.Caller(ctx).UserID && (c.Role != nil && *c.Role != auth.Admin || c.Disabled != nil && *c.Disabled) {
		return Account{}, fault.New(fault.Conflict, "admins cannot demote or disable their own account; ask another admin")
	}
	assignment, err := s.beginAssignment(ctx, id, c.Organisation)
	if err != nil {
		return Account{}, err
	}
	r, err := s.update(ctx, id, func(r *Record) (store.Change, error) {
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
		change := s.rightsChange(ctx, r, Changed, differences(before, r.Account)...)
		change.Events = []event.Envelope{r.updated()}
		return change, nil
	})
	return r.Account, notFound(id, err)
}

func differences(before, after Account) []FieldDiff {
	var diffs []FieldDiff
	for _, d := range []FieldDiff{
		{"role", string(before.Role), string(after.Role)},
		{"organisation", before.Organisation, after.Organisation},
		{"disabled", strconv.FormatBool(before.Disabled), strconv.FormatBool(after.Disabled)},
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
