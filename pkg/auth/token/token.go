// Package token signs and verifies access tokens. The auth-service signs them; every
// service verifies them locally.
package token

import (
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/battery-passport/suite/pkg/auth"
)

const (
	// Issuer is the iss claim of tokens of releases without ISSUER_URL.
	Issuer = "battery-passport/auth-service"
	// Audience is the aud claim of every access token.
	Audience = "battery-passport"

	// WebClient is the client_id claim of tokens of people.
	WebClient = "battery-passport"

	accessType = "at+jwt" // RFC 9068
	bearer     = "Bearer" // scheme of the Authorization header
)

// Claims are the claims of an access token.
type Claims struct {
	jwt.RegisteredClaims
	Email               string    `json:"email,omitempty"` // of an account
	Role                auth.Role `json:"role"`
	Organisation        string    `json:"organisation,omitempty"`
	FormerOrganisations []string  `json:"formerOrganisations,omitempty"`
	Session             string    `json:"sid,omitempty"`            // id of the session
	Version             int64     `json:"ver,omitzero"`             // version of the account's rights; compared with Revocation.Version
	EmailVerified       *bool     `json:"email_verified,omitempty"` // absent: true
	ClientID            string    `json:"client_id"`                // of an API client, or WebClient; RFC 9068
	Scope               string    `json:"scope"`                    // scopes of the role, or fewer; empty in tokens of earlier releases
}

// scopes returns the scopes of a token of an API client that has fewer than its role, otherwise
// nil. Tokens of people always have all scopes of their role, even if a later release adds
// some.
func (c Claims) scopes() []string {
	granted := strings.Fields(c.Scope)
	if len(granted) == 0 || c.ClientID != c.Subject {
		return nil
	}
	for _, scope := range c.Role.Scopes() {
		if !slices.Contains(granted, scope) {
			return granted
		}
	}
	return nil
}

// NewClaims returns the claims of a token of p that is valid from now until now+ttl.
func NewClaims(p auth.Principal, now time.Time, ttl time.Duration) Claims {
	client := WebClient
	if p.Client {
		client = p.UserID
	}
	c := Claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: Issuer, Audience: jwt.ClaimStrings{Audience}, Subject: p.UserID, ID: uuid.NewString(),
			IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(ttl)),
		},
		Email: p.Email, Role: p.Role, Organisation: p.Organisation, FormerOrganisations: p.FormerOrganisations,
		Session: p.Session, Version: p.Version, ClientID: client, Scope: strings.Join(p.GrantedScopes(), " "),
	}
	if p.EmailUnverified {
		c.EmailVerified = new(bool)
	}
	return c
}
