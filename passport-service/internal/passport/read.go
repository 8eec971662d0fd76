package passport

import (
	"context"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// PassportView is the part of a passport that an access covers.
type PassportView struct {
	Passport
	Access Access
}

// viewFor returns the passport with the data that an access covers.
func (s *Service) viewFor(p Passport, access Access) PassportView {
	p.Head.Data, p.document = s.rules().Project(p.Head.Data, access.Classes), nil
	return PassportView{p, access}
}

// find returns a passport with all of its data, and the access of the caller.
func (s *Service) find(ctx context.Context, id string) (Passport, Access, error) {
	row, err := s.Passports.Get(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return Passport{}, Access{}, errNotFound(id)
	}
	if err != nil {
		return Passport{}, Access{}, err
	}
	access, err := AccessOf(auth.Caller(ctx), &row.Doc)
	return row.Doc, access, err
}

// findHistory is find for reads that reveal versions.
func (s *Service) findHistory(ctx context.Context, id string) (Passport, Access, error) {
	p, access, err := s.find(ctx, id)
	if err == nil && !access.History() {
		err = fault.New(fault.Forbidden, "version history requires owner, authority or legitimate-interest access")
	}
	return p, access, err
}

// Get returns a passport as far as the caller may see it.
func (s *Service) Get(ctx context.Context, id string) (PassportView, error) {
	p, access, err := s.find(ctx, id)
	if err != nil {
		return PassportView{}, err
	}
	return s.viewFor(p, access), nil
}

// Published is a published passport, of which everybody may read the public part.
type Published struct {
	passport Passport
	version  int64
	service  *Service
	rules    string
}

// Part identifies the public part of a passport: equal parts have equal content.
type Part struct {
	ID      string
	Version int64
	Rules   string // the rule set, which says what is public
}

// Part identifies what View returns.
func (p Published) Part() Part { return Part{p.passport.ID, p.version, p.rules} }

// View returns the public part.
func (p Published) View() PassportView { return p.service.viewFor(p.passport, publicAccess()) }

// PartOf returns the Part of a passport, published or not, which is much cheaper
// than Public. It fails with fault.NotFound.
func (s *Service) PartOf(ctx context.Context, id string) (Part, error) {
	version, err := s.Passports.Version(ctx, id)
	return Part{id, version, s.rules().Name}, err
}

// Public returns a published passport. It fails with fault.NotFound, and with
// fault.Gone when it has ended.
func (s *Service) Public(ctx context.Context, id string) (Published, error) {
	row, err := s.Passports.Get(ctx, id)
	return s.public(row, err, errNotFound(id))
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
	if _, err := AccessOf(auth.Principal{}, &row.Doc); err != nil {
		if fault.Is(err, fault.NotFound) {
			err = none
		}
		return Published{}, err
	}
	return Published{row.Doc, row.Version, s, s.rules().Name}, nil
}
