package passport

import (
	"context"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// View is how much of a passport a reader sees.
type View struct {
	Classes ruleset.Classes
	Keeper  bool // its organisation keeps the passport, or it is an admin: sees all
}

// History tells whether the reader sees that there are versions: everybody
// whose view goes beyond the public one.
func (v View) History() bool { return v.Keeper || v.Classes != ruleset.Anyone.Classes() }

// anyone is the view of who is not known.
func anyone() View { return View{Classes: ruleset.Anyone.Classes()} }

// viewOf returns what a caller sees of the passport. It fails with
// fault.NotFound where that is nothing, and with fault.Gone after the end.
func (p *Passport) viewOf(caller auth.Principal) (View, error) {
	if p.keptBy(caller) {
		return View{Classes: ruleset.All, Keeper: true}, nil
	}
	reader := p.reader(caller)
	switch seen := stages[p.Head.State].seen; {
	case p.Deleted || seen == hidden:
		return View{}, notFound(p.ID)
	case seen == ended && reader != ruleset.MarketSurveillance:
		return View{}, over(p.Head.CreatedAt)
	}
	return View{Classes: reader.Classes()}, nil
}

// reader returns the role of the access matrix in which a caller reads the
// passport who does not keep it. Whether the caller was granted more of this
// passport is to be asked here, and nowhere else.
func (p *Passport) reader(caller auth.Principal) ruleset.Reader {
	switch caller.Role {
	case auth.Authority:
		return ruleset.MarketSurveillance
	case auth.LegitimateInterest:
		return ruleset.WithLegitimateInterest
	}
	return ruleset.Anyone
}

// keptBy tells whether a caller belongs to those who keep the passport.
func (p *Passport) keptBy(caller auth.Principal) bool {
	return !p.Deleted && (caller.Role == auth.Admin || ownerOf(caller).scope() == p.Head.Owner.scope())
}

// mayChange fails unless the caller keeps the passport.
func (p *Passport) mayChange(caller auth.Principal) error {
	view, err := p.viewOf(caller)
	if err == nil && !view.Keeper {
		return fault.New(fault.Forbidden, "the passport belongs to another organisation")
	}
	return err
}

// Seen is a passport as far as a reader sees it.
type Seen struct {
	Passport
	View View
}

// seenIn returns the passport with the data of a view.
func (s *Service) seenIn(p Passport, view View) Seen {
	p.Head.Data = s.rules().Project(p.Head.Data, view.Classes)
	return Seen{p, view}
}

// find returns a passport with all of its data, and what the caller sees of it.
func (s *Service) find(ctx context.Context, id string) (Passport, View, error) {
	row, err := s.Passports.Get(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return Passport{}, View{}, notFound(id)
	}
	if err != nil {
		return Passport{}, View{}, err
	}
	view, err := row.Doc.viewOf(auth.Caller(ctx))
	return row.Doc, view, err
}

// findHistory is find for what tells of versions.
func (s *Service) findHistory(ctx context.Context, id string) (Passport, View, error) {
	p, view, err := s.find(ctx, id)
	if err == nil && !view.History() {
		err = fault.New(fault.Forbidden, "how a passport came to be is for who keeps it, for authorities, and for those with a legitimate interest")
	}
	return p, view, err
}

// Get returns a passport as far as the caller sees it.
func (s *Service) Get(ctx context.Context, id string) (Seen, error) {
	p, view, err := s.find(ctx, id)
	if err != nil {
		return Seen{}, err
	}
	return s.seenIn(p, view), nil
}

// Published is a passport that the public reads a part of.
type Published struct {
	passport Passport
	version  int64
	service  *Service
	rules    string
}

// Part names what the public reads of a passport: where two are the same, so is
// that.
type Part struct {
	ID      string
	Version int64
	Rules   string // which say what is public
}

// Part names the part that Seen returns.
func (p Published) Part() Part { return Part{p.passport.ID, p.version, p.rules} }

// Seen returns the part.
func (p Published) Seen() Seen { return p.service.seenIn(p.passport, anyone()) }

// PartOf names what the public reads of a passport, whether it may or not: it
// costs much less to tell than Public does. It fails with fault.NotFound.
func (s *Service) PartOf(ctx context.Context, id string) (Part, error) {
	version, err := s.Passports.Version(ctx, id)
	return Part{id, version, s.rules().Name}, err
}

// Public returns a published passport, for the public. It fails with
// fault.NotFound, and with fault.Gone when it has ended.
func (s *Service) Public(ctx context.Context, id string) (Published, error) {
	row, err := s.Passports.Get(ctx, id)
	return s.public(row, err, notFound(id))
}

// PublicOf is Public for the passport of a battery.
func (s *Service) PublicOf(ctx context.Context, batteryIdentifier string) (Published, error) {
	row, err := s.Passports.GetBy(ctx, byIdentifier, batteryIdentifier)
	return s.public(row, err, fault.New(fault.NotFound, "there is no passport of the battery %s", batteryIdentifier))
}

func (s *Service) public(row store.Row[Passport], err, none error) (Published, error) {
	if fault.Is(err, fault.NotFound) {
		return Published{}, none
	}
	if err != nil {
		return Published{}, err
	}
	if _, err := row.Doc.viewOf(auth.Principal{}); err != nil {
		if fault.Is(err, fault.NotFound) {
			err = none
		}
		return Published{}, err
	}
	return Published{row.Doc, row.Version, s, s.rules().Name}, nil
}
