// Package idempotency derives the id of a resource from its creator and the
// Idempotency-Key of the request, so that a repeated request creates it once.
package idempotency

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/pkg/fault"
)

// ID returns the id of the resource of a kind that a caller creates with a key. The
// same arguments always return the same id, a UUID of version 8.
func ID(kind, caller, key string) string {
	return uuid.NewHash(sha256.New(), uuid.Nil, fmt.Appendf(nil, "%q %q %q", kind, caller, key), 8).String()
}

// Fingerprint identifies the content of a request; it is stored with the resource.
func Fingerprint(parts ...string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", parts))
	return hex.EncodeToString(sum[:])
}

// Check fails with fault.Invalid unless the fingerprint stored with a resource is the
// fingerprint of this request.
func Check(stored, fingerprint string) error {
	if stored == fingerprint {
		return nil
	}
	return fault.New(fault.Invalid, "the Idempotency-Key was already used for another request").
		With(fault.Detail{Path: "idempotencyKey", Code: "reused", Message: "was used with another body; use a new key for this request"})
}
