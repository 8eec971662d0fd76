package ownership

import (
	"cmp"
	"context"
	"slices"
	"unicode/utf8"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/wire"
)

const (
	maxID        = 200 // characters
	maxFormerIDs = 100
)

// payload holds the members that Apply reads from all types of events.
type payload struct {
	PassportID     string   `json:"passportId"`
	Organisation   string   `json:"organisation"`
	CreatedBy      string   `json:"createdBy"`
	State          string   `json:"state"`        // of passport.snapshot; of passport.updated if it changed
	CurrentState   string   `json:"currentState"` // of passport.updated
	OrganisationID string   `json:"organisationId"`
	FormerIDs      []string `json:"formerIds"`
	Deleted        bool     `json:"deleted"`
}

// Apply stores the owner or the former ids in an event. It fails with fault.Malformed or
// fault.Invalid if the event is wrong.
func (s *Service) Apply(ctx context.Context, e event.Envelope) error {
	if !slices.Contains(Topics(), e.Type) {
		return nil
	}
	if err := wire.Check(e.Data); err != nil {
		return err
	}
	var p payload
	if err := wire.Unmarshal(e.Data, &p); err != nil {
		return fault.New(fault.Invalid, "the payload cannot be decoded").Because(err)
	}
	isOrganisation := e.Type == event.OrganisationUpdated{}.Topic()
	if err := p.validate(e, isOrganisation); err != nil {
		return err
	}
	if isOrganisation {
		return s.applyOrganisation(ctx, e, p)
	}
	return s.applyPassport(ctx, e, p)
}

func (p *payload) validate(e event.Envelope, isOrganisation bool) error {
	var details []fault.Detail
	check := func(path, id string, required bool) {
		if required && id == "" || utf8.RuneCountInString(id) > maxID {
			details = append(details, fault.Detail{Path: path, Code: "format", Message: "must be a string of 1 to 200 characters"})
		}
	}
	if isOrganisation {
		check("/organisationId", p.OrganisationID, true)
		if len(p.FormerIDs) > maxFormerIDs {
			details = append(details, fault.Detail{Path: "/formerIds", Code: "range", Message: "must have at most 100 elements"})
		}
		for _, id := range p.FormerIDs[:min(len(p.FormerIDs), maxFormerIDs)] {
			check("/formerIds", id, true)
		}
	} else {
		check("/passportId", p.PassportID, true)
		check("/organisation", p.Organisation, false)
		check("/createdBy", p.CreatedBy, false)
	}
	if e.Sequence < 1 {
		details = append(details, fault.Detail{Path: "ce_sequence", Code: "required", Message: "must be the version of the resource, at least 1"})
	}
	if details != nil {
		return fault.New(fault.Invalid, "the event is not valid").With(details...)
	}
	return nil
}

func (s *Service) applyPassport(ctx context.Context, e event.Envelope, p payload) error {
	state := cmp.Or(p.CurrentState, p.State)
	isSnapshot, wasPublished := e.Type == event.PassportSnapshot{}.Topic(), state != "" && state != "draft"
	said := Passport{
		ID: p.PassportID, Organisation: p.Organisation, Sequence: e.Sequence, KnownSince: e.Time.UTC(),
		Ended:     e.Type == event.PassportDeleted{}.Topic() || state == "voided",
		Published: e.Type == event.PassportPublished{}.Topic() || wasPublished,
		Withdrawn: wasPublished && state != "active",
	}
	if isSnapshot || e.Type == (event.PassportCreated{}).Topic() {
		said.Creator = p.CreatedBy
	}
	_, err := s.Passports.Insert(ctx, p.PassportID, said)
	if fault.Is(err, fault.Conflict) {
		_, err = s.Passports.Update(ctx, p.PassportID, func(known *Passport) (store.Change, error) {
			return store.Change{}, known.merge(said, isSnapshot)
		})
	}
	return err
}

// merge adds the content of an event, or returns store.ErrNoChange. A flag that is set stays
// set. A snapshot also corrects the owner at the stored version.
func (p *Passport) merge(said Passport, isSnapshot bool) error {
	before := *p
	if p.Creator == "" {
		p.Creator = said.Creator
	}
	if said.Sequence > p.Sequence || isSnapshot && said.Sequence == p.Sequence {
		p.Organisation, p.Sequence = said.Organisation, said.Sequence
	}
	p.Ended, p.Published, p.Withdrawn = p.Ended || said.Ended, p.Published || said.Published, p.Withdrawn || said.Withdrawn
	if *p == before {
		return store.ErrNoChange
	}
	return nil
}

func (s *Service) applyOrganisation(ctx context.Context, e event.Envelope, p payload) error {
	said := Organisation{ID: p.OrganisationID, FormerIDs: p.FormerIDs, Sequence: e.Sequence, KnownSince: e.Time.UTC()}
	if p.Deleted {
		said.FormerIDs = nil
	}
	_, err := s.Organisations.Insert(ctx, said.ID, said)
	if fault.Is(err, fault.Conflict) {
		_, err = s.Organisations.Update(ctx, said.ID, func(known *Organisation) (store.Change, error) {
			if said.Sequence <= known.Sequence {
				return store.Change{}, store.ErrNoChange
			}
			known.FormerIDs, known.Sequence = said.FormerIDs, said.Sequence
			return store.Change{}, nil
		})
	}
	return err
}
