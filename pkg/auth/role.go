// Package auth is who calls, and the roles that say what a caller may do.
package auth

import (
	"context"
	"slices"
)

// Role is what an account may do.
type Role string

// The roles. What a caller may see besides is a matter of ownership.
const (
	Admin              Role = "admin"               // everything
	Operator           Role = "operator"            // creates and writes what its organisation owns
	User               Role = "user"                // reads what its organisation owns
	LegitimateInterest Role = "legitimate_interest" // repairers, recyclers, second-life operators
	Authority          Role = "authority"           // notified bodies, market surveillance, the Commission
)

// Roles are all roles.
func Roles() []Role { return []Role{Admin, Operator, User, LegitimateInterest, Authority} }

// Valid tells whether r is one of Roles.
func (r Role) Valid() bool { return slices.Contains(Roles(), r) }

// Principal is who calls.
type Principal struct {
	UserID              string
	Email               string
	Role                Role
	Organisation        string   // its id; empty if the account belongs to none
	FormerOrganisations []string // ids that Organisation had before
	Session             string   // the login that the token comes from
	Version             int64    // of the account's rights when the token was issued
}

// Organisations returns the id of the caller's organisation and then its former
// ids: everything under which it may own something.
func (p Principal) Organisations() []string {
	if p.Organisation == "" {
		return nil
	}
	return append([]string{p.Organisation}, p.FormerOrganisations...)
}

// Owns reports whether what belongs to the organisation belongs to the caller's.
// What belongs to no organisation is nobody's.
func (p Principal) Owns(organisation string) bool {
	return organisation != "" && slices.Contains(p.Organisations(), organisation)
}

type principalKey struct{}

// NewContext returns a context of the caller.
func NewContext(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// Caller returns who calls; nobody, without a role, where no guard was passed.
func Caller(ctx context.Context) Principal {
	p, _ := ctx.Value(principalKey{}).(Principal)
	return p
}

// UserID returns the id of the caller, for the log.
func UserID(ctx context.Context) string { return Caller(ctx).UserID }
