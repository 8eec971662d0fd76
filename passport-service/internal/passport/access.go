package passport

import (
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Access is what a caller may see of a passport: in single reads, lists,
// versions, comparisons, findings and public reads.
type Access struct {
	Classes ruleset.Classes
	Owner   bool // a member of the owner organisation, or an admin: sees and changes everything
}

// AccessOf decides what a caller may see of a passport, and is the only place
// that does: rights that are granted on single passports belong here. It fails
// with fault.NotFound where that is nothing, and with fault.Gone after the end.
func AccessOf(caller auth.Principal, p *Passport) (Access, error) {
	if p.Deleted {
		return Access{}, errNotFound(p.ID)
	}
	if caller.Role == auth.Admin || p.Head.Owner.includes(caller) {
		return Access{Classes: ruleset.AllClasses, Owner: true}, nil
	}
	reader := readerOf(caller)
	switch stages[p.Head.State].visibility {
	case hidden:
		return Access{}, errNotFound(p.ID)
	case ended:
		if reader != ruleset.MarketSurveillance {
			return Access{}, errGone(p.Head.CreatedAt)
		}
	}
	return Access{Classes: reader.Classes()}, nil
}

// publicAccess is the access of everybody to a published passport.
func publicAccess() Access { return Access{Classes: ruleset.Anyone.Classes()} }

// History reports whether the caller may see versions: everybody whose access
// goes beyond the public part.
func (a Access) History() bool { return a.Owner || a.Classes != ruleset.Anyone.Classes() }

// Version reports whether the caller may see a version: drafts are for the owner
// alone, also after publishing.
func (a Access) Version(v *Version) bool { return a.Owner || v.State != Draft }

// readerOf returns the role of the access matrix in which a caller reads
// passports that are not its own.
func readerOf(caller auth.Principal) ruleset.Reader {
	switch caller.Role {
	case auth.Authority:
		return ruleset.MarketSurveillance
	case auth.LegitimateInterest:
		return ruleset.WithLegitimateInterest
	}
	return ruleset.Anyone
}

// Owner is the organisation that a passport belongs to, or the account that
// created it where that has no organisation.
type Owner struct {
	Organisation string `json:"organisation,omitempty"`
	UserID       string `json:"userId"`
}

func ownerOf(p auth.Principal) Owner { return Owner{Organisation: p.Organisation, UserID: p.UserID} }

// includes reports whether a caller belongs to the owner.
func (o Owner) includes(caller auth.Principal) bool {
	if o.Organisation != "" || caller.Organisation != "" {
		return caller.Owns(o.Organisation)
	}
	return o.UserID != "" && o.UserID == caller.UserID
}

// scope is the list of the passports of an owner.
func (o Owner) scope() string {
	if o.Organisation != "" {
		return "organisation:" + o.Organisation
	}
	return "user:" + o.UserID
}

// published is the scope of the passports that everybody may see.
const published = "published"

// scopesOf returns the lists that a caller is shown.
func scopesOf(p auth.Principal) []string {
	switch p.Role {
	case auth.Admin:
		return []string{store.All}
	case auth.Authority, auth.LegitimateInterest:
		return []string{published}
	}
	scopes := []string{}
	for _, organisation := range p.Organisations() {
		scopes = append(scopes, Owner{Organisation: organisation}.scope())
	}
	if len(scopes) == 0 {
		scopes = append(scopes, ownerOf(p).scope())
	}
	return scopes
}

// checkOwner fails unless the caller belongs to the owner of the passport.
func checkOwner(caller auth.Principal, p *Passport) error {
	access, err := AccessOf(caller, p)
	if err == nil && !access.Owner {
		return fault.New(fault.Forbidden, "the passport belongs to another organisation")
	}
	return err
}
