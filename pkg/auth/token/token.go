// Package token is how a caller proves who it is: access tokens, signed by the
// auth-service and verified by every service itself.
package token

import (
	"crypto/ed25519"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/battery-passport/suite/pkg/auth"
)

const (
	// Issuer and Audience are those of every access token.
	Issuer   = "battery-passport/auth-service"
	Audience = "battery-passport"

	accessType = "at+jwt" // RFC 9068
)

// Claims are what an access token says.
type Claims struct {
	jwt.RegisteredClaims
	Email               string    `json:"email"`
	Role                auth.Role `json:"role"`
	Organisation        string    `json:"organisation,omitempty"`
	FormerOrganisations []string  `json:"formerOrganisations,omitempty"`
	Session             string    `json:"sid,omitempty"` // of the login that it comes from
	Version             int64     `json:"ver,omitzero"`  // of what the account may do; a revocation names the first that counts
}

// Key signs tokens: with Private by EdDSA, or else with Secret by HS256.
type Key struct {
	ID      string // kid of Private
	Private ed25519.PrivateKey
	Secret  []byte
}

// NewClaims returns what a token of p says that counts from now on, for ttl.
func NewClaims(p auth.Principal, now time.Time, ttl time.Duration) Claims {
	return Claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: Issuer, Audience: jwt.ClaimStrings{Audience}, Subject: p.UserID, ID: uuid.NewString(),
			IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(ttl)),
		},
		Email: p.Email, Role: p.Role, Organisation: p.Organisation, FormerOrganisations: p.FormerOrganisations,
		Session: p.Session, Version: p.Version,
	}
}

// Sign returns an access token that says exactly c.
func (k Key) Sign(c Claims) (string, error) {
	token, key := jwt.NewWithClaims(jwt.SigningMethodEdDSA, c), any(k.Private)
	if k.Private == nil {
		token, key = jwt.NewWithClaims(jwt.SigningMethodHS256, c), any(k.Secret)
	} else {
		token.Header["kid"] = k.ID
	}
	token.Header["typ"] = accessType
	return token.SignedString(key)
}
