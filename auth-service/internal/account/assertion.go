package account

import (
	"context"
	"time"

	"github.com/battery-passport/suite/auth-service/internal/organisation"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// applyAssertion gives an account the role and the organisation that the identity provider names.
// The last admin keeps the role. It fails with fault.Forbidden if the organisation does not exist or
// the account is disabled, and with fault.Conflict if other requests change the account at the same
// time.
func (s *Service) applyAssertion(ctx context.Context, r Record, a Assertion) (Record, error) {
	var c Change
	if id := s.organisationOf(r, a); id != "" && id != r.Organisation {
		c.Organisation = &id
	}
	if a.Role != "" && a.Role != r.Role {
		c.Role = &a.Role
	}
	var excluded time.Time
	if c.Role != nil {
		var err error
		if excluded, err = s.excludeAdmin(ctx, r); fault.Is(err, fault.Conflict) {
			s.Log.WarnContext(ctx, "the last admin keeps the role, although the identity provider names another one", "account", r.ID, "role", a.Role)
			c.Role = nil
		} else if err != nil {
			return r, err
		}
	}
	if c == (Change{}) {
		return r, nil
	}
	changed, err := s.changeByProvider(ctx, r, c, excluded)
	if err != nil && !excluded.IsZero() {
		s.includeAdmin(ctx, r.ID, excluded)
	}
	return changed, err
}

// changeByProvider applies the change that the claims of the identity provider require.
// excluded is the time of the mark that excludeAdmin set, if the account is an admin that loses
// the role.
func (s *Service) changeByProvider(ctx context.Context, r Record, c Change, excluded time.Time) (Record, error) {
	assignment, err := s.beginAssignment(ctx, r.ID, c.Organisation, nil)
	if fault.Is(err, fault.Invalid) {
		return r, errUnknownOrganisation(*c.Organisation)
	}
	if err != nil {
		return r, err
	}
	changed, err := s.update(ctx, r.ID, func(r *Record) (store.Change, error) {
		switch {
		case r.Disabled:
			return store.Change{}, errDisabled()
		case c.Role != nil && r.Role == auth.Admin && !s.isExcluded(*r, excluded):
			return store.Change{}, fault.New(fault.Conflict, "another request changed the account at the same time; try again")
		}
		if c.Role != nil {
			r.ExcludedAt = time.Time{}
		}
		return s.applyChange(ctx, r, c, assignment)
	})
	if err != nil && assignment != "" {
		_ = s.cancelAssignment(ctx, r.ID, Assignment{*c.Organisation, assignment}) // if it fails, the next assignment or deletion replaces the mark
	}
	return changed, err
}

// confirmOrganisation fails with fault.Forbidden if an organisation that the identity provider
// names does not exist.
func (s *Service) confirmOrganisation(ctx context.Context, id string) error {
	if id == "" {
		return nil
	}
	if organisation.CheckID("", id) != nil {
		return errUnknownOrganisation(id)
	}
	err := s.Organisations.Confirm(ctx, id)
	if fault.Is(err, fault.Invalid) {
		return errUnknownOrganisation(id)
	}
	return err
}

// maxNamed is the number of characters of an unknown organisation in an error.
const maxNamed = 40

func errUnknownOrganisation(id string) error {
	if named := []rune(id); len(named) > maxNamed {
		id = string(named[:maxNamed]) + "…"
	}
	return fault.New(fault.Forbidden, "the identity provider names the organisation %q, which does not exist here; ask an admin", id)
}
