package invitation

import (
	"context"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/auth-service/internal/link"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Invitee is the person whom an invitation invites.
type Invitee struct {
	Email            string
	OrganisationName string // empty for roles without an organisation
	HasAccount       bool   // accepts with AcceptAsCaller, otherwise with Accept
}

// Invitee returns the person who got the token by mail. It fails as link.ErrInvalid.
func (s *Service) Invitee(ctx context.Context, token string) (Invitee, error) {
	r, err := s.open(ctx, token)
	if err != nil {
		return Invitee{}, err
	}
	i := Invitee{Email: r.Email}
	if r.Organisation != "" {
		o, err := s.Organisations.Get(ctx, r.Organisation)
		if err != nil {
			return Invitee{}, err
		}
		i.OrganisationName = o.Name
	}
	i.HasAccount, err = s.Accounts.HasAccount(ctx, r.Email)
	return i, err
}

// Accept creates an account for the address of an invitation, with the password, and gives it
// the role and the organisation. The token came by mail, so the address counts as verified; an
// account with an unconfirmed address gets the password. It fails as link.ErrInvalid for every
// token that is not accepted, with fault.Invalid for a password that does not meet the policy,
// and with fault.Conflict if the address has another account: its owner accepts with
// AcceptAsCaller.
func (s *Service) Accept(ctx context.Context, token, password string) (account.Record, error) {
	r, err := s.open(ctx, token)
	if err != nil {
		return account.Record{}, err
	}
	a, err := s.Accounts.RegisterInvited(ctx, r.Email, password)
	if fault.Is(err, fault.Conflict) {
		return account.Record{}, fault.New(fault.Conflict, "the address of this invitation has an account; log in, and accept the invitation with the access token of the account and without a password")
	}
	if err != nil {
		return account.Record{}, err
	}
	return s.join(auth.NewContext(ctx, auth.Principal{UserID: a.ID}), r.ID, token, a)
}

// AcceptAsCaller gives the caller the role and the organisation of an invitation to the address
// of the caller's account. It fails as link.ErrInvalid, for example if the invitation is for
// another address, and with fault.Conflict if the account belongs to another organisation or
// has a role other than user and operator.
func (s *Service) AcceptAsCaller(ctx context.Context, token string) (account.Record, error) {
	a, err := s.Accounts.CallerRecord(ctx)
	if err != nil {
		return account.Record{}, err
	}
	r, err := s.open(ctx, token)
	if err == nil && r.Email != a.Email {
		err = link.ErrInvalid()
	}
	if err != nil {
		return account.Record{}, err
	}
	if err := s.Accounts.CheckJoin(ctx, a, r.membership()); err != nil {
		return account.Record{}, err
	}
	return s.join(ctx, r.ID, token, a)
}

func (r Record) membership() account.Membership {
	return account.Membership{Role: r.Role, Organisation: r.Organisation, Manager: r.Manager}
}

// open returns the pending invitation of a token, if the inviter still has the right to make it.
func (s *Service) open(ctx context.Context, token string) (Record, error) {
	id, err := link.Owner(token)
	if err != nil {
		return Record{}, err
	}
	row, err := s.Invitations.Get(ctx, id)
	if err == nil {
		err = s.checkToken(&row.Doc, token)
	}
	if err == nil {
		err = s.checkInviter(ctx, row.Doc)
	}
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Forbidden) {
		err = link.ErrInvalid()
	}
	return row.Doc, err
}

func (s *Service) checkToken(r *Record, token string) error {
	if r.State != Pending {
		return link.ErrInvalid()
	}
	return r.Link.Check(token, s.now())
}

// checkInviter fails with fault.Forbidden if the inviter was disabled or lost the right to
// invite, and with fault.NotFound if the organisation was deleted.
func (s *Service) checkInviter(ctx context.Context, r Record) error {
	by, err := s.Accounts.AdministratorOf(ctx, r.InvitedBy)
	if err != nil {
		return err
	}
	if err := by.CheckGrant(r.Role, r.Organisation); err != nil || r.Organisation == "" {
		return err
	}
	_, err = s.Organisations.Get(ctx, r.Organisation)
	return err
}

// join marks the invitation accepted and changes the account. Of several calls with the same
// token, one marks it. If the account cannot be changed, the invitation stays pending.
func (s *Service) join(ctx context.Context, id, token string, a account.Record) (account.Record, error) {
	var before Record
	row, err := s.Invitations.Update(ctx, id, func(r *Record) (store.Change, error) {
		if err := s.checkToken(r, token); err != nil {
			return store.Change{}, err
		}
		before = *r
		r.State, r.Account, r.AcceptedAt = Accepted, a.ID, s.now()
		r.Link.Close()
		return store.Change{History: s.next(ctx, r, audit.InvitationAccepted)}, nil
	})
	if fault.Is(err, fault.NotFound) {
		err = link.ErrInvalid()
	}
	if err != nil {
		return account.Record{}, err
	}
	joined, err := s.Accounts.Join(ctx, a.ID, row.Doc.membership())
	if err != nil {
		s.reopen(ctx, before)
		return account.Record{}, err
	}
	s.Audit.Append(ctx, row.Doc.LastEntry)
	return joined, nil
}

// reopen makes an accepted invitation pending again, as it was before. If that fails, the
// person needs another invitation.
func (s *Service) reopen(ctx context.Context, before Record) {
	_, _ = s.Invitations.Update(ctx, before.ID, func(r *Record) (store.Change, error) {
		*r = before
		return store.Change{}, nil
	})
}
