package account

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
)

// Hasher hashes passwords. An empty hash matches no password; a mismatch takes the
// same time for every hash. Outdated reports whether a hash must be replaced.
type Hasher interface {
	Hash(ctx context.Context, client Client, password string) (string, error)
	Compare(ctx context.Context, client Client, hash, password string) (bool, error)
	Outdated(hash string) bool
}

// Revoker publishes which access tokens are revoked: those of an account with a
// version lower than the given one. Revocation returns the record to store before
// the change that raises the version.
type Revoker interface {
	Revocation(id string, version int64) store.HistoryRecord
	IsRevoked(ctx context.Context, id string, version int64) (bool, error)
}

// Throttle limits password attempts, and how many passwords are hashed at a time. An
// attempt counts as a failure until end(false); if it is not allowed, the password is
// treated as wrong. Code does the same for codes of a second factor. Device is the verified id of a
// device of the account, or empty. Attempt, Acquire and Code fail with fault.TooMany.
type Throttle interface {
	Attempt(client netip.Addr, account, device string) (allowed bool, end func(failed bool), err error)
	Acquire(client netip.Addr) (release func(), err error)
	Network(client netip.Addr) string
	Code(account, device string) (end func(failed bool), err error)
}

// Service manages accounts. It is safe for concurrent use. Its methods fail with
// fault.Unavailable while the store does not respond.
type Service struct {
	Accounts      *store.Collection[Record]
	Audit         *audit.Log
	Passwords     Hasher
	Throttle      Throttle
	Tokens        Revoker
	Organisations Organisations
	TOTPSecrets   TOTPSecrets
	Mails         *task.Queue // of tasks that send mails; nil: the service sends none
	Now           func() time.Time
	NewID         func() string
	Log           *slog.Logger

	FirstIsAdmin bool // the first registration may request the role admin
	Provider     ProviderPolicy
	AdminEmail   string // of ADMIN_EMAIL; its account cannot be erased, because a restart would create it again
	ByInvitation bool   // nobody registers
	VerifyEmails bool   // registrations go through RequestRegistration, except that of the first admin
	TOTPRequired Requirement
}

func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

// Register creates the account of a user. If FirstIsAdmin, the first account may
// have the role admin. It fails with fault.Forbidden for any other role, with
// fault.Invalid, or with fault.Conflict if the email address has an account.
func (s *Service) Register(ctx context.Context, email, password string, role auth.Role) (Record, error) {
	if s.ByInvitation {
		return Record{}, fault.New(fault.Forbidden, "registration is by invitation only; ask an admin or a manager of your organisation")
	}
	switch role {
	case "", auth.User:
		return s.add(ctx, Account{Email: email, Role: auth.User}, password, false)
	case auth.Admin:
		page, err := s.Accounts.List(ctx, store.Query{Scopes: []string{store.All}, Limit: 1})
		if err != nil {
			return Record{}, err
		}
		if s.FirstIsAdmin && len(page.Rows) == 0 {
			return s.add(ctx, Account{Email: email, Role: auth.Admin}, password, true)
		}
	}
	return Record{}, errRoleRefused()
}

func errRoleRefused() error {
	return fault.New(fault.Forbidden, "only an admin can assign this role; register without a role").
		With(fault.Detail{Path: "/role", Code: "enum", Message: "must be user or absent"})
}

// add creates an account with the email address and the role of a.
func (s *Service) add(ctx context.Context, a Account, password string, first bool) (Record, error) {
	a.Email = NormalEmail(a.Email)
	if details := CheckCredentials(a.Email, password); details != nil {
		return Record{}, fault.New(fault.Invalid, "the account is not valid").With(details...)
	}
	hash, err := s.hashPassword(ctx, Registration, password)
	if err != nil {
		return Record{}, err
	}
	a.ID, a.CreatedAt = s.NewID(), s.now()
	a.UpdatedAt = a.CreatedAt
	return s.insert(ctx, Record{Account: a, PasswordHash: hash, First: first})
}

