package account

import (
	"cmp"
	"context"

	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Identity names a person at an identity provider.
type Identity struct {
	Issuer  string `json:"issuer" example:"https://login.example/realms/nordlicht" doc:"issuer of the identity provider"`
	Subject string `json:"subject" example:"248289761001" doc:"id of the person at the identity provider"`
}

// key returns the value of the unique index.
func (i Identity) key() string {
	if i == (Identity{}) {
		return ""
	}
	return i.Issuer + " " + i.Subject
}

// Assertion is a statement of an identity provider about a person who logs in there.
type Assertion struct {
	Identity
	Email         string
	EmailVerified bool
	Organisation  string    // id; empty: the provider names none
	Role          auth.Role // empty: the provider names none
}

// ProviderPolicy defines which accounts may log in at the identity provider.
type ProviderPolicy struct {
	Issuer         string // empty: none
	CreateAccounts bool   // at the first login of a person
	Organisation   string // id, of accounts that have none
}

// AuthenticateAtProvider returns the account of a person whom the identity provider has
// authenticated. This is the account that is linked to the identity; otherwise the account with
// the email address, if the provider has verified the address; otherwise a new account, if the
// policy allows it. The role and organisation that the provider names are applied like a change
// by an admin. If the person may not use an account, it fails with fault.Forbidden and also
// returns the account, if there is one.
func (s *Service) AuthenticateAtProvider(ctx context.Context, a Assertion) (Record, error) {
	ctx = audit.WithProvider(ctx, a.Issuer)
	r, err := s.findOrCreate(ctx, a)
	if fault.Is(err, fault.Conflict) { // a concurrent login of the person has created or linked the account
		r, err = s.findOrCreate(ctx, a)
	}
	if err == nil && r.Disabled {
		err = errDisabled()
	}
	if err != nil {
		return r, err
	}
	changed, err := s.applyAssertion(ctx, r, a)
	if err != nil {
		return r, err
	}
	return s.completePending(ctx, changed)
}

func errDisabled() error {
	return fault.New(fault.Forbidden, "the account is disabled; ask an admin to enable it")
}

// findOrCreate returns the account that is linked to the person. Otherwise it links the account with
// the email address, or creates one. It fails with fault.Conflict if another request did that at the
// same time.
func (s *Service) findOrCreate(ctx context.Context, a Assertion) (Record, error) {
	row, err := s.Accounts.GetBy(ctx, byIdentity, a.key())
	if !fault.Is(err, fault.NotFound) {
		return row.Doc, err
	}
	a.Email = NormalEmail(a.Email)
	switch {
	case !a.EmailVerified:
		return Record{}, fault.New(fault.Forbidden, "no account is linked to you, and the identity provider has not confirmed that it verified your email address; ask an admin")
	case CheckEmail(a.Email) != nil:
		return Record{}, fault.New(fault.Forbidden, "no account is linked to you, and the identity provider names no valid email address; ask an admin")
	}
	row, err = s.Accounts.GetBy(ctx, byEmail, a.Email)
	switch {
	case err == nil:
		return s.link(ctx, row.Doc, a)
	case !fault.Is(err, fault.NotFound):
		return Record{}, err
	case !s.Provider.CreateAccounts:
		return Record{}, fault.New(fault.Forbidden, "no account for %s; ask a manager of your organisation or an admin for an invitation", a.Email)
	}
	if err := s.confirmOrganisation(ctx, s.organisationOf(Record{}, a)); err != nil {
		return Record{}, err
	}
	now, verified := s.now(), true
	return s.insert(ctx, Record{Identity: a.Identity, Account: Account{
		ID: s.NewID(), Email: a.Email, Role: auth.User, EmailVerified: &verified, CreatedAt: now, UpdatedAt: now,
	}})
}

// isTrusted reports whether the password and TOTP of an account belong to the person with its
// email address. Anybody may have registered an address that was never confirmed. An admin is
// trusted even without a confirmation, because another admin or the operator of the service
// assigned the role.
func (r Record) isTrusted() bool {
	return r.EmailVerified != nil && *r.EmailVerified || r.Role == auth.Admin
}

// link links an account with the same verified email address. The password and TOTP of an account
// that is not trusted are removed, and its sessions end.
func (s *Service) link(ctx context.Context, r Record, a Assertion) (Record, error) {
	if err := s.checkLink(ctx, r, a); err != nil {
		return r, err
	}
	if err := s.confirmOrganisation(ctx, s.organisationOf(r, a)); err != nil {
		return r, err
	}
	return s.update(ctx, r.ID, func(r *Record) (store.Change, error) {
		if r.Identity == a.Identity {
			return store.Change{}, store.ErrNoChange
		}
		if err := s.checkLink(ctx, *r, a); err != nil {
			return store.Change{}, err
		}
		diffs := []audit.FieldDiff{{Field: "identityProvider", Old: r.Identity.Issuer, New: a.Issuer}}
		trusted, verified := r.isTrusted(), true
		r.Identity, r.EmailVerified = a.Identity, &verified
		if trusted {
			return s.entryChange(ctx, r, audit.IdentityLinked, diffs...), nil
		}
		r.PasswordHash, r.UpdatedAt = "", s.now()
		r.removeFactor()
		r.endLogins()
		r.Confirmation.Close()
		change := s.rightsChange(ctx, r, audit.IdentityLinked, append(diffs, audit.FieldDiff{Field: "password"})...)
		change.Events = []event.Envelope{r.updated()}
		return change, nil
	})
}

// checkLink fails with fault.Forbidden if an account must not be linked by its email address. An account
// with a role that only admins assign is linked only if the provider names the same role. A member of
// an organisation is not linked if the provider names another one. The provider must not bypass TOTP
// of a trusted account.
func (s *Service) checkLink(ctx context.Context, r Record, a Assertion) error {
	present, _, err := s.Organisations.Resolve(ctx, r.Organisation)
	if err != nil {
		return err
	}
	switch organisation := cmp.Or(a.Organisation, s.Provider.Organisation); {
	case r.Disabled:
		return errDisabled()
	case r.Identity.Issuer == a.Issuer && r.Identity != a.Identity:
		return fault.New(fault.Forbidden, "the account %s is linked to another person at the identity provider; ask an admin", r.Email)
	case !CanManage(r.Role) && a.Role != r.Role:
		return fault.New(fault.Forbidden, "the account %s has the role %s, and the identity provider does not name this role; log in with the password", r.Email, r.Role)
	case r.HasTOTP() && r.isTrusted():
		return fault.New(fault.Forbidden, "the account %s has TOTP; log in with password and code and switch TOTP off first, or ask a manager or an admin to reset it", r.Email)
	case r.Organisation != "" && organisation != "" && organisation != r.Organisation && organisation != present:
		return fault.New(fault.Forbidden, "the account %s belongs to another organisation; ask an admin to move it", r.Email)
	}
	return nil
}

// organisationOf returns the organisation for an account: the organisation that the provider
// names or, if it names none and the account has none, the organisation of the policy.
func (s *Service) organisationOf(r Record, a Assertion) string {
	if a.Organisation == "" && r.Organisation == "" {
		return s.Provider.Organisation
	}
	return a.Organisation
}
