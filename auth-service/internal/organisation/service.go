package organisation

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Members are the accounts of organisations. Vacate fails with fault.Conflict if
// an account belongs to one of them, and cancels assignments in progress.
type Members interface {
	Vacate(ctx context.Context, organisations ...string) error
}

// Service is safe for concurrent use. Its methods fail with fault.Unavailable
// while the store does not answer.
type Service struct {
	Organisations *store.Collection[Organisation]
	FormerIDs     *store.Collection[FormerID]
	Members       Members
	Now           func() time.Time
}

func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

// Create adds an organisation. It fails with fault.Invalid, or with fault.Conflict
// if the id is or was used: what a deleted organisation owned still carries its id.
func (s *Service) Create(ctx context.Context, o Organisation) (Organisation, error) {
	o.CreatedAt = s.now()
	o.UpdatedAt = o.CreatedAt
	if err := invalid(o.check()); err != nil {
		return Organisation{}, err
	}
	if err := s.claim(ctx, o.ID, o.ID, "/id"); err != nil {
		return Organisation{}, err
	}
	_, err := s.Organisations.Insert(ctx, o.ID, o, o.updated())
	if !fault.Is(err, fault.Conflict) {
		return o, err
	}
	if _, err := s.find(ctx, o.ID); fault.Is(err, fault.NotFound) {
		return Organisation{}, taken("/id", "was deleted; its id is not used again: %q", o.ID)
	}
	return Organisation{}, taken("/id", "already exists: %q", o.ID)
}

// List returns a page of the organisations, newest first. It fails with
// fault.Malformed if the cursor belongs to another list.
func (s *Service) List(ctx context.Context, cursor string, limit int) (store.Page[Organisation], error) {
	return s.Organisations.List(ctx, store.Query{Scopes: []string{store.All}, Cursor: cursor, Limit: limit})
}

// Get returns an organisation, or fails with fault.NotFound.
func (s *Service) Get(ctx context.Context, id string) (Organisation, error) {
	row, err := s.find(ctx, id)
	return row.Doc, missing(id, err)
}

// find fails with fault.NotFound also for an organisation that was deleted.
func (s *Service) find(ctx context.Context, id string) (store.Row[Organisation], error) {
	row, err := s.Organisations.Get(ctx, id)
	if err == nil && row.Doc.Deleted {
		return store.Row[Organisation]{}, store.ErrNotFound(id)
	}
	return row, err
}

// Change changes an organisation. It fails with fault.NotFound, fault.Invalid, or
// fault.Conflict if a former id belongs to another organisation.
func (s *Service) Change(ctx context.Context, id string, c Change) (Organisation, error) {
	row, err := s.Organisations.Update(ctx, id, func(o *Organisation) (made store.Change, err error) {
		if o.Deleted {
			return made, store.ErrNotFound(id)
		}
		before := *o
		c.apply(o)
		if err := invalid(o.check()); err != nil {
			return made, err
		}
		if c.FormerIDs != nil {
			if err := s.claimFormerIDs(ctx, *o); err != nil {
				return made, err
			}
		}
		if reflect.DeepEqual(before, *o) {
			return made, store.ErrNoChange
		}
		o.UpdatedAt = s.now()
		return store.Change{Events: []event.Envelope{o.updated()}}, nil
	})
	return row.Doc, missing(id, err)
}

// Delete deletes an organisation without accounts. Its record stays, so that
// nobody else gets the id. It fails with fault.NotFound, or with fault.Conflict if
// it has accounts or changes at the same time.
//
// An assignment marks its account, then confirms the organisation, which raises
// its version, and then moves the account. Delete reads the version, then looks for
// accounts and cancels marks, and then deletes that version. So either Delete
// finds the account, or the assignment finds its mark or the organisation gone.
func (s *Service) Delete(ctx context.Context, id string) error {
	row, err := s.find(ctx, id)
	if err != nil {
		return missing(id, err)
	}
	if err := s.Members.Vacate(ctx, append([]string{id}, row.Doc.FormerIDs...)...); err != nil {
		return err
	}
	_, err = s.Organisations.Update(ctx, id, func(o *Organisation) (store.Change, error) {
		o.Deleted, o.UpdatedAt = true, s.now()
		return store.Change{Events: []event.Envelope{o.updated()}}, nil
	}, store.IfVersion(row.Version))
	if fault.Is(err, fault.Stale) {
		return fault.New(fault.Conflict, "organisation %q was changed, or got an account, at the same time; try again", id)
	}
	return missing(id, err)
}

// Confirm checks that an organisation exists and keeps a concurrent Delete from
// succeeding, by raising the version. It fails with fault.Invalid.
func (s *Service) Confirm(ctx context.Context, id string) error {
	_, err := s.Organisations.Update(ctx, id, func(o *Organisation) (store.Change, error) {
		if o.Deleted {
			return store.Change{}, store.ErrNotFound(id)
		}
		return store.Change{}, nil
	})
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.Invalid, "organisation %q does not exist", id).
			With(fault.Detail{Path: "/organisation", Code: "notFound", Message: fmt.Sprintf("must be the id of an organisation that exists, got %q", id)})
	}
	return err
}

// Resolve returns the id and the former ids of the organisation that an account
// belongs to. Stored is its id, a former id, or a free text from before
// organisations had ids that no organisation claims: that is returned as it is.
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

// Change is what an admin may change of an organisation.
type Change struct {
	Name        *string           `json:"name,omitempty" doc:"name for people"`
	Identifiers *IdentifierChange `json:"identifiers,omitempty" doc:"identifiers in public registers"`
	Address     *AddressChange    `json:"address,omitempty" doc:"postal address"`
	WebAddress  *string           `json:"webAddress,omitempty" doc:"http or https URL"`
	FormerIDs   *[]string         `json:"formerIds,omitempty" doc:"replaces the list of free-text ids of data from before; at most 10"`
}

// IdentifierChange is a change of Identifiers.
type IdentifierChange struct {
	GLN  *string `json:"gln,omitempty" doc:"Global Location Number"`
	EORI *string `json:"eori,omitempty" doc:"EORI number"`
	VAT  *string `json:"vat,omitempty" doc:"VAT identification number"`
	LEI  *string `json:"lei,omitempty" doc:"Legal Entity Identifier"`
	EUID *string `json:"euid,omitempty" doc:"European Unique Identifier"`
}

// AddressChange is a change of an Address.
type AddressChange struct {
	StreetAddress *string `json:"streetAddress,omitempty" doc:"street and number"`
	PostalCode    *string `json:"postalCode,omitempty" doc:"postal code"`
	City          *string `json:"city,omitempty" doc:"city"`
	Country       *string `json:"country,omitempty" doc:"ISO 3166-1 alpha-2 code"`
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

func invalid(details []fault.Detail) error {
	if len(details) == 0 {
		return nil
	}
	return fault.New(fault.Invalid, "the organisation is not valid").With(details...)
}

func missing(id string, err error) error {
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.NotFound, "organisation %q does not exist", id)
	}
	return err
}

func taken(path, format string, args ...any) error {
	message := fmt.Sprintf(format, args...)
	return fault.New(fault.Conflict, "%s", path[1:]+" "+message).With(fault.Detail{Path: path, Code: "duplicate", Message: message})
}