// insert stores a new account.
func (s *Service) insert(ctx context.Context, r Record) (Record, error) {
	s.entryChange(asRegistrant(ctx, r), &r, audit.Registered, audit.FieldDiff{Field: "role", New: string(r.Role)})
	_, err := s.Accounts.Insert(ctx, r.ID, r, r.registered())
	switch index, _ := store.Duplicate(err); index {
	case byFirst:
		return Record{}, errRoleRefused() // a concurrent registration won
	case byEmail:
		return Record{}, errDuplicate()
	}
	if err == nil {
		s.Audit.Append(ctx, r.LastEntry)
	}
	return r, err
}

func errDuplicate() error {
	return fault.New(fault.Conflict, "an account with this email address already exists").
		With(fault.Detail{Path: "/email", Code: "duplicate", Message: "already exists"})
}

// hashPassword returns the hash of a new password. It fails with fault.TooMany.
func (s *Service) hashPassword(ctx context.Context, class Class, password string) (string, error) {
	release, err := s.Throttle.Acquire(audit.OriginOf(ctx).Client)
	if err != nil {
		return "", err
	}
	defer release()
	return s.Passwords.Hash(ctx, s.clientOf(ctx, class), password)
}

// asRegistrant returns a context whose caller is the new account itself, so that its audit
// entry names the account. Without a request, as for ADMIN_EMAIL, the entry names nobody.
func asRegistrant(ctx context.Context, r Record) context.Context {
	if audit.OriginOf(ctx) == (audit.Origin{}) {
		return ctx
	}
	return asAccount(ctx, r.ID)
}

// Filter selects accounts; an empty member selects all.
type Filter struct {
	Email        string
	Role         auth.Role
	Organisation string // also selects the accounts stored under its former ids
}

// List returns a page of the accounts that match f and that the administrator may see, newest
// first. It fails with fault.Malformed if the cursor belongs to another list. A cursor of a
// list by organisation becomes invalid when the former ids of the organisation change.
func (s *Service) List(ctx context.Context, by Administrator, f Filter, cursor string, limit int) (store.Page[Record], error) {
	if !by.All {
		return s.listManaged(ctx, by, f, cursor, limit)
	}
	return s.list(ctx, f, cursor, limit)
}

// listManaged returns a page of a list of a manager. It may have fewer accounts than the
// limit: those with other roles are left out.
func (s *Service) listManaged(ctx context.Context, by Administrator, f Filter, cursor string, limit int) (store.Page[Record], error) {
	if f.Organisation == "" && len(by.Organisations) > 0 {
		f.Organisation = by.Organisations[0]
	}
	if !slices.Contains(by.Organisations, f.Organisation) {
		return store.Page[Record]{}, nil
	}
	page, err := s.list(ctx, f, cursor, limit)
	page.Rows = slices.DeleteFunc(page.Rows, func(r store.Row[Record]) bool { return !by.Administers(r.Doc.Role, r.Doc.Organisation) })
	return page, err
}

func (s *Service) list(ctx context.Context, f Filter, cursor string, limit int) (store.Page[Record], error) {
	q := store.Query{Scopes: []string{store.All}, Cursor: cursor, Limit: limit, Filters: map[string]string{
		filterEmail: NormalEmail(f.Email), filterRole: string(f.Role),
	}}
	if f.Organisation != "" {
		id, formerIDs, err := s.Organisations.Resolve(ctx, f.Organisation)
		if err != nil {
			return store.Page[Record]{}, err
		}
		q.AnyOf = store.AnyOf{Filter: filterOrganisation, Values: []string{f.Organisation}}
		if id == f.Organisation {
			q.AnyOf.Values = append(q.AnyOf.Values, formerIDs...)
		}
	}
	return s.Accounts.List(ctx, q)
}
