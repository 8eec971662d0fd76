// Package passport manages battery passports: drafts, publishing, versions, and
// who may see what.
package passport

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/wire"
)

const source = "/passport-service"

// Version is one version of a passport. The versions of a passport are a hash
// chain: each contains the hash of the one before.
type Version struct {
	PassportID   string     `json:"passportId"`
	Number       int64      `json:"version"`
	State        State      `json:"state"`
	Owner        Owner      `json:"owner"`
	Data         wire.Value `json:"data"`
	Action       Action     `json:"action"`
	Reason       string     `json:"reason,omitempty"`
	CreatedAt    time.Time  `json:"createdAt"` // later than that of the version before
	CreatedBy    string     `json:"createdBy"`
	DataHash     string     `json:"dataHash" doc:"SHA-256 of data in the form of RFC 8785, in hex"`
	PreviousHash string     `json:"previousHash" doc:"hash of the version before, empty in the first"`
	Hash         string     `json:"hash,omitempty" doc:"SHA-256 of this record without its hash, in the form of RFC 8785, in hex"`
}

// Passport is the newest version of a passport with everything that is the same in
// all versions. Its data is in the form of RFC 8785.
type Passport struct {
	ID                string    `json:"id"`
	BatteryIdentifier string    `json:"batteryIdentifier,omitempty"` // as in the data of Head
	CreatedAt         time.Time `json:"createdAt"`
	CreatedBy         string    `json:"createdBy"`
	Head              Version   `json:"head"`
	Deleted           bool      `json:"deleted,omitzero"` // invisible; removeDeleted removes it
	DeletedAt         time.Time `json:"deletedAt,omitzero"`
	Request           string    `json:"request,omitempty"` // idempotency.Fingerprint of the request that created it, if it had a key

	document *ruleset.Document // the data of Head, where it has been read
}

// Paths of the catalogue that filters, events and publishing use by name.
const (
	passportIdentifier = "generalInformation.batteryPassportIdentifier"
	batteryIdentifier  = "generalInformation.batteryIdentifier"
	batteryCategory    = "generalInformation.batteryCategory"
	batteryStatus      = "generalInformation.batteryStatus"
	modelID            = "generalInformation.batteryModel.id"
	modelName          = "generalInformation.batteryModel.modelName"
	manufacturerName   = "generalInformation.manufacturerInformation.manufacturerName"
)

// Unique indexes. An identifier stays in use after the passport has ended.
const (
	byIdentifier         = "batteryIdentifier"
	byPassportIdentifier = "batteryPassportIdentifier"
)

// deletedScope is the list of deleted passports that removeDeleted has not removed.
const deletedScope = "deleted"

// Schema declares how passports are stored.
func Schema() store.Schema[Passport] {
	return store.Schema[Passport]{
		Name: "passports", Version: 1, UniqueIndexes: []string{byIdentifier, byPassportIdentifier},
		Unique: func(p *Passport) map[string]string {
			if p.Deleted {
				return nil
			}
			return map[string]string{byIdentifier: p.BatteryIdentifier, byPassportIdentifier: p.identifier()}
		},
		Indexes: func(p *Passport) store.Indexes {
			if p.Deleted {
				return store.Indexes{Scopes: []string{deletedScope}, Created: p.CreatedAt}
			}
			scopes := []string{store.All, p.Head.Owner.scope()}
			if p.Head.State == Active {
				scopes = append(scopes, published)
			}
			return store.Indexes{Scopes: scopes, Created: p.CreatedAt, Filters: Filter{
				BatteryIdentifier: p.BatteryIdentifier, Category: p.text(batteryCategory), State: p.Head.State, ModelID: p.text(modelID), CreatedBy: p.CreatedBy,
			}.index()}
		},
	}
}

// VersionSchema declares how versions are stored that are not the newest.
func VersionSchema() store.Schema[Version] {
	return store.Schema[Version]{
		Name: "passport_versions", Version: 1,
		Indexes: func(v *Version) store.Indexes {
			return store.Indexes{Scopes: []string{v.PassportID}, Created: v.CreatedAt}
		},
	}
}

// text returns the text at a path of the data, "" where there is none. Data that
// the service has not read is read by the newest embedded rule set.
func (p *Passport) text(path string) string {
	if p.document == nil {
		sets := ruleset.Embedded()
		p.document = sets[len(sets)-1].ParseCanonical(p.Head.Data)
	}
	return p.document.Text(path)
}

// identifier returns the identifier of the passport: the one in the data, or the
// one that publishing sets.
func (p *Passport) identifier() string { return cmp.Or(p.text(passportIdentifier), urn(p.ID)) }

func urn(id string) string { return "urn:uuid:" + id }

func (v *Version) id() string { return versionID(v.PassportID, v.Number) }

func versionID(passport string, number int64) string { return fmt.Sprintf("%s/%d", passport, number) }

// seal sets the hashes of v, whose data is canonical.
func (v *Version) seal(previous string) error {
	v.DataHash, v.PreviousHash, v.Hash = digest(v.Data), previous, ""
	record := *v
	record.Data = nil // it is canonical already, and goes in as it is
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

func (p *Passport) created() event.Envelope {
	return event.New(source, p.ID, p.CreatedAt, event.PassportCreated{
		PassportID: p.ID, BatteryIdentifier: p.BatteryIdentifier, ModelName: p.text(modelName),
		ManufacturerName: p.text(manufacturerName), CreatedBy: p.CreatedBy, CreatedAt: p.CreatedAt,
	})
}

func (p *Passport) updated(fields []string) event.Envelope {
	return event.New(source, p.ID, p.Head.CreatedAt, event.PassportUpdated{
		PassportID: p.ID, BatteryIdentifier: p.BatteryIdentifier, UpdatedFields: fields, UpdatedBy: p.Head.CreatedBy, UpdatedAt: p.Head.CreatedAt,
	})
}

func (p *Passport) published() event.Envelope {
	return event.New(source, p.ID, p.Head.CreatedAt, event.PassportPublished{
		PassportID: p.ID, BatteryIdentifier: p.BatteryIdentifier, ModelName: p.text(modelName),
		ManufacturerName: p.text(manufacturerName), PublishedBy: p.Head.CreatedBy, PublishedAt: p.Head.CreatedAt,
	})
}

func (p *Passport) deleted(by string, at time.Time) event.Envelope {
	return event.New(source, p.ID, at, event.PassportDeleted{
		PassportID: p.ID, BatteryIdentifier: p.BatteryIdentifier, DeletedBy: by, DeletedAt: at,
	})
}
