package auth

import (
	"crypto/sha256"
	"encoding/base64"
	"time"
)

// The URL paths at which the auth-service lists revocations, and the public keys that
// verify access tokens.
const (
	RevocationsPath = "/api/auth/revocations"
	KeysPath        = "/.well-known/jwks.json"
)

// Leeway is the accepted difference between the clocks of two machines.
const Leeway = 30 * time.Second

// Revocation invalidates tokens of an account or of a session.
type Revocation struct {
	ID      string    `json:"id" doc:"hash of the id of an account or session"`
	Version int64     `json:"version" doc:"tokens with a lower version are revoked"`
	Until   time.Time `json:"until" doc:"time at which the last revoked token expires"`
}

// Revocations is one page of the list of revocations.
type Revocations struct {
	Items    []Revocation `json:"items" doc:"revocations after since, oldest first; consecutive pages may repeat some"`
	Since    string       `json:"since" doc:"value of the query parameter since for the next request"`
	More     bool         `json:"more" doc:"whether more revocations can be requested immediately"`
	Issuer   string       `json:"issuer" example:"http://127.0.0.1:4000" doc:"iss claim of access tokens, which is ISSUER_URL"`
	Lifetime int          `json:"lifetime" doc:"lifetime of an access token in seconds; older tokens are refused, even if their exp claim is later"`
}

// RevocationID returns the id of an account or session in the list of revocations.
// It is a hash, because everybody may read the list.
func RevocationID(id string) string {
	sum := sha256.Sum256([]byte(id))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// FormerOrganisationTokens is the id, for RevocationID, of the tokens of an organisation that
// contain a former id. The version of a token is the Unix time in seconds at which it was issued.
func FormerOrganisationTokens(organisation, former string) string {
	return "organisation " + organisation + " with the former id " + former
}
