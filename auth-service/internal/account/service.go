package account

import (
	"context"
	"slices"
	"time"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Hasher makes hashes of passwords, and compares. Compare takes its time, the
// same for an empty hash, which nothing matches. Outdated tells whether a hash
// is to be made anew.
type Hasher interface {
	Hash(ctx context.Context, password string) (string, error)
	Compare(ctx context.Context, hash, password string) (bool, error)
	Outdated(hash string) bool
}

// Service is what can be done with accounts. It is safe for concurrent use.
// Its methods fail with fault.Unavailable when the store does not answer.
type Service struct {
	Accounts  *store.Collection[Record]
	Passwords Hasher
	Now       func() time.Time
	NewID     func() string

	FirstIsAdmin bool // the first registration may ask for the role of an admin
}

func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

// Register makes an account of a user. The very first may ask for the role of
// an admin, if FirstIsAdmin; any other role is fault.Forbidden. It fails with
// fault.Invalid, or fault.Conflict when the address is taken.
func (s *Service) Register(ctx context.Context, email, password string, role auth.Role) (Account, error) {
	switch role {
	case "", auth.User:
		return s.add(ctx, email, password, auth.User, false)
	case auth.Admin:
		page, err := s.Accounts.List(ctx, store.Query{Limit: 1})
		if err != nil {
			return Account{}, err
		}
		if s.FirstIsAdmin && len(page.Rows) == 0 {
			return s.add(ctx, email, password, auth.Admin, true)
		}
	}
	return Account{}, onlyAdmins()
}

func onlyAdmins() error {
	return fault.New(fault.Forbidden, "only an admin gives roles; register without one").
		With(fault.Detail{Path: "/role", Code: "enum", Message: "has to be user, or be left out"})
}

// EnsureAdmin makes the account of an admin, unless the address has one. It
// fails with fault.Conflict when that is no admin's and there is no admin at
// all: to promote it would give the role to whoever registered the address.
func (s *Service) EnsureAdmin(ctx context.Context, email, password string) error {
	_, err := s.Accounts.GetBy(ctx, byEmail, NormalEmail(email))
	if fault.Is(err, fault.NotFound) {
		_, err = s.add(ctx, email, password, auth.Admin, false)
	}
	if err != nil && !fault.Is(err, fault.Conflict) { // another instance was quicker
		return err
	}
	return s.HasAdmin(ctx)
}

// HasAdmin fails with fault.Conflict while there is no admin.
func (s *Service) HasAdmin(ctx context.Context) error {
	page, err := s.Accounts.List(ctx, store.Query{Filters: map[string]string{"role": string(auth.Admin)}, Oldest: true, Limit: store.MaxLimit})
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(page.Rows, func(r store.Row[Record]) bool { return !r.Doc.Disabled }) {
		return fault.New(fault.Conflict, "there is no admin; if the address in ADMIN_EMAIL has an account of another role, set one that has none")
	}
	return nil
}

func (s *Service) add(ctx context.Context, email, password string, role auth.Role, first bool) (Account, error) {
	email = NormalEmail(email)
	if details := CheckCredentials(email, password); details != nil {
		return Account{}, fault.New(fault.Invalid, "the account is not valid").With(details...)
	}
	hash, err := s.Passwords.Hash(ctx, password)
	if err != nil {
		return Account{}, err
	}
	now := s.now()
	a := Account{ID: s.NewID(), Email: email, Role: role, CreatedAt: now, UpdatedAt: now}
	_, err = s.Accounts.Insert(ctx, a.ID, Record{Account: a, PasswordHash: hash, First: first}, a.registered())
	switch index, _ := store.Duplicate(err); index {
	case byFirst:
		return Account{}, onlyAdmins() // somebody was quicker
	case byEmail:
		return Account{}, fault.New(fault.Conflict, "there is an account with this address").
			With(fault.Detail{Path: "/email", Code: "duplicate", Message: "is taken"})
	}
	return a, err
}

// Authenticate returns the account with the address and password. It fails
// with fault.Unauthenticated for both an unknown address and a wrong password,
// after the same time, and with fault.Forbidden when the account is disabled.
func (s *Service) Authenticate(ctx context.Context, email, password string) (Account, error) {
	row, err := s.Accounts.GetBy(ctx, byEmail, NormalEmail(email))
	if err != nil && !fault.Is(err, fault.NotFound) {
		return Account{}, err
	}
	ok, err := s.Passwords.Compare(ctx, row.Doc.PasswordHash, password)
	switch {
	case err != nil:
		return Account{}, err
	case !ok:
		return Account{}, fault.New(fault.Unauthenticated, "the address or the password is wrong")
	case row.Doc.Disabled:
		return Account{}, fault.New(fault.Forbidden, "the account is disabled; ask an admin")
	}
	if s.Passwords.Outdated(row.Doc.PasswordHash) {
		_ = s.rehash(ctx, row.Doc, password) // or at the next login
	}
	return row.Doc.Account, nil
}

// rehash keeps the same password at the cost of today.
func (s *Service) rehash(ctx context.Context, r Record, password string) error {
	hash, err := s.Passwords.Hash(ctx, password)
	if err != nil {
		return err
	}
	_, err = s.Accounts.Update(ctx, r.ID, func(stored *Record) ([]event.Envelope, error) {
		if stored.PasswordHash != r.PasswordHash {
			return nil, store.ErrNoChange // it was changed meanwhile
		}
		stored.PasswordHash = hash
		return nil, nil
	})
	return err
}

// Own returns the account of the caller. It fails with fault.Unauthenticated
// when the account is gone or disabled since the token was given.
func (s *Service) Own(ctx context.Context) (Account, error) {
	r, err := s.own(ctx)
	return r.Account, err
}

func (s *Service) own(ctx context.Context) (Record, error) {
	row, err := s.Accounts.Get(ctx, auth.Caller(ctx).UserID)
	if fault.Is(err, fault.NotFound) || err == nil && row.Doc.Disabled {
		return Record{}, fault.New(fault.Unauthenticated, "the account of this token is gone or disabled")
	}
	return row.Doc, err
}

// CheckAdmin fails with fault.Forbidden when the caller is no admin, or as Own
// does.
func (s *Service) CheckAdmin(ctx context.Context) error {
	r, err := s.own(ctx)
	if err == nil && r.Role != auth.Admin {
		return fault.New(fault.Forbidden, "the account of this token is no longer that of an admin")
	}
	return err
}

// ChangePassword gives the caller a new password. It fails with fault.Invalid
// when the current one is wrong or the new one does not do.
func (s *Service) ChangePassword(ctx context.Context, current, next string) error {
	if details := checkPassword("/newPassword", next); details != nil {
		return fault.New(fault.Invalid, "the new password does not do").With(details...)
	}
	r, err := s.own(ctx)
	if err != nil {
		return err
	}
	if ok, err := s.Passwords.Compare(ctx, r.PasswordHash, current); err != nil {
		return err
	} else if !ok {
		return fault.New(fault.Invalid, "the current password is wrong").
			With(fault.Detail{Path: "/currentPassword", Code: "mismatch", Message: "is not the password of this account"})
	}
	hash, err := s.Passwords.Hash(ctx, next)
	if err != nil {
		return err
	}
	_, err = s.Accounts.Update(ctx, r.ID, func(stored *Record) ([]event.Envelope, error) {
		if stored.PasswordHash != r.PasswordHash {
			return nil, fault.New(fault.Conflict, "the password was changed at the same time elsewhere")
		}
		stored.PasswordHash = hash
		return nil, nil
	})
	return err
}

// List returns a page of the accounts.
func (s *Service) List(ctx context.Context, q store.Query) (store.Page[Record], error) {
	return s.Accounts.List(ctx, q)
}

// Change is what an admin may change of an account; what is left out, or null,
// stays.
type Change struct {
	Role         *auth.Role `json:"role,omitempty" enum:"admin,operator,user,legitimate_interest,authority"`
	Organisation *string    `json:"organisation,omitempty" doc:"empty takes the account out of its organisation"`
	Disabled     *bool      `json:"disabled,omitempty"`
}

// Change changes an account. An admin can neither disable nor demote the own
// account, so that one is left. It fails with fault.NotFound, fault.Invalid or
// fault.Conflict.
func (s *Service) Change(ctx context.Context, id string, c Change) (Account, error) {
	if c.Organisation != nil {
		if details := checkOrganisation(*c.Organisation); details != nil {
			return Account{}, fault.New(fault.Invalid, "the organisation does not do").With(details...)
		}
	}
	if id == auth.Caller(ctx).UserID && (c.Role != nil && *c.Role != auth.Admin || c.Disabled != nil && *c.Disabled) {
		return Account{}, fault.New(fault.Conflict, "an admin can neither demote nor disable the own account; another admin can")
	}
	row, err := s.Accounts.Update(ctx, id, func(r *Record) ([]event.Envelope, error) {
		before := r.Account
		c.apply(&r.Account)
		if r.Account == before {
			return nil, store.ErrNoChange
		}
		r.UpdatedAt = s.now()
		return []event.Envelope{r.updated()}, nil
	})
	if fault.Is(err, fault.NotFound) {
		return Account{}, fault.New(fault.NotFound, "there is no account %s", id)
	}
	return row.Doc.Account, err
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
