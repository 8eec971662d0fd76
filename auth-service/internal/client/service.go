package client

import (
	"context"
	"log/slog"
	"slices"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Organisations gives access to the organisations of clients, like those of accounts.
type Organisations interface {
	Confirm(ctx context.Context, id string) error
	Resolve(ctx context.Context, stored string) (id string, formerIDs []string, err error)
}

// Revoker publishes which access tokens are revoked: those of a client with a version lower
// than the given one, and those of a secret that was removed, with version 1.
type Revoker interface {
	Revocation(id string, version int64) store.HistoryRecord
	IsRevoked(ctx context.Context, id string, version int64) (bool, error)
}

// Service manages API clients. It is safe for concurrent use. Its methods fail with
// fault.Unavailable while the store does not respond, and with fault.NotFound for a client
// that the administrator may not see.
type Service struct {
	Clients       *store.Collection[Record]
	Organisations Organisations
	Tokens        Revoker
	Signer        Signer
	Requests      Requests
	Audit         *audit.Log
	Now           func() time.Time
	NewID         func() string
	Log           *slog.Logger

	verified *lru.Cache[[32]byte, struct{}] // hashes of client ids and secrets that were right
}

// maxVerified limits the memory of the credentials that were right.
const maxVerified = 10_000

// New returns a service without dependencies, which the caller sets.
func New() *Service {
	verified, err := lru.New[[32]byte, struct{}](maxVerified)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &Service{verified: verified}
}

func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

// Create adds a client and returns its first secret. Without an organisation, a manager adds it
// to their own organisation. It fails with fault.Invalid, for example if the organisation does not exist, with
// fault.Forbidden if the administrator may not add it, and with fault.Conflict if the organisation
// has maxClients.
//
// The client is stored before the organisation is confirmed. So a concurrent deletion of the
// organisation either finds the client or makes Confirm fail; see organisation.Service.Delete. In
// the same way, concurrent calls find the clients of each other and do not exceed the limit.
func (s *Service) Create(ctx context.Context, by account.Administrator, c APIClient) (_ Record, secret string, err error) {
	if details := append(checkName(c.Name), checkRole(c.Role)...); details != nil {
		return Record{}, "", fault.New(fault.Invalid, "the client is not valid").With(details...)
	}
	if c.Organisation == "" && !by.All {
		c.Organisation = by.Organisations[0]
	}
	if err := by.CheckGrant(c.Role, c.Organisation); err != nil {
		return Record{}, "", err
	}
	now := s.now()
	c.ID, c.CreatedAt, c.UpdatedAt = s.NewID(), now, now
	r := Record{APIClient: c, Hashes: map[string][]byte{}}
	secret = s.addSecret(&r)
	s.entry(ctx, &r, audit.ClientCreated,
		audit.FieldDiff{Field: "name", New: c.Name}, audit.FieldDiff{Field: "role", New: string(c.Role)}, audit.FieldDiff{Field: "organisation", New: c.Organisation})
	row, err := s.Clients.Insert(ctx, c.ID, r)
	if err != nil {
		return Record{}, "", err
	}
	if err = s.Organisations.Confirm(ctx, c.Organisation); err == nil {
		err = s.checkLimit(ctx, c)
	}
	if err != nil {
		_ = s.Clients.Delete(ctx, c.ID, row.Version) // if it fails, a client remains whose secret nobody has
		return Record{}, "", err
	}
	s.Audit.Append(ctx, r.LastEntry)
	return r, secret, nil
}

// checkLimit fails with fault.Conflict unless the client is one of the first maxClients of its
// organisation.
func (s *Service) checkLimit(ctx context.Context, c APIClient) error {
	page, err := s.Clients.List(ctx, store.Query{Scopes: []string{c.Organisation}, Order: store.OldestFirst, Limit: maxClients})
	if err != nil || slices.ContainsFunc(page.Rows, func(r store.Row[Record]) bool { return r.ID == c.ID }) {
		return err
	}
	return fault.New(fault.Conflict, "the organisation has %d API clients, which is the maximum; delete an unused one first", maxClients)
}

// addSecret adds a new secret to r and returns its value.
func (s *Service) addSecret(r *Record) string {
	secret, hash := newSecret()
	id := s.NewID()
	r.Secrets = append(r.Secrets, Secret{ID: id, CreatedAt: s.now()})
	r.Hashes[id] = hash
	return secret
}

// entry stores a new audit entry in r and returns the previous one, for the audit.
func (s *Service) entry(ctx context.Context, r *Record, action audit.Action, diffs ...audit.FieldDiff) store.Change {
	return store.Change{History: s.Audit.Next(ctx, &r.LastEntry, audit.Entry{
		Client: r.ID, Organisation: r.Organisation, Number: r.LastEntry.Number + 1, Action: action, Changes: diffs,
	})}
}

// AppendNewest appends the newest entries of the client that f selects, or of those of its
// organisation, to the audit.
func (s *Service) AppendNewest(ctx context.Context, f audit.Filter) error {
	switch {
	case f.Client != "":
		row, err := s.Clients.Get(ctx, f.Client)
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return s.Audit.Ensure(ctx, row.Doc.LastEntry)
	case f.Organisation != "":
		return s.appendNewestOf(ctx, f.Organisation)
	}
	return nil
}

func (s *Service) appendNewestOf(ctx context.Context, organisation string) error {
	q := store.Query{Scopes: []string{store.All, deletedScope}, Filters: map[string]string{filterOrganisation: organisation}, Limit: store.MaxLimit}
	for row, err := range s.Clients.All(ctx, q) {
		if err == nil {
			err = s.Audit.Ensure(ctx, row.Doc.LastEntry)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Get returns a client.
func (s *Service) Get(ctx context.Context, by account.Administrator, id string) (Record, error) {
	row, err := s.Clients.Get(ctx, id)
	if err == nil && !row.Doc.visibleTo(by) || fault.Is(err, fault.NotFound) {
		return Record{}, errNotFound(id)
	}
	return row.Doc, err
}

// Caller returns the client of the access token. It fails with fault.Unauthenticated if it was
// deleted or disabled since.
func (s *Service) Caller(ctx context.Context) (Record, error) {
	row, err := s.Clients.Get(ctx, auth.UserID(ctx))
	if fault.Is(err, fault.NotFound) || err == nil && (row.Doc.Deleted || row.Doc.Disabled) {
		return Record{}, fault.New(fault.Unauthenticated, "the client of this access token does not exist or is disabled")
	}
	return row.Doc, err
}

func (r Record) visibleTo(by account.Administrator) bool {
	return !r.Deleted && by.Administers(r.Role, r.Organisation)
}

// List returns a page of the clients, of an organisation unless that is empty, newest first. It
// may have fewer clients than the limit although more pages follow. It fails with
// fault.Malformed if the cursor belongs to another list.
func (s *Service) List(ctx context.Context, by account.Administrator, organisation, cursor string, limit int) (store.Page[Record], error) {
	q := store.Query{Scopes: by.Organisations, Filters: map[string]string{filterOrganisation: organisation}, Cursor: cursor, Limit: limit}
	if by.All {
		q.Scopes = []string{store.All}
	}
	page, err := s.Clients.List(ctx, q)
	visible := page.Rows[:0]
	for _, row := range page.Rows {
		if row.Doc.visibleTo(by) {
			visible = append(visible, row)
		}
	}
	page.Rows = visible
	return page, err
}

// EnsureEmpty fails with fault.Conflict if a client belongs to one of the organisations.
func (s *Service) EnsureEmpty(ctx context.Context, organisations ...string) error {
	for _, organisation := range organisations {
		page, err := s.Clients.List(ctx, store.Query{Scopes: []string{store.All}, Filters: map[string]string{filterOrganisation: organisation}, Limit: 1})
		if err != nil {
			return err
		}
		if len(page.Rows) > 0 {
			return fault.New(fault.Conflict, "organisation %q has API clients, %s for example; delete them first", organisation, page.Rows[0].Doc.Name)
		}
	}
	return nil
}

func errNotFound(id string) error { return fault.New(fault.NotFound, "client %q not found", id) }
