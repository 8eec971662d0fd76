// Package token signs and verifies access tokens. The auth-service signs them; every
// service verifies them locally.
package token

import (
	"crypto/ed25519"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/battery-passport/suite/pkg/auth"
)

const (
	// Issuer and Audience are the iss and aud claims of every access token.
	Issuer   = "battery-passport/auth-service"
	Audience = "battery-passport"

	accessType = "at+jwt" // RFC 9068
	bearer     = "Bearer" // scheme of the Authorization header
)

// Claims are the claims of an access token.
type Claims struct {
	jwt.RegisteredClaims
	Email               string    `json:"email"`
	Role                auth.Role `json:"role"`
	Organisation        string    `json:"organisation,omitempty"`
	FormerOrganisations []string  `json:"formerOrganisations,omitempty"`
	Session             string    `json:"sid,omitempty"` // id of the session
	Version             int64     `json:"ver,omitzero"`  // version of the account's rights; compared with Revocation.Version
}

// Key signs tokens with EdDSA, or with HS256 and Secret if Private is nil.
type Key struct {
	ID      string // kid header of tokens signed with Private
	Private ed25519.PrivateKey
	Secret  []byte
}

// NewClaims returns the claims of a token of p that is valid from now until now+ttl.
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

// Sign returns an access token with the claims c.
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
