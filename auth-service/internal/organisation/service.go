package organisation

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Members gives access to the accounts, or the API clients, of organisations. EnsureEmpty fails
// with fault.Conflict if one belongs to one of the organisations, and cancels
// assignments in progress.
type Members interface {
	EnsureEmpty(ctx context.Context, organisations ...string) error
}

// Tokens revokes the access tokens of an organisation that contain a former id.
type Tokens interface {
	FormerIDRevocation(organisation, former string) store.HistoryRecord
}

// Service is safe for concurrent use. Its methods fail with fault.Unavailable
// while the store does not respond.
type Service struct {
	Organisations *store.Collection[Record]
	Claims        *store.Collection[IDClaim]
	Members       []Members
	Tokens        Tokens
	Audit         *audit.Log
	Now           func() time.Time
}

func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

// Create adds an organisation. It fails with fault.Invalid, or with fault.Conflict if
// the id is that of an existing or deleted organisation, or a former id of an existing
// one: data of a deleted organisation still carries its id.
func (s *Service) Create(ctx context.Context, o Organisation) (Record, error) {
	o.CreatedAt = s.now()
	o.UpdatedAt = o.CreatedAt
	o.normalize()
	if err := errInvalid(o.check(Organisation{})); err != nil {
		return Record{}, err
	}
	if err := s.claim(ctx, o.ID, o.ID, "/id"); err != nil {
		return Record{}, err
	}
	r := Record{Organisation: o}
	s.next(ctx, &r, audit.OrganisationCreated, Organisation{})
	_, err := s.Organisations.Insert(ctx, o.ID, r, o.updated())
	if err == nil {
		s.Audit.Append(ctx, r.LastEntry)
	}
	if !fault.Is(err, fault.Conflict) {
		return r, err
	}
	if _, err := s.find(ctx, o.ID); fault.Is(err, fault.NotFound) {
		return Record{}, errDuplicate("/id", "must not be the id of a deleted organisation, got %q", o.ID)
	}
	return Record{}, errDuplicate("/id", "already exists: %q", o.ID)
}

// List returns a page of the organisations, newest first. It fails with
// fault.Malformed if the cursor belongs to another list.
func (s *Service) List(ctx context.Context, cursor string, limit int) (store.Page[Record], error) {
	return s.Organisations.List(ctx, store.Query{Scopes: []string{store.All}, Cursor: cursor, Limit: limit})
}

// Get returns an organisation, or fails with fault.NotFound.
func (s *Service) Get(ctx context.Context, id string) (Record, error) {
	row, err := s.find(ctx, id)
	return row.Doc, notFound(id, err)
}

// View returns an organisation to an admin or to one of its members. It fails with
// fault.NotFound for everybody else.
func (s *Service) View(ctx context.Context, id string) (Record, error) {
	if caller := auth.Caller(ctx); caller.Role != auth.Admin && (id == "" || caller.Organisation != id) {
		return Record{}, notFound(id, store.ErrNotFound(id))
	}
	return s.Get(ctx, id)
}

// find returns an organisation. It fails with fault.NotFound, for example for a deleted
// organisation.
func (s *Service) find(ctx context.Context, id string) (store.Row[Record], error) {
	row, err := s.Organisations.Get(ctx, id)
	if err == nil && row.Doc.Deleted {
		return store.Row[Record]{}, store.ErrNotFound(id)
	}
	return row, err
}

// Change changes an organisation. It fails with fault.NotFound, fault.Invalid, or
// fault.Conflict if a former id belongs to another organisation. With versions, it fails
// with fault.Stale unless the organisation has one of them.
func (s *Service) Change(ctx context.Context, id string, c Change, versions ...int64) (Record, error) {
	row, err := s.Organisations.Update(ctx, id, func(o *Record) (change store.Change, err error) {
		if o.Deleted {
			return change, store.ErrNotFound(id)
		}
		if err := o.LastEntry.CheckVersion(versions); err != nil {
			return change, err
		}
		before := o.Organisation
		c.apply(&o.Organisation)
		o.normalize()
		if err := errInvalid(o.check(before)); err != nil {
			return change, err
		}
		if c.FormerIDs != nil {
			if err := s.claimFormerIDs(ctx, o.Organisation); err != nil {
				return change, err
			}
		}
		if reflect.DeepEqual(before, o.Organisation) {
			return change, store.ErrNoChange
		}
		o.UpdatedAt = s.now()
		change = store.Change{Events: []event.Envelope{o.updated()}, History: s.next(ctx, o, audit.OrganisationChanged, before)}
		for _, former := range before.FormerIDs {
			if !slices.Contains(o.FormerIDs, former) {
				change.History = append(change.History, s.Tokens.FormerIDRevocation(id, former))
			}
		}
		return change, nil
	})
	if err == nil {
		s.Audit.Append(ctx, row.Doc.LastEntry)
	}
	return row.Doc, notFound(id, err)
}

