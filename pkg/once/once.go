// Package once is how a request that comes again makes nothing anew: what it
// makes has an id that comes of who asks and the key that it is asked with.
package once

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/pkg/fault"
)

// ID returns the UUID (version 8) of what a caller makes with a key, of a kind.
func ID(kind, caller, key string) string {
	var id uuid.UUID
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", kind, caller, key))
	copy(id[:], sum[:])
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
	return id.String()
}

// Sum returns what tells one request from another: it stands beside what the
// request has made.
func Sum(parts ...string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", parts))
	return hex.EncodeToString(sum[:])
}

// Check fails with fault.Invalid when what was made with a key was made by
// another request than this.
func Check(made, asked string) error {
	if made == asked {
		return nil
	}
	return fault.New(fault.Invalid, "the Idempotency-Key was used for another request").
		With(fault.Detail{Path: "header:Idempotency-Key", Code: "reused", Message: "belongs to a request with another body; take a new key for this one"})
}
