package auth

import (
	"crypto/sha256"
	"encoding/base64"
	"time"
)

// RevocationsPath is where the auth-service tells of tokens that no longer
// count.
const RevocationsPath = "/api/auth/revocations"

// Leeway is how far the clocks of two machines may be apart.
const Leeway = 30 * time.Second

// Revocation says that tokens of an account, or of a session, no longer count.
type Revocation struct {
	ID      string    `json:"id" doc:"opaque name of an account or of a session"`
	Version int64     `json:"version" doc:"tokens with a lower one do not count"`
	Until   time.Time `json:"until" doc:"when the last of these tokens has expired"`
}

// Revocations is a part of what the auth-service tells.
type Revocations struct {
	Items    []Revocation `json:"items"`
	Since    string       `json:"since" doc:"ask with this the next time"`
	More     bool         `json:"more" doc:"ask again at once"`
	Lifetime int          `json:"lifetime" doc:"seconds for which an access token counts; older ones do not, whatever they say"`
}

// RevocationID is the name of an account or a session in the revocations, which
// everybody may read.
func RevocationID(id string) string {
	sum := sha256.Sum256([]byte(id))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}
