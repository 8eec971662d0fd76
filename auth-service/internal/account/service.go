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

// Hasher makes hashes of passwords, and compares. Compare takes its time, the
// same for an empty hash, which nothing matches. Outdated tells whether a hash
// is to be made anew.
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

// Throttle bounds how often a password is tried, and for how many passwords of a
// network there are hashes made at a time. An attempt counts as a failure until
// it is ended as none. Known tells that the account was logged in to from the
// network before. Both fail with fault.TooMany.
type Throttle interface {
	Attempt(network, account string, known bool) (end func(failed bool), err error)
	Enter(network string) (leave func(), err error)
}

// Service is what can be done with accounts. It is safe for concurrent use.
// Its methods fail with fault.Unavailable when the store does not answer.
type Service struct {
	Accounts      *store.Collection[Record]
	Audit         *store.Collection[Entry]
	Passwords     Hasher
	Attempts      Throttle
	Tokens        Revoker
	Organisations Organisations
	Now           func() time.Time
	NewID         func() string
	Log           *slog.Logger

	FirstIsAdmin bool // the first registration may ask for the role of an admin
}

func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

// Register makes an account of a user. The very first may ask for the role of
// an admin, if FirstIsAdmin; any other role is fault.Forbidden. It fails with
// fault.Invalid, or fault.Conflict when the address is taken.
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
	return Record{}, onlyAdmins()
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
	page, err := s.Accounts.List(ctx, store.Query{Scopes: []string{store.All}, Filters: map[string]string{filterRole: string(auth.Admin)}, Order: store.OldestFirst, Limit: store.MaxLimit})
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(page.Rows, func(r store.Row[Record]) bool { return !r.Doc.Disabled }) {
		return fault.New(fault.Conflict, "there is no admin; if the address in ADMIN_EMAIL has an account of another role, set one that has none")
	}
	return nil
}

func (s *Service) add(ctx context.Context, email, password string, role auth.Role, first bool) (Record, error) {
	email = NormalEmail(email)
	if details := CheckCredentials(email, password); details != nil {
		return Record{}, fault.New(fault.Invalid, "the account is not valid").With(details...)
	}
	hash, err := s.hashed(ctx, password)
	if err != nil {
		return Record{}, err
	}
	now := s.now()
	r := Record{Account: Account{ID: s.NewID(), Email: email, Role: role, CreatedAt: now, UpdatedAt: now}, PasswordHash: hash, First: first}
	if from := originOf(ctx).Network; from != "" {
		r.KnownFrom = []string{from}
	}
	r.LastEntry = s.newEntry(byItself(ctx, r), &r, Registered, FieldDiff{Field: "role", New: string(role)})
	_, err = s.Accounts.Insert(ctx, r.ID, r, r.registered())
	switch index, _ := store.Duplicate(err); index {
	case byFirst:
		return Record{}, onlyAdmins() // somebody was quicker
	case byEmail:
		return Record{}, fault.New(fault.Conflict, "there is an account with this address").
			With(fault.Detail{Path: "/email", Code: "duplicate", Message: "is taken"})
	}
	if err == nil {
		s.appendEntry(ctx, r.LastEntry)
	}
	return r, err
}

// hashed returns the hash of a new password.
func (s *Service) hashed(ctx context.Context, password string) (string, error) {
	leave, err := s.Attempts.Enter(originOf(ctx).Network)
	if err != nil {
		return "", err
	}
	defer leave()
	return s.Passwords.Hash(ctx, password)
}

// byItself has an account registered by itself, where somebody asked for it.
func byItself(ctx context.Context, r Record) context.Context {
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
// fault.Malformed if the cursor belongs to another list.
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