// Delete deletes an organisation without accounts. Its record stays, so that the id
// is not reused. It fails with fault.NotFound, or with fault.Conflict if the
// organisation has accounts or changes at the same time.
//
// An assignment marks its account, then confirms the organisation, which raises its
// version, and then moves the account. Delete reads the version, then removes marks
// and looks for accounts, and then deletes that version. So either Delete finds the
// account, or the assignment finds that its mark or the organisation is gone.
func (s *Service) Delete(ctx context.Context, id string) error {
	row, err := s.find(ctx, id)
	if err != nil {
		return notFound(id, err)
	}
	for _, members := range s.Members {
		if err := members.EnsureEmpty(ctx, append([]string{id}, row.Doc.FormerIDs...)...); err != nil {
			return err
		}
	}
	row, err = s.Organisations.Update(ctx, id, func(o *Record) (store.Change, error) {
		o.Deleted, o.UpdatedAt = true, s.now()
		return store.Change{Events: []event.Envelope{o.updated()}, History: s.next(ctx, o, audit.OrganisationDeleted, o.Organisation)}, nil
	}, store.IfVersion(row.Version))
	if err == nil {
		s.Audit.Append(ctx, row.Doc.LastEntry)
	}
	if fault.Is(err, fault.Stale) {
		return fault.New(fault.Conflict, "another request changed organisation %q or assigned an account to it at the same time; try again", id)
	}
	return notFound(id, err)
}

// Confirm checks that an organisation exists and raises its version, so that a
// concurrent Delete fails. It fails with fault.Invalid.
func (s *Service) Confirm(ctx context.Context, id string) error {
	_, err := s.Organisations.Update(ctx, id, func(o *Record) (store.Change, error) {
		if o.Deleted {
			return store.Change{}, store.ErrNotFound(id)
		}
		return store.Change{}, nil
	})
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.Invalid, "organisation %q not found", id).
			With(fault.Detail{Path: "/organisation", Code: "notFound", Message: fmt.Sprintf("must be the id of an existing organisation, got %q", id)})
	}
	return err
}

// Resolve returns the id and the former ids of the organisation that an account is
// stored with: by its id or a former id. A free text from a release without
// organisation ids that no organisation lists as a former id is returned unchanged.
func (s *Service) Resolve(ctx context.Context, stored string) (id string, formerIDs []string, err error) {
	if stored == "" {
		return "", nil, nil
	}
	row, err := s.find(ctx, stored)
	if fault.Is(err, fault.NotFound) {
		row, err = s.getByFormerID(ctx, stored)
	}
	if fault.Is(err, fault.NotFound) {
		return stored, nil, nil
	}
	return row.Doc.ID, row.Doc.FormerIDs, err
}

// Change is a change of an organisation by an admin. Nil members stay unchanged.
type Change struct {
	Name        *string           `json:"name,omitempty" doc:"name for display"`
	Identifiers *IdentifierChange `json:"identifiers,omitempty" doc:"identifiers in public registers"`
	Address     *AddressChange    `json:"address,omitempty" doc:"postal address"`
	WebAddress  *string           `json:"webAddress,omitempty" doc:"https URL with a host that can exist, at most 200 characters; empty removes it"`
	FormerIDs   *[]string         `json:"formerIds,omitempty" doc:"replaces the list of former ids; at most 10"`
}

// IdentifierChange is a change of Identifiers.
type IdentifierChange struct {
	GLN  *string `json:"gln,omitempty" doc:"Global Location Number (GS1); empty removes it"`
	EORI *string `json:"eori,omitempty" doc:"EORI number; empty removes it"`
	VAT  *string `json:"vat,omitempty" doc:"VAT identification number; empty removes it"`
	LEI  *string `json:"lei,omitempty" doc:"Legal Entity Identifier (ISO 17442); empty removes it"`
	EUID *string `json:"euid,omitempty" doc:"European Unique Identifier; empty removes it"`
}

// AddressChange is a change of an Address.
type AddressChange struct {
	StreetAddress *string `json:"streetAddress,omitempty" doc:"street and number; empty removes it"`
	PostalCode    *string `json:"postalCode,omitempty" doc:"postal code; empty removes it"`
	City          *string `json:"city,omitempty" doc:"city; empty removes it"`
	Country       *string `json:"country,omitempty" doc:"ISO 3166-1 alpha-2 code; empty removes it"`
}

func (c Change) apply(o *Organisation) {
	set(&o.Name, c.Name)
	set(&o.WebAddress, c.WebAddress)
	if i := c.Identifiers; i != nil {
		set(&o.Identifiers.GLN, i.GLN)
		set(&o.Identifiers.EORI, i.EORI)
		set(&o.Identifiers.VAT, i.VAT)
		set(&o.Identifiers.LEI, i.LEI)
		set(&o.Identifiers.EUID, i.EUID)
	}
	if a := c.Address; a != nil {
		set(&o.Address.StreetAddress, a.StreetAddress)
		set(&o.Address.PostalCode, a.PostalCode)
		set(&o.Address.City, a.City)
		set(&o.Address.Country, a.Country)
	}
	if c.FormerIDs != nil && !slices.Equal(o.FormerIDs, *c.FormerIDs) {
		o.FormerIDs = slices.Clone(*c.FormerIDs)
	}
}

func set(field, value *string) {
	if value != nil {
		*field = *value
	}
}

func errInvalid(details []fault.Detail) error {
	if len(details) == 0 {
		return nil
	}
	return fault.New(fault.Invalid, "the organisation is not valid").With(details...)
}

// notFound names the organisation in a fault.NotFound of the store.
func notFound(id string, err error) error {
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.NotFound, "organisation %q not found", id)
	}
	return err
}

// errDuplicate returns a fault.Conflict about the member at the path.
func errDuplicate(path, format string, args ...any) error {
	message := fmt.Sprintf(format, args...)
	return fault.New(fault.Conflict, "%s", path[1:]+" "+message).With(fault.Detail{Path: path, Code: "duplicate", Message: message})
}
