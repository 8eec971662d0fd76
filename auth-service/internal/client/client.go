// Package client manages API clients: programs of an organisation, such as an ERP system or
// a gateway of batteries, with a role and secrets of their own.
package client

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/auth-service/internal/name"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/readable"
	"github.com/battery-passport/suite/pkg/store"
)

const (
	maxName    = 100 // characters
	maxClients = 100 // of an organisation, which are not deleted
	maxSecrets = 2   // the old and the new one during a rotation
	secretSize = 32  // bytes
)

// SecretPrefix begins every secret, so that scanners find secrets in source code and logs.
const SecretPrefix = "bps_"

// APIClient is the part of an API client that callers see.
type APIClient struct {
	ID           string    `json:"clientId" format:"uuid" doc:"id of the client: the client_id of OAuth, and the id in owners and histories"`
	Name         string    `json:"name" example:"ERP" doc:"name for display"`
	Role         auth.Role `json:"role" enum:"operator,user,legitimate_interest,authority" doc:"role of the client, see Account"`
	Organisation string    `json:"organisation" example:"nordlicht-battery" doc:"id of the organisation that the client belongs to"`
	Disabled     bool      `json:"disabled" doc:"whether the client is disabled: it gets no tokens, and those that it has are revoked"`
	Secrets      []Secret  `json:"secrets" doc:"valid secrets, without their values; at most two"`
	CreatedAt    time.Time `json:"createdAt" doc:"time of creation"`
	UpdatedAt    time.Time `json:"updatedAt" doc:"time of the last change of name, disabled or secrets"`
	LastUsedAt   time.Time `json:"lastUsedAt,omitzero" doc:"time of the latest token, accurate to a minute; absent if the client has not got one"`
}

// Secret describes a secret. Its value cannot be read again.
type Secret struct {
	ID         string    `json:"id" format:"uuid" doc:"id of the secret"`
	CreatedAt  time.Time `json:"createdAt" doc:"time of creation"`
	LastUsedAt time.Time `json:"lastUsedAt,omitzero" doc:"time of the latest token, accurate to a minute; absent if the secret was not used"`
}

// Record is the stored form of a client. A deleted client stays, without secrets.
type Record struct {
	APIClient
	Hashes    map[string][]byte `json:"hashes"`             // SHA-256 of the secrets, by id
	Rights    int64             `json:"rights,omitzero"`    // access tokens with a lower version are revoked
	Deleted   bool              `json:"deleted,omitzero"`   // invisible
	LastEntry audit.Entry       `json:"lastEntry,omitzero"` // newest audit entry
}

const (
	filterOrganisation = "organisation"
	deletedScope       = "-" // of deleted clients, which only the audit lists; no organisation has this id
)

// Schema declares how clients are stored.
func Schema() store.Schema[Record] {
	return store.Schema[Record]{
		Name: "clients", Version: 1,
		Indexes: func(r *Record) store.Indexes {
			scopes := []string{store.All, r.Organisation}
			if r.Deleted {
				scopes = []string{deletedScope}
			}
			return store.Indexes{Scopes: scopes, Created: r.CreatedAt, Filters: map[string]string{filterOrganisation: r.Organisation}}
		},
	}
}

// newSecret returns a secret of 256 random bits and its hash. It cannot be guessed, so it needs
// no slow hash.
func newSecret() (secret string, hash []byte) {
	data := make([]byte, secretSize)
	rand.Read(data) // never fails
	secret = SecretPrefix + base64.RawURLEncoding.EncodeToString(data)
	return secret, hashOf(secret)
}

func hashOf(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// secretOf returns the id of the stored secret with the hash, or "". It compares all of them
// in constant time.
func (r Record) secretOf(hash []byte) (id string) {
	for candidate, stored := range r.Hashes {
		if subtle.ConstantTimeCompare(stored, hash) == 1 {
			id = candidate
		}
	}
	return id
}

func checkName(text string) []fault.Detail {
	n := utf8.RuneCountInString(text)
	if n < 1 || n > maxName || text != name.Normalize(text) || text != strings.TrimSpace(text) || readable.Invisible(text) >= 0 {
		return []fault.Detail{{Path: "/name", Code: "format", Message: "must have 1 to 100 characters in Unicode Normalization Form C, without invisible characters and spaces at the ends"}}
	}
	return nil
}

func checkRole(role auth.Role) []fault.Detail {
	if !role.Valid() || role == auth.Admin {
		return []fault.Detail{{Path: "/role", Code: "enum", Message: "must be operator, user, legitimate_interest or authority: a client cannot be an admin"}}
	}
	return nil
}
