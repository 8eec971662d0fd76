package account

import (
	"context"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Membership is the role and organisation that an invitation gives to an account.
type Membership struct {
	Role         auth.Role
	Organisation string // may be empty
	Manager      bool
}

// HasAccount reports whether an email address has an account that RegisterInvited does not replace.
func (s *Service) HasAccount(ctx context.Context, email string) (bool, error) {
	row, err := s.Accounts.GetBy(ctx, byEmail, NormalEmail(email))
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return err == nil && !row.Doc.isUnconfirmed(), err
}

// RegisterInvited creates the account of an invited person with a confirmed address, but not yet with the
// role and the organisation of the invitation. An account whose address is not confirmed gets the
// password and is confirmed: anybody may have registered it. It fails with fault.Invalid, or with
// fault.Conflict if the email address has another account. Of several calls at the same time, one
// succeeds.
func (s *Service) RegisterInvited(ctx context.Context, email, password string) (Record, error) {
	row, err := s.Accounts.GetBy(ctx, byEmail, NormalEmail(email))
	if err != nil || !row.Doc.isUnconfirmed() {
		confirmed := true
		return s.add(ctx, Account{Email: email, Role: auth.User, EmailVerified: &confirmed}, password, false) // fails if there is an account, or the store does not respond
	}
	if details := checkPasswordPolicy("/password", password); details != nil {
		return Record{}, fault.New(fault.Invalid, "the password does not meet the policy").With(details...)
	}
	hash, err := s.hashPassword(ctx, Registration, password)
	if err != nil {
		return Record{}, err
	}
	r, err := s.replaceUnconfirmed(ctx, row.ID, hash, true)
	if err == nil && r.PasswordHash != hash {
		err = errDuplicate() // another request has confirmed the address
	}
	return r, err
}

// CheckJoin fails with fault.Conflict if an account cannot get the membership because it
// belongs to another organisation, or has a role that only an admin may take away. It fails
// with fault.Forbidden if the account is disabled.
func (s *Service) CheckJoin(ctx context.Context, r Record, m Membership) error {
	present, _, err := s.Organisations.Resolve(ctx, r.Organisation)
	switch {
	case err != nil:
		return err
	case r.Disabled:
		return errDisabled()
	case r.Organisation != "" && present != m.Organisation:
		return fault.New(fault.Conflict, "your account belongs to another organisation; ask an admin to move it, or to invite another address")
	case !CanManage(r.Role) && r.Role != m.Role:
		return fault.New(fault.Conflict, "an invitation does not change the role %s; ask an admin, or ask for an invitation to another address", r.Role)
	}
	return nil
}

// Join gives an account the membership. An account that is a manager of the organisation stays
// one. It fails as CheckJoin does, and with fault.Invalid if the organisation does not exist.
func (s *Service) Join(ctx context.Context, id string, m Membership) (Record, error) {
	confirmed := true // the mail with the link went to the address
	c := Change{Role: &m.Role, EmailVerified: &confirmed}
	if m.Organisation != "" {
		c.Organisation = &m.Organisation
	}
	if m.Manager {
		c.Manager = &m.Manager
	}
	assignment, err := s.beginAssignment(ctx, id, c.Organisation, nil)
	if err != nil {
		return Record{}, err
	}
	return s.update(ctx, id, func(r *Record) (store.Change, error) {
		if err := s.CheckJoin(ctx, *r, m); err != nil {
			return store.Change{}, err
		}
		return s.applyChange(ctx, r, c, assignment)
	})
}
