// Package auth defines the caller of a request, its role and its organisation.
package auth

import (
	"context"
	"slices"
)

// Role is the role of an account.
type Role string

// The roles. Access to a passport or document also depends on its owner.
const (
	Admin              Role = "admin"               // everything
	Operator           Role = "operator"            // creates and writes what its organisation owns
	User               Role = "user"                // reads what its organisation owns
	LegitimateInterest Role = "legitimate_interest" // repairers, recyclers, second-life operators
	Authority          Role = "authority"           // notified bodies, market surveillance, the Commission
)

// Roles returns all roles.
func Roles() []Role { return []Role{Admin, Operator, User, LegitimateInterest, Authority} }

// Valid reports whether r is one of Roles.
func (r Role) Valid() bool { return slices.Contains(Roles(), r) }

// Scopes returns the scopes of access tokens with the role.
func (r Role) Scopes() []string {
	scopes := []string{"passports:read", "documents:read", "documents:write", "notifications:read"}
	if r == Operator || r == Admin {
		scopes = append(scopes, "passports:write")
	}
	return scopes
}

// Principal is the caller of a request.
type Principal struct {
	UserID              string
	Email               string
	Role                Role
	Organisation        string   // id; empty if the account belongs to none
	FormerOrganisations []string // former ids of Organisation
	Session             string   // id of the session (login) that the token belongs to, or of the secret of an API client
	Version             int64    // version of the account's rights when the token was issued
	EmailUnverified     bool     // the account must confirm its email address before it writes
	Client              bool     // whether the caller is an API client; UserID is then its id
	Scopes              []string // scopes of an access token that has fewer than its role; nil: all scopes of the role
}

// GrantedScopes returns the scopes of the access token.
func (p Principal) GrantedScopes() []string {
	if p.Scopes != nil {
		return p.Scopes
	}
	return p.Role.Scopes()
}

// MissingScope returns the scope that a request for a resource, such as passports, needs but
// the access token does not have, or "". Writes need the write scope of the resource if the
// role has one.
func (p Principal) MissingScope(resource string, isRead bool) string {
	need := resource + ":read"
	if write := resource + ":write"; !isRead && slices.Contains(p.Role.Scopes(), write) {
		need = write
	}
	if p.Scopes == nil || slices.Contains(p.Scopes, need) {
		return ""
	}
	return need
}

// Organisations returns the id of the caller's organisation followed by its former
// ids. A passport or document may name any of them as owner.
func (p Principal) Organisations() []string {
	if p.Organisation == "" {
		return nil
	}
	return append([]string{p.Organisation}, p.FormerOrganisations...)
}

// Owns reports whether organisation is the id or a former id of the caller's
// organisation. It is false for the empty id.
func (p Principal) Owns(organisation string) bool {
	return organisation != "" && slices.Contains(p.Organisations(), organisation)
}

type principalKey struct{}

// NewContext returns a context with p as the caller.
func NewContext(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// Caller returns the caller of a request, or a Principal without a role if the
// request was not authenticated.
func Caller(ctx context.Context) Principal {
	p, _ := ctx.Value(principalKey{}).(Principal)
	return p
}

// UserID returns the id of the caller, or "" if the request was not authenticated.
func UserID(ctx context.Context) string { return Caller(ctx).UserID }
