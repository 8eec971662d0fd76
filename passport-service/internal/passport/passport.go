// Package passport manages battery passports: drafts, publishing, versions and
// access.
package passport

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/wire"
)

const source = "/passport-service"

// Version is one version of a passport. The versions of a passport form a hash chain:
// each contains the hash of the previous version. Hashes are SHA-256 in lower-case
// hex, over the canonical form of RFC 8785.
type Version struct {
	PassportID   string     `json:"passportId"`
	Number       int64      `json:"version"`
	State        State      `json:"state"`
	Owner        Owner      `json:"owner"`
	Data         wire.Value `json:"data"`
	Action       Action     `json:"action"`
	Reason       string     `json:"reason,omitempty"`
	CreatedAt    time.Time  `json:"createdAt"` // later than in the previous version
	CreatedBy    string     `json:"createdBy"`
	DataHash     string     `json:"dataHash"`       // of Data
	PreviousHash string     `json:"previousHash"`   // empty in version 1
	Hash         string     `json:"hash,omitempty"` // of the record without Hash
}

// Passport is the newest version of a passport and the fields that all versions
// share. Its data is in the canonical form of RFC 8785.
type Passport struct {
	ID                string    `json:"id"`
	BatteryIdentifier string    `json:"batteryIdentifier,omitempty"` // copied from Head.Data
	CreatedAt         time.Time `json:"createdAt"`
	CreatedBy         string    `json:"createdBy"`
	Head              Version   `json:"head"`
	Deleted           bool      `json:"deleted,omitzero"` // invisible; removeDeleted removes it
	DeletedAt         time.Time `json:"deletedAt,omitzero"`
	Request           string    `json:"request,omitempty"` // idempotency.Fingerprint of the request that created it, if it had a key

	document *ruleset.Document // parsed Head.Data; nil until it is needed
	importID string            // of the import that writes it, for its events
}

// Paths of the attributes that indexes, events and publishing use.
const (
	passportIdentifier = "generalInformation.batteryPassportIdentifier"
	batteryIdentifier  = "generalInformation.batteryIdentifier"
	batteryCategory    = "generalInformation.batteryCategory"
	batteryStatus      = "generalInformation.batteryStatus"
	modelID            = "generalInformation.batteryModel.id"
	modelName          = "generalInformation.batteryModel.modelName"
	modelGTIN          = "generalInformation.batteryModel.gtin"
	manufacturerName   = "generalInformation.manufacturerInformation.manufacturerName"
)

// deletedScope is the store scope of the deleted passports that removeDeleted has not
// removed yet.
const deletedScope = "deleted"

// deletedScopeOf returns the store scope of the deleted passports of an owner. It comes after
// that of the owner, so a list of both contains a passport that is deleted while it is read.
func deletedScopeOf(owner string) string { return owner + " deleted" }

// Schema declares how passports are stored. Before index version 1, the unique indexes
// had the identifiers, and not their keys; before version 2, drafts had the same keys as
// published passports; before version 3, keys had the final dot of the host and empty
// segments of the path; before version 4, the keys of https URIs with a user name, query or fragment
// had the host as it was sent. ReindexTask replaces them. If a battery has two passports of
// earlier releases, the keys of the second one stay.
func Schema() store.Schema[Passport] {
	return store.Schema[Passport]{
		Name: "passports", Version: 1, IndexVersion: 4, UniqueIndexes: []string{byIdentifier, byPassportIdentifier}, Unique: uniqueKeys,
		Indexes: func(p *Passport) store.Indexes {
			if p.Deleted {
				return store.Indexes{Scopes: []string{deletedScope, deletedScopeOf(p.Head.Owner.scope())}, Created: p.CreatedAt}
			}
			scopes := []string{store.All, p.Head.Owner.scope()}
			switch p.Head.State {
			case Active:
				scopes = append(scopes, publishedScope)
			case Voided:
				scopes = append(scopes, voidedScope)
			}
			return store.Indexes{Scopes: scopes, Created: p.CreatedAt, Filters: Filter{
				BatteryIdentifier: p.BatteryIdentifier, Category: p.text(batteryCategory), State: p.Head.State, ModelID: p.text(modelID), GTIN: p.text(modelGTIN), CreatedBy: p.CreatedBy,
			}.index()}
		},
	}
}

// VersionSchema declares how the older versions are stored.
func VersionSchema() store.Schema[Version] {
	return store.Schema[Version]{
		Name: "passport_versions", Version: 1,
		Indexes: func(v *Version) store.Indexes {
			return store.Indexes{Scopes: []string{v.PassportID}, Created: v.CreatedAt}
		},
	}
}

// text returns the string at a path of the data, or "". It parses the data with the
// newest embedded rule set if it has not been parsed.
func (p *Passport) text(path string) string {
	if p.document == nil {
		sets := ruleset.Embedded()
		p.document = sets[len(sets)-1].ParseCanonical(p.Head.Data)
	}
	return p.document.Text(path)
}

// identifier returns the passport identifier in the data, or the one that publishing
// will set.
func (p *Passport) identifier() string {
	return cmp.Or(strings.TrimSpace(p.text(passportIdentifier)), urn(p.ID))
}

func urn(id string) string { return "urn:uuid:" + id }

func (v *Version) id() string { return versionID(v.PassportID, v.Number) }

func versionID(passport string, number int64) string { return fmt.Sprintf("%s/%d", passport, number) }

// seal sets the hashes of v. Its data must be canonical.
func (v *Version) seal(previous string) error {
	v.DataHash, v.PreviousHash, v.Hash = digest(v.Data), previous, ""
	record := *v
	record.Data = nil // already canonical: inserted below without parsing it again
	text, err := wire.Canonical(record)
	before, after, _ := bytes.Cut(text, []byte(`"data":null`))
	v.Hash = digest(before, []byte(`"data":`), v.Data, after)
	return err
}

func digest(parts ...[]byte) string {
	sum := sha256.New()
	for _, part := range parts {
		sum.Write(part)
	}
	return hex.EncodeToString(sum.Sum(nil))
}
