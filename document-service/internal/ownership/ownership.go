// Package ownership derives from events which organisation or account owns a passport,
// whether everyone may read the passport, and which former ids an organisation has.
//
// Kafka delivers the events of one passport at least once, and in order only within a
// topic: passport.published may arrive before passport.created. Therefore the sequence
// of an event, which is the version of the passport, decides: an event changes the
// stored owner only if its sequence is greater than the stored one. A repeated event
// changes nothing. The record of a deleted or voided passport stays, so that a late event
// does not bring it back. The creator, the owner of a passport without an
// organisation, is in passport.created only and never changes, so an outdated
// passport.created still supplies it. Publishing, archiving and voiding a passport cannot
// be undone, so the events about these set flags that no other event resets, in any
// order: a passport is published if an event was received that publishes it or names a
// later state, and none of the events that withdraw the passport.
//
// Events of earlier releases do not name the organisation. passport.snapshot names it for a
// version that such an event may have reported, and so changes the owner at that version
// too.
//
// Until the first event of a passport arrives, nobody owns it. An event changes one record,
// however many documents name its passport: whether a document belongs to the owner is
// looked up when the document is read.
package ownership

import (
	"context"
	"slices"
	"time"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Passport is the owner of a passport at a version.
type Passport struct {
	ID           string    `json:"id"`
	Organisation string    `json:"organisation,omitempty"` // owner; empty: Creator is
	Creator      string    `json:"creator,omitempty"`      // account; empty: not known yet
	Ended        bool      `json:"ended,omitzero"`         // deleted or voided: nobody owns it
	Published    bool      `json:"published,omitzero"`     // at some time
	Withdrawn    bool      `json:"withdrawn,omitzero"`     // archived, voided or in another state that follows active
	Sequence     int64     `json:"sequence"`               // version of the passport
	KnownSince   time.Time `json:"knownSince"`
}

// PassportSchema declares how owners are stored.
func PassportSchema() store.Schema[Passport] {
	return store.Schema[Passport]{Name: "passport_owners", Version: 1}
}

// Organisation holds the former ids of an organisation at a version.
type Organisation struct {
	ID         string    `json:"id"`
	FormerIDs  []string  `json:"formerIds,omitempty"`
	Sequence   int64     `json:"sequence"` // version of the organisation
	KnownSince time.Time `json:"knownSince"`
}

// OrganisationSchema declares how former ids are stored: each is the scope of a list
// that contains the organisation.
func OrganisationSchema() store.Schema[Organisation] {
	return store.Schema[Organisation]{Name: "organisation_ids", Version: 1, Indexes: func(o *Organisation) store.Indexes {
		return store.Indexes{Scopes: o.FormerIDs, Created: o.KnownSince}
	}}
}

// Topics returns the topics whose events Apply handles.
func Topics() []string { return slices.Concat(event.AllPassportTopics(), event.OrganisationTopics()) }

// Service looks up who owns a passport. It is safe for concurrent use. Its methods fail with
// fault.Unavailable if the store does not respond.
type Service struct {
	Passports     *store.Collection[Passport]
	Organisations *store.Collection[Organisation]
}

// Owner is an organisation or, without one, an account.
type Owner struct{ Organisation, Account string }

// Owns reports whether the owner owns a passport. It is false for an unknown passport.
func (s *Service) Owns(ctx context.Context, o Owner, passport string) (bool, error) {
	p, err := s.passport(ctx, passport)
	switch owner := p.owner(); {
	case err != nil || owner == Owner{}:
		return false, err
	case owner.Organisation == "" || o.Organisation == "" || owner == o:
		return owner == o, nil
	default:
		current, err := s.CurrentID(ctx, owner.Organisation)
		if err != nil {
			return false, err
		}
		other, err := s.CurrentID(ctx, o.Organisation)
		return current == other, err
	}
}

// OwnersOf returns the owner of a passport, an organisation by its id and each of its former
// ids. It returns none for an unknown passport.
func (s *Service) OwnersOf(ctx context.Context, passport string) ([]Owner, error) {
	p, err := s.passport(ctx, passport)
	switch owner := p.owner(); {
	case err != nil || owner == Owner{}:
		return nil, err
	case owner.Organisation == "":
		return []Owner{owner}, nil
	default:
		current, err := s.CurrentID(ctx, owner.Organisation)
		if err != nil {
			return nil, err
		}
		ids, err := s.IDs(ctx, current)
		owners := make([]Owner, len(ids))
		for i, id := range ids {
			owners[i] = Owner{Organisation: id}
		}
		return owners, err
	}
}

// owner returns the owner of a passport, or the zero Owner if nobody owns it.
func (p Passport) owner() Owner {
	switch {
	case p.Ended:
		return Owner{}
	case p.Organisation != "":
		return Owner{Organisation: p.Organisation}
	}
	return Owner{Account: p.Creator}
}

// passport returns the record of a passport, or an empty one if the passport is unknown.
func (s *Service) passport(ctx context.Context, id string) (Passport, error) {
	row, err := s.Passports.Get(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return Passport{}, nil
	}
	return row.Doc, err
}

// IsPublished reports whether everyone may read the public part of a passport. It is
// false for an unknown, archived, voided or deleted passport.
func (s *Service) IsPublished(ctx context.Context, passport string) (bool, error) {
	p, err := s.passport(ctx, passport)
	return p.Published && !p.Withdrawn && !p.Ended, err
}

// CurrentID returns the id of the organisation that has a former id, or id itself if
// none has it.
func (s *Service) CurrentID(ctx context.Context, id string) (string, error) {
	page, err := s.Organisations.List(ctx, store.Query{Scopes: []string{id}, Order: store.OldestFirst, Limit: 1})
	if err != nil || len(page.Rows) == 0 {
		return id, err
	}
	return page.Rows[0].ID, nil
}

// IDs returns the id of an organisation and its former ids.
func (s *Service) IDs(ctx context.Context, id string) ([]string, error) {
	row, err := s.Organisations.Get(ctx, id)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	return append([]string{id}, row.Doc.FormerIDs...), nil
}
