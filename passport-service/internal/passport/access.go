package passport

import (
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Access defines which part of a passport a caller may read. It applies to every
// output: single passports, lists, versions, diffs, findings and the public part.
type Access struct {
	Classes ruleset.Classes
	Owner   bool // member of the owner organisation, or admin: may read and change everything
}

// AccessOf returns the access of a caller to a passport. No other function decides on access,
// so grants on single passports belong here. The owner and admins may read every passport that
// is not deleted. For other callers it fails with fault.NotFound for drafts, and with
// fault.Gone for archived, ceased and voided passports unless the caller is an authority.
// Deleted passports are fault.NotFound for everyone.
func AccessOf(caller auth.Principal, p *Passport) (Access, error) {
	if p.Deleted {
		return Access{}, errNotFound(p.ID)
	}
	if caller.Role == auth.Admin || p.Head.Owner.includes(caller) {
		return Access{Classes: ruleset.AllClasses, Owner: true}, nil
	}
	reader := readerOf(caller)
	switch lifeCycle[p.Head.State].visibility {
	case hidden:
		return Access{}, errNotFound(p.ID)
	case gone:
		if reader != ruleset.MarketSurveillance {
			return Access{}, errGone(&p.Head)
		}
	}
	return Access{Classes: reader.Classes()}, nil
}

// Subject contains the fields of a passport that AccessOf reads: all but its data and its
// reason.
type Subject struct{ passport Passport }

// Subject returns the subject of a view.
func (v PassportView) Subject() *Subject {
	p := v.Passport
	p.Head.Data, p.Head.Reason, p.document = nil, "", nil
	return &Subject{p}
}

// Access is AccessOf for a subject.
func (s *Subject) Access(caller auth.Principal) (Access, error) { return AccessOf(caller, &s.passport) }

// publicAccess returns the access that everyone has to a published passport.
func publicAccess() Access { return Access{Classes: ruleset.Anyone.Classes()} }

// CanReadHistory reports whether the caller may read versions, which takes more
// than public access.
func (a Access) CanReadHistory() bool { return a.Owner || a.Classes != ruleset.Anyone.Classes() }

// CanReadVersion reports whether the caller may read a version. Only the owner
// reads draft versions, even after the passport is published.
func (a Access) CanReadVersion(v *Version) bool { return a.Owner || v.State != Draft }

// readerOf returns the role in the access matrix for a caller other than the owner.
func readerOf(caller auth.Principal) ruleset.Reader {
	switch caller.Role {
	case auth.Authority:
		return ruleset.MarketSurveillance
	case auth.LegitimateInterest:
		return ruleset.WithLegitimateInterest
	}
	return ruleset.Anyone
}

// Owner is the organisation that owns a passport, or the account that created it
// if the account has no organisation.
type Owner struct {
	Organisation string `json:"organisation,omitempty" doc:"id of the organisation; absent if an account without an organisation owns the passport"`
	UserID       string `json:"userId" format:"uuid" doc:"id of the account that created the passport"`
}

func ownerOf(p auth.Principal) Owner { return Owner{Organisation: p.Organisation, UserID: p.UserID} }

// includes reports whether a caller belongs to the owner.
func (o Owner) includes(caller auth.Principal) bool {
	if o.Organisation != "" || caller.Organisation != "" {
		return caller.Owns(o.Organisation)
	}
	return o.UserID != "" && o.UserID == caller.UserID
}

// scope returns the store scope of the owner's passports.
func (o Owner) scope() string {
	if o.Organisation != "" {
		return "organisation:" + o.Organisation
	}
	return "user:" + o.UserID
}

const (
	publishedScope = "published" // store scope of the passports that everyone may read
	voidedScope    = "voided"    // store scope of the voided passports
)

// scopesOf returns the store scopes of the passports that List returns to a caller.
func scopesOf(p auth.Principal) []string {
	switch p.Role {
	case auth.Admin:
		return []string{store.All}
	case auth.Authority, auth.LegitimateInterest:
		return []string{publishedScope}
	}
	return draftScopesOf(p)
}

// checkOwner fails unless the caller belongs to the owner of the passport.
func checkOwner(caller auth.Principal, p *Passport) error {
	access, err := AccessOf(caller, p)
	if err == nil && !access.Owner {
		return fault.New(fault.Forbidden, "the passport belongs to another organisation")
	}
	return err
}
