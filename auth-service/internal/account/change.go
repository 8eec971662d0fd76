package account

import (
	"context"
	"strconv"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Change is what an admin may change of an account; what is left out, or null,
// stays.
type Change struct {
	Role         *auth.Role `json:"role,omitempty" enum:"admin,operator,user,legitimate_interest,authority"`
	Organisation *string    `json:"organisation,omitempty" doc:"id of an organisation that exists; empty takes the account out of its organisation"`
	Disabled     *bool      `json:"disabled,omitempty"`
}

// Change changes an account. An admin can neither disable nor demote the own
// account, so that one is left. It fails with fault.NotFound, with fault.Invalid
// if the organisation does not exist, or with fault.Conflict.
func (s *Service) Change(ctx context.Context, id string, c Change) (Account, error) {
	if id == auth.Caller(ctx).UserID && (c.Role != nil && *c.Role != auth.Admin || c.Disabled != nil && *c.Disabled) {
		return Account{}, fault.New(fault.Conflict, "an admin can neither demote nor disable the own account; another admin can")
	}
	attempt, err := s.join(ctx, id, c.Organisation)
	if err != nil {
		return Account{}, err
	}
	r, err := s.update(ctx, id, func(r *Record) (store.Change, error) {
		before := r.Account
		c.apply(&r.Account)
		if r.Account == before {
			return store.Change{}, store.ErrNoChange
		}
		if err := r.finishJoining(before.Organisation, attempt); err != nil {
			return store.Change{}, err
		}
		if r.Disabled && !before.Disabled {
			r.Epoch++
		}
		r.UpdatedAt = s.now()
		made := s.rightsChange(ctx, r, Changed, differences(before, r.Account)...)
		made.Events = []event.Envelope{r.updated()}
		return made, nil
	})
	return r.Account, missing(id, err)
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
