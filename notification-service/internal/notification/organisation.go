package notification

import (
	"context"
	"slices"
	"time"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/wire"
)

// OrganisationProjection is the part of an organisation that the service reads from
// organisation events.
type OrganisationProjection struct {
	ID        string    `json:"id"`
	FormerIDs []string  `json:"formerIds,omitempty"` // accounts and owners with one of them belong to the organisation
	Sequence  int64     `json:"sequence"`
	ChangedAt time.Time `json:"changedAt"`
}

// OrganisationSchema is the store schema of organisations. They are listed by former id.
func OrganisationSchema() store.Schema[OrganisationProjection] {
	return store.Schema[OrganisationProjection]{Name: "notification_organisations", Version: 1, Indexes: func(o *OrganisationProjection) store.Indexes {
		return store.Indexes{Scopes: slices.Clone(o.FormerIDs), Created: o.ChangedAt}
	}}
}

// upsertOrganisation stores an organisation unless a later version is stored.
func (s *Service) upsertOrganisation(ctx context.Context, e event.Envelope, p payload) error {
	var former []string
	if v := p["formerIds"]; v != nil && wire.Unmarshal(v, &former) != nil {
		return fault.New(fault.Invalid, "the event is not valid").With(fault.Detail{Path: "/formerIds", Code: "type", Message: "must be an array of strings"})
	}
	former = slices.DeleteFunc(former, func(id string) bool { return id == "" || hasControl(id) })
	o := OrganisationProjection{ID: p.string("organisationId"), FormerIDs: former, Sequence: e.Sequence, ChangedAt: e.Time}
	_, err := s.Organisations.Insert(ctx, o.ID, o)
	if fault.Is(err, fault.Conflict) {
		_, err = s.Organisations.Update(ctx, o.ID, func(stored *OrganisationProjection) (store.Change, error) {
			if o.Sequence <= stored.Sequence {
				return store.Change{}, store.ErrNoChange
			}
			*stored = o
			return store.Change{}, nil
		})
	}
	return err
}

// organisationIDs returns all ids of the organisation that has the id or former id.
func (s *Service) organisationIDs(ctx context.Context, id string) ([]string, error) {
	row, err := s.Organisations.Get(ctx, id)
	if err == nil {
		return append([]string{row.Doc.ID}, row.Doc.FormerIDs...), nil
	}
	if !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	page, err := s.Organisations.List(ctx, store.Query{Scopes: []string{id}, Limit: 1})
	if err != nil || len(page.Rows) == 0 {
		return []string{id}, err
	}
	o := page.Rows[0].Doc
	return append([]string{o.ID}, o.FormerIDs...), nil
}
