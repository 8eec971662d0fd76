package namespace

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/idempotency"
	"github.com/battery-passport/suite/pkg/store"
)

// maxRequested limits the namespaces of an organisation that wait for a decision.
const maxRequested = 100

// Service implements the use cases of namespaces. The caller is in the context. All
// methods fail with fault.NotFound for namespaces of other organisations, and with
// fault.Unavailable if the store does not respond. Service is safe for concurrent use.
type Service struct {
	Namespaces *store.Collection[Namespace]
	Claims     *store.Collection[Claims]
	Enforced   bool // identifiers must be in a confirmed namespace of the organisation
	Now        func() time.Time
	NewID      func() string

	cache *sync.Map // of WithCache: Claims by id
}

// WithCache returns a service whose checks read each claim once, for a batch of
// identifiers. It does not see later changes of claims.
func (s *Service) WithCache() *Service {
	cached := *s
	cached.cache = &sync.Map{}
	return &cached
}

// Request is a request for a namespace. Only admins set Organisation; the default is the
// organisation of the caller.
type Request struct {
	Kind                Kind
	Value, Organisation string
}

// check returns the value in its normal form. It fails with fault.Invalid, listing all errors.
func (r *Request) check() (value string, err error) {
	value, err = normalize(r.Kind, r.Value)
	if r.Organisation != "" {
		return value, err
	}
	wrong := fault.New(fault.Invalid, "the namespace is not valid").
		With(fault.Detail{Path: "/organisation", Code: "required", Message: "organisation is missing; your account has none"})
	if f, ok := errors.AsType[*fault.Error](err); ok {
		wrong = wrong.With(f.Details...)
	}
	return value, wrong
}

func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

// Create stores a requested namespace. It does not reveal whether another organisation has
// it; the admin who decides sees that. It fails with fault.Invalid, with
// fault.Forbidden if the caller may not request it for the organisation, and with
// fault.Conflict if the organisation has or has requested it. Calls with the same
// idempotency key create one namespace.
func (s *Service) Create(ctx context.Context, r Request, key string) (n Namespace, replayed bool, err error) {
	caller := auth.Caller(ctx)
	r.Organisation = cmp.Or(r.Organisation, caller.Organisation)
	if caller.Role != auth.Admin && !caller.Owns(r.Organisation) {
		return n, false, fault.New(fault.Forbidden, "you may request namespaces for your own organisation only")
	}
	if r.Value, err = r.check(); err != nil {
		return n, false, err
	}
	id, now, request := s.NewID(), s.now(), ""
	if key != "" {
		request = idempotency.Fingerprint(string(r.Kind), r.Value, r.Organisation)
		if id, err = s.idOfKey(ctx, caller, key); err != nil {
			return n, false, err
		}
		if existing, err := s.Get(ctx, id); !fault.Is(err, fault.NotFound) {
			return existing, true, errors.Join(err, idempotency.Check(existing.Request, request))
		}
	}
	waiting, err := s.Namespaces.List(ctx, store.Query{Scopes: []string{scope(r.Organisation)}, Filters: map[string]string{"state": string(Requested)}, Limit: maxRequested})
	if err != nil {
		return n, false, err
	}
	if len(waiting.Rows) == maxRequested {
		return n, false, fault.New(fault.Conflict, "%d namespaces of the organisation wait for a decision; ask an admin or withdraw some", maxRequested)
	}
	n = Namespace{ID: id, Organisation: r.Organisation, Kind: r.Kind, Value: r.Value, State: Requested, Request: request,
		CreatedAt: now, CreatedBy: caller.UserID, UpdatedAt: now, UpdatedBy: caller.UserID}
	_, err = s.Namespaces.Insert(ctx, id, n)
	if index, ok := store.Duplicate(err); ok && index == openRequest {
		return n, false, fault.New(fault.Conflict, "the organisation already has this namespace or has requested it").
			With(fault.Detail{Path: "/value", Code: "duplicate", Message: "value must be unique in the organisation, got " + r.Value}).Because(err)
	}
	return n, false, err
}

// idOfKey returns the id of the namespace that the caller requests with an idempotency key. It
// is derived from the caller and the key. If the namespace with this id belongs to an organisation
// that the caller has left, the id is derived from the current organisation, too.
func (s *Service) idOfKey(ctx context.Context, caller auth.Principal, key string) (string, error) {
	id := idempotency.ID("namespace", caller.UserID, key)
	row, err := s.Namespaces.Get(ctx, id)
	switch {
	case fault.Is(err, fault.NotFound):
		return id, nil
	case err == nil && !row.Doc.canRead(caller):
		id = idempotency.ID("namespace", caller.UserID+" "+caller.Organisation, key)
	}
	return id, err
}

// Get returns a namespace.
func (s *Service) Get(ctx context.Context, id string) (Namespace, error) {
	row, err := s.Namespaces.Get(ctx, id)
	if fault.Is(err, fault.NotFound) || err == nil && !row.Doc.canRead(auth.Caller(ctx)) {
		return Namespace{}, errNotFound(id)
	}
	return row.Doc, err
}

// ListParams selects a page of a list of namespaces. State may be empty.
type ListParams struct {
	State  State
	Cursor string
	Limit  int
}

// List returns a page of the namespaces of the caller's organisation, or of all
// organisations if the caller is an admin, newest first.
func (s *Service) List(ctx context.Context, p ListParams) (store.Page[Namespace], error) {
	caller := auth.Caller(ctx)
	var scopes []string
	for _, organisation := range caller.Organisations() {
		scopes = append(scopes, scope(organisation))
	}
	if caller.Role == auth.Admin {
		scopes = []string{store.All}
	}
	return s.Namespaces.List(ctx, store.Query{Scopes: scopes, Filters: map[string]string{"state": string(p.State)}, Cursor: p.Cursor, Limit: p.Limit})
}
