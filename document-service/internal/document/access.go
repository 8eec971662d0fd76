package document

import (
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// ownedBy reports whether p belongs to the owner of the document: its organisation or,
// if it has none, its uploader. An uploader who left the organisation does not.
func (d *Document) ownedBy(p auth.Principal) bool {
	if d.Organisation != "" {
		return p.Owns(d.Organisation)
	}
	return d.UploadedBy != "" && d.UploadedBy == p.UserID
}

// trusted reports whether the document may be shown as a document of its passport: it names no
// passport, or belongs to the owner of the passport. Anyone can name any passport.
func (d *Document) trusted() bool { return d.PassportID == "" || d.FromPassportOwner }

// visibleTo reports whether p may read the document. Authorities and people with
// legitimate interest rely on the documents of a passport, so they see only trusted ones.
func (d *Document) visibleTo(p auth.Principal) bool {
	switch {
	case d.State != Ready:
		return false
	case p.Role == auth.Admin, d.ownedBy(p):
		return true
	case p.Role == auth.Authority:
		return d.trusted() && d.Class() != AccessOwner
	case p.Role == auth.LegitimateInterest:
		return d.trusted() && d.IsPublic
	}
	return d.IsPublic
}

// checkChange fails with fault.Forbidden when p may read but not change the
// document, and with fault.NotFound when p may not read it.
func (d *Document) checkChange(p auth.Principal) error {
	switch {
	case !d.visibleTo(p):
		return notFound(d.ID)
	case p.Role == auth.Admin, d.ownedBy(p) && (p.Role == auth.Operator || d.UploadedBy == p.UserID):
		return nil
	}
	return fault.New(fault.Forbidden, "only an admin and, in the organisation that the document belongs to, the uploader and operators may change or delete it")
}

// checkAccessClass fails with fault.Forbidden unless p may change the access class: only
// operators and admins may add readers. Anyone can register an account, so others must not
// publish files, not even to other users.
func checkAccessClass(p auth.Principal, before, after AccessClass) error {
	if !after.isWiderThan(before) || p.Role == auth.Operator || p.Role == auth.Admin {
		return nil
	}
	return fault.New(fault.Forbidden, "only operators and admins may show documents to authorities or everyone").
		With(fault.Detail{Path: "/accessClass", Code: "role", Message: "must be " + string(before) + " for the role " + string(p.Role)})
}

// scopesOf returns the scopes of the documents that p may list.
func scopesOf(p auth.Principal) []string {
	switch p.Role {
	case auth.Admin:
		return []string{store.All}
	case auth.Authority:
		return []string{authority}
	}
	scopes := []string{uploaderScope(p.UserID, "")}
	for _, organisation := range p.Organisations() {
		scopes = append(scopes, organisationScope(organisation))
	}
	return scopes
}

// ownScopes returns the scopes of the documents that p has uploaded and still owns.
func ownScopes(p auth.Principal) []string {
	scopes := []string{uploaderScope(p.UserID, "")}
	for _, organisation := range p.Organisations() {
		scopes = append(scopes, uploaderScope(p.UserID, organisation))
	}
	return scopes
}
