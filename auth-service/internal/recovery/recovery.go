// Package recovery manages the recovery codes of an account, which replace the codes of an
// authenticator app that the person has lost.
//
// The codes are part of the record of the account, so that using one and logging in is one write. A
// code has 120 random bits, so a plain hash protects it.
package recovery

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"slices"
	"strings"
)

// Count is the number of codes that an account gets.
const Count = 10

const (
	codeSize   = 15 // bytes
	codeLength = codeSize * 8 / 5
	groupSize  = 4
)

// Codes are the hashes of the codes that were not used yet.
type Codes [][]byte

// New returns new codes for a person, in groups of letters and digits, and their hashes.
func New() (codes []string, hashes Codes) {
	for range Count {
		secret := make([]byte, codeSize)
		rand.Read(secret) // never fails
		text := base32.StdEncoding.EncodeToString(secret)
		hashes = append(hashes, hash(text))
		codes = append(codes, group(text))
	}
	return codes, hashes
}

// group puts hyphens between the groups of a code.
func group(text string) string {
	var groups []string
	for g := range slices.Chunk([]byte(text), groupSize) {
		groups = append(groups, string(g))
	}
	return strings.Join(groups, "-")
}

// misread removes separators, and replaces characters that never occur in codes by similar ones
// that do.
var misread = strings.NewReplacer("-", "", " ", "", "0", "O", "1", "I", "8", "B")

func normal(code string) string { return misread.Replace(strings.ToUpper(code)) }

// IsCode reports whether a text has the form of a recovery code.
func IsCode(text string) bool { return len(normal(text)) == codeLength }

// Use removes a code, in any letter case and with or without hyphens and spaces, and reports
// whether it was there.
func (c *Codes) Use(code string) bool {
	sum := hash(normal(code))
	i := slices.IndexFunc(*c, func(h []byte) bool { return subtle.ConstantTimeCompare(h, sum) == 1 })
	if i < 0 {
		return false
	}
	*c = slices.Delete(slices.Clone(*c), i, i+1) // a copy of the record may have the same array
	return true
}

func hash(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}
