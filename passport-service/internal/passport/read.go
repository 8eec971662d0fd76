package passport

import (
	"context"

	"github.com/battery-passport/suite/passport-service/internal/batteryid"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// PassportView is a passport reduced to the data that an access covers.
type PassportView struct {
	Passport
	Access Access
}

// viewFor reduces a passport to the data that an access covers.
func (s *Service) viewFor(p Passport, access Access) PassportView {
	p.Head.Data, p.document = s.rules().Project(p.Head.Data, access.Classes), nil
	return PassportView{p, access}
}

// Document parses the data of a view.
func (s *Service) Document(v PassportView) *ruleset.Document {
	return s.rules().ParseCanonical(v.Head.Data)
}

// find returns a passport with all of its data, and the caller's access. It fails
// like AccessOf.
func (s *Service) find(ctx context.Context, id string) (Passport, Access, error) {
	row, access, err := s.findRow(ctx, id)
	return row.Doc, access, err
}

func (s *Service) findRow(ctx context.Context, id string) (store.Row[Passport], Access, error) {
	row, err := s.Passports.Get(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return row, Access{}, errNotFound(id)
	}
	if err != nil {
		return row, Access{}, err
	}
	access, err := AccessOf(auth.Caller(ctx), &row.Doc)
	return row, access, err
}

// findHistory is like find for reads that reveal versions. It fails with
// fault.Forbidden for callers with public access.
func (s *Service) findHistory(ctx context.Context, id string) (Passport, Access, error) {
	p, access, err := s.find(ctx, id)
	if err == nil && !access.CanReadHistory() {
		err = fault.New(fault.Forbidden, "version history requires owner, authority or legitimate-interest access")
	}
	return p, access, err
}

// Get returns the part of a passport that the caller may read.
func (s *Service) Get(ctx context.Context, id string) (PassportView, error) {
	view, _, err := s.Current(ctx, id)
	return view, err
}

// Current is like Get, and also returns the revision of the passport.
func (s *Service) Current(ctx context.Context, id string) (PassportView, Revision, error) {
	revision := Revision{PassportID: id, RuleSet: s.rules().Name} // before the data is reduced: the next day may have other rules
	row, access, err := s.findRow(ctx, id)
	if err != nil {
		return PassportView{}, revision, err
	}
	revision.StoredVersion = row.Version
	return s.viewFor(row.Doc, access), revision, nil
}

// PublicPassport is a published passport whose public part has not been computed yet.
type PublicPassport struct {
	Revision Revision
	passport Passport
	service  *Service
}

// Revision identifies the parts of a passport: if two revisions are equal, so are the
// parts that an access covers. This is not true of drafts: after one is deleted, another
// one may have its revisions.
type Revision struct {
	PassportID    string
	StoredVersion int64
	RuleSet       string // determines the access class of each attribute
}

// View computes the public part.
func (p PublicPassport) View() PassportView { return p.service.viewFor(p.passport, publicAccess()) }

// Revision returns the revision of a passport, published or not. It is much cheaper
// than Public. It fails with fault.NotFound.
func (s *Service) Revision(ctx context.Context, id string) (Revision, error) {
	version, err := s.Passports.Version(ctx, id)
	return Revision{id, version, s.rules().Name}, err
}

// RevisionByBattery is like Revision for the battery with a scanned identifier. If the
// passport is not published, PublicByBattery may find another one.
func (s *Service) RevisionByBattery(ctx context.Context, scanned string) (Revision, error) {
	key := batteryid.ScannedKey(scanned)
	id, version, err := s.Passports.VersionBy(ctx, byIdentifier, key)
	if fault.Is(err, fault.NotFound) && scanned != key {
		id, version, err = s.Passports.VersionBy(ctx, byIdentifier, scanned)
	}
	return Revision{id, version, s.rules().Name}, err
}

// Public returns a published passport. It fails with fault.NotFound, and with
// fault.Gone if the passport is archived or ceased.
func (s *Service) Public(ctx context.Context, id string) (PublicPassport, error) {
	row, err := s.Passports.Get(ctx, id)
	return s.public(row, err, errNotFound(id))
}

// PublicByBattery returns the published passport of the battery with a scanned
// identifier, in any spelling, which may have a query and a fragment. It fails like
// Public.
func (s *Service) PublicByBattery(ctx context.Context, scanned string) (PublicPassport, error) {
	notFound := fault.New(fault.NotFound, "battery %s has no published passport", shorten(scanned, maxEcho))
	key := batteryid.ScannedKey(scanned)
	row, err := s.Passports.GetBy(ctx, byIdentifier, key)
	p, err := s.public(row, err, notFound)
	if fault.Is(err, fault.NotFound) && scanned != key { // Reindex has not reached it, or a draft has the key
		row, err = s.Passports.GetBy(ctx, byIdentifier, scanned)
		p, err = s.public(row, err, notFound)
	}
	if fault.Is(err, fault.NotFound) {
		return s.publicVoided(ctx, key, err)
	}
	return p, err
}

// GetByBattery returns the part of the passport of the battery with a scanned identifier
// that the caller may read, like Get. Drafts are not found.
func (s *Service) GetByBattery(ctx context.Context, scanned string) (PassportView, error) {
	key := batteryid.ScannedKey(scanned)
	row, err := s.getBy(ctx, byIdentifier, key, scanned)
	if fault.Is(err, fault.NotFound) {
		_, err = s.publicVoided(ctx, key, fault.New(fault.NotFound, "battery %s has no published passport", shorten(scanned, maxEcho)))
	}
	if err != nil {
		return PassportView{}, err
	}
	access, err := AccessOf(auth.Caller(ctx), &row.Doc)
	if err != nil {
		return PassportView{}, err
	}
	return s.viewFor(row.Doc, access), nil
}

// publicVoided fails with fault.Gone if the passport of a battery was voided and the battery
// has no other published passport, and otherwise with notFound.
func (s *Service) publicVoided(ctx context.Context, key string, notFound error) (PublicPassport, error) {
	page, err := s.Passports.List(ctx, store.Query{Scopes: []string{voidedScope}, Filters: map[string]string{byIdentifier: key}, Limit: 1})
	if err != nil {
		return PublicPassport{}, err
	}
	for _, row := range page.Rows {
		return s.public(row, nil, notFound)
	}
	return PublicPassport{}, notFound
}

// getBy returns the passport with a key in a unique index, or the passport whose identifier is
// still in the index because Reindex has not reached it. It fails with fault.NotFound.
func (s *Service) getBy(ctx context.Context, index, key, identifier string) (store.Row[Passport], error) {
	row, err := s.Passports.GetBy(ctx, index, key)
	if fault.Is(err, fault.NotFound) && identifier != key {
		return s.Passports.GetBy(ctx, index, identifier)
	}
	return row, err
}

// public returns the passport in row if everyone may read it. A passport that does
// not exist and one that is not published give the same error.
func (s *Service) public(row store.Row[Passport], err, notFound error) (PublicPassport, error) {
	if err == nil {
		_, err = AccessOf(auth.Principal{}, &row.Doc)
	}
	if fault.Is(err, fault.NotFound) {
		err = notFound
	}
	if err != nil {
		return PublicPassport{}, err
	}
	return PublicPassport{Revision{row.ID, row.Version, s.rules().Name}, row.Doc, s}, nil
}
