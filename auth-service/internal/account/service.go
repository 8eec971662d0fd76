package account

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Hasher hashes passwords. An empty hash matches no password; a mismatch takes the
// same time for every hash. Outdated reports whether a hash must be replaced.
type Hasher interface {
	Hash(ctx context.Context, password string) (string, error)
	Compare(ctx context.Context, hash, password string) (bool, error)
	Outdated(hash string) bool
}

// Revoker publishes which access tokens are revoked: those of an account with a
// version lower than the given one. Revocation returns the record to store before
// the change that raises the version.
type Revoker interface {
	Revocation(id string, version int64) store.HistoryRecord
	IsRevoked(ctx context.Context, id string, version int64) (bool, error)
}

// Throttle limits password attempts, and how many passwords of one network are
// hashed at a time. An attempt counts as a failure until end(false). Known reports
// whether the account was logged in to from the network before. Both methods fail
// with fault.TooMany.
type Throttle interface {
	Attempt(network, account string, known bool) (end func(failed bool), err error)
	Acquire(network string) (release func(), err error)
}

// Service manages accounts. It is safe for concurrent use. Its methods fail with
// fault.Unavailable while the store does not respond.
type Service struct {
	Accounts      *store.Collection[Record]
	Audit         *store.Collection[AuditEntry]
	Passwords     Hasher
	Throttle      Throttle
	Tokens        Revoker
	Organisations Organisations
	Now           func() time.Time
	NewID         func() string
	Log           *slog.Logger

	FirstIsAdmin bool // the first registration may request the role admin
}

func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

// Register creates the account of a user. If FirstIsAdmin, the first account may
// have the role admin. It fails with fault.Forbidden for any other role, with
// fault.Invalid, or with fault.Conflict if the email address has an account.
func (s *Service) Register(ctx context.Context, email, password string, role auth.Role) (Record, error) {
	switch role {
	case "", auth.User:
		return s.add(ctx, email, password, auth.User, false)
	case auth.Admin:
		page, err := s.Accounts.List(ctx, store.Query{Scopes: []string{store.All}, Limit: 1})
		if err != nil {
			return Record{}, err
		}
		if s.FirstIsAdmin && len(page.Rows) == 0 {
			return s.add(ctx, email, password, auth.Admin, true)
		}
	}
	return Record{}, errRoleRefused()
}

func errRoleRefused() error {
	return fault.New(fault.Forbidden, "only an admin can assign this role; register without a role").
		With(fault.Detail{Path: "/role", Code: "enum", Message: "must be user or absent"})
}

// EnsureAdmin creates an admin account, unless the email address has an account. It
// fails with fault.Conflict if no enabled account is an admin afterwards: an existing
// account of the address is not promoted, because anybody may have registered it.
func (s *Service) EnsureAdmin(ctx context.Context, email, password string) error {
	_, err := s.Accounts.GetBy(ctx, byEmail, NormalEmail(email))
	if fault.Is(err, fault.NotFound) {
		_, err = s.add(ctx, email, password, auth.Admin, false)
	}
	if err != nil && !fault.Is(err, fault.Conflict) { // Conflict: another instance created it
		return err
	}
	return s.CheckAdminExists(ctx)
}

// CheckAdminExists fails with fault.Conflict if no enabled account is an admin.
func (s *Service) CheckAdminExists(ctx context.Context) error {
	page, err := s.Accounts.List(ctx, store.Query{Scopes: []string{store.All}, Filters: map[string]string{filterRole: string(auth.Admin)}, Order: store.OldestFirst, Limit: store.MaxLimit})
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(page.Rows, func(r store.Row[Record]) bool { return !r.Doc.Disabled }) {
		return fault.New(fault.Conflict, "no admin account exists; if ADMIN_EMAIL names an account with another role, set it to an address without account")
	}
	return nil
}

func (s *Service) add(ctx context.Context, email, password string, role auth.Role, first bool) (Record, error) {
	email = NormalEmail(email)
	if details := CheckCredentials(email, password); details != nil {
		return Record{}, fault.New(fault.Invalid, "the account is not valid").With(details...)
	}
	hash, err := s.hashPassword(ctx, password)
	if err != nil {
		return Record{}, err
	}
	now := s.now()
	r := Record{Account: Account{ID: s.NewID(), Email: email, Role: role, CreatedAt: now, UpdatedAt: now}, PasswordHash: hash, First: first}
	if from := originOf(ctx).Network; from != "" {
		r.KnownNetworks = []string{from}
	}
	r.LastEntry = s.newEntry(asRegistrant(ctx, r), &r, Registered, FieldDiff{Field: "role", New: string(role)})
	_, err = s.Accounts.Insert(ctx, r.ID, r, r.registered())
	switch index, _ := store.Duplicate(err); index {
	case byFirst:
		return Record{}, errRoleRefused() // a concurrent registration won
	case byEmail:
		return Record{}, fault.New(fault.Conflict, "an account with this email address already exists").
			With(fault.Detail{Path: "/email", Code: "duplicate", Message: "already exists"})
	}
	if err == nil {
		s.appendEntry(ctx, r.LastEntry)
	}
	return r, err
}

// hashPassword returns the hash of a new password. It fails with fault.TooMany.
func (s *Service) hashPassword(ctx context.Context, password string) (string, error) {
	release, err := s.Throttle.Acquire(originOf(ctx).Network)
	if err != nil {
		return "", err
	}
	defer release()
	return s.Passwords.Hash(ctx, password)
}

// asRegistrant returns a context whose caller is the new account itself, so that
// its audit entry names it. Without a request, as for ADMIN_EMAIL, nobody is named.
func asRegistrant(ctx context.Context, r Record) context.Context {
	if originOf(ctx) == (Origin{}) {
		return ctx
	}
	return auth.NewContext(ctx, auth.Principal{UserID: r.ID})
}

// Filter selects accounts; an empty member selects all.
type Filter struct {
	Email        string
	Role         auth.Role
	Organisation string // also selects the accounts stored under its former ids
}

// List returns a page of the accounts that match f, newest first. It fails with
// fault.Malformed if the cursor belongs to another list, and for a cursor of a list by
// organisation also after the former ids of that organisation have changed.
func (s *Service) List(ctx context.Context, f Filter, cursor string, limit int) (store.Page[Record], error) {
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
