package account

import (
	"context"

	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// EnsureAdmin creates an admin account if the email address has no account, and promotes
// its account if no enabled account is an admin. Otherwise it changes nothing: not the
// password, and not an account that another admin has demoted or disabled.
func (s *Service) EnsureAdmin(ctx context.Context, email, password string) error {
	_, err := s.Accounts.GetBy(ctx, byEmail, NormalEmail(email))
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	if err == nil {
		if err = s.CheckAdminExists(ctx); !fault.Is(err, fault.Conflict) {
			return err
		}
	}
	return s.Promote(ctx, email, password)
}

// CheckAdminExists fails with fault.Conflict if no enabled account is an admin.
func (s *Service) CheckAdminExists(ctx context.Context) error {
	q := store.Query{Scopes: []string{store.All}, Filters: map[string]string{filterRole: string(auth.Admin)}, Order: store.OldestFirst, Limit: store.MaxLimit}
	for row, err := range s.Accounts.All(ctx, q) {
		if err != nil || !row.Doc.Disabled && !s.isExcluded(row.Doc, row.Doc.ExcludedAt) {
			return err
		}
	}
	return fault.New(fault.Conflict, "no enabled account is an admin; set ADMIN_EMAIL and ADMIN_PASSWORD and restart the service, or run: auth-service promote EMAIL")
}

// Promote makes the account of the email address an enabled admin with the password, or
// creates it. The previous password, second factor, sessions, devices, reset links and access tokens
// of the account end: anybody may have registered the address. An account that is an enabled admin
// with this password, without a second factor, stays unchanged. It fails with fault.Invalid, and with
// fault.Conflict if another request changes the password at the same time.
func (s *Service) Promote(ctx context.Context, email, password string) error {
	email = NormalEmail(email)
	row, err := s.Accounts.GetBy(ctx, byEmail, email)
	if fault.Is(err, fault.NotFound) {
		_, err = s.add(ctx, Account{Email: email, Role: auth.Admin}, password, false)
		if !fault.Is(err, fault.Conflict) {
			return err
		}
		row, err = s.Accounts.GetBy(ctx, byEmail, email) // created by another instance, or registered
	}
	if err != nil {
		return err
	}
	return s.takeOver(ctx, row.Doc, password)
}

// takeOver gives an account to the operator of the service.
func (s *Service) takeOver(ctx context.Context, r Record, password string) error {
	if details := checkPasswordPolicy("/password", password); details != nil {
		return fault.New(fault.Invalid, "the password does not meet the policy").With(details...)
	}
	same, err := s.Passwords.Compare(ctx, s.clientOf(ctx, KnownDevice), r.PasswordHash, password)
	if err != nil || same && r.Role == auth.Admin && !r.Disabled && !r.HasTOTP() {
		return err
	}
	hash, err := s.hashPassword(ctx, KnownDevice, password)
	if err != nil {
		return err
	}
	_, err = s.update(ctx, r.ID, func(stored *Record) (store.Change, error) {
		if stored.PasswordHash != r.PasswordHash {
			return store.Change{}, fault.New(fault.Conflict, "another request changed the password at the same time")
		}
		before := stored.Account
		stored.Role, stored.Disabled, stored.EmailVerified, stored.PasswordHash, stored.UpdatedAt = auth.Admin, false, nil, hash, s.now()
		stored.removeFactor()
		stored.endLogins()
		change := s.rightsChange(ctx, stored, audit.Changed, append(differences(before, stored.Account), audit.FieldDiff{Field: "password"})...)
		change.Events = []event.Envelope{stored.updated()}
		return change, nil
	})
	return err
}
