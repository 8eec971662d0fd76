// Package namespace manages the hosts and GS1 company prefixes under which
// organisations issue battery identifiers.
//
// An organisation requests a namespace and an admin confirms it. Confirming writes the
// claim of the namespace first and its state second; withdrawing writes the state first.
// Claims decide: two organisations never hold overlapping namespaces.
package namespace

import (
	"time"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Kind is the kind of a namespace.
type Kind string

// The kinds.
const (
	Host             Kind = "host"
	GS1CompanyPrefix Kind = "gs1CompanyPrefix"
)

// State is the state of a namespace.
type State string

// The states.
const (
	Requested State = "requested" // waits for the decision of an admin
	Confirmed State = "confirmed"
	Refused   State = "refused"
	Withdrawn State = "withdrawn" // by its organisation or an admin
)

// Namespace is a host or a GS1 company prefix of an organisation.
type Namespace struct {
	ID           string    `json:"id"`
	Organisation string    `json:"organisation"`
	Kind         Kind      `json:"kind"`
	Value        string    `json:"value"`
	State        State     `json:"state"`
	Reason       string    `json:"reason,omitempty"` // of the last change of the state
	CreatedAt    time.Time `json:"createdAt"`
	CreatedBy    string    `json:"createdBy"` // user id
	UpdatedAt    time.Time `json:"updatedAt"`
	UpdatedBy    string    `json:"updatedBy"`         // user id
	Request      string    `json:"request,omitempty"` // idempotency.Fingerprint of the request that created it, if it had a key
}

// openRequest is the unique index of the namespaces of an organisation that are requested
// or confirmed.
const openRequest = "value"

// Schema declares how namespaces are stored.
func Schema() store.Schema[Namespace] {
	return store.Schema[Namespace]{
		Name: "namespaces", Version: 1, UniqueIndexes: []string{openRequest},
		Unique: func(n *Namespace) map[string]string {
			if n.State != Requested && n.State != Confirmed {
				return nil
			}
			return map[string]string{openRequest: n.Organisation + " " + string(n.Kind) + " " + n.Value}
		},
		Indexes: func(n *Namespace) store.Indexes {
			return store.Indexes{Scopes: []string{store.All, scope(n.Organisation)}, Created: n.CreatedAt, Filters: map[string]string{"state": string(n.State)}}
		},
	}
}

func scope(organisation string) string { return "organisation:" + organisation }

// Claims are the confirmed namespaces that might overlap: those of one host, or the GS1
// company prefixes with the same first digits. One write compares and changes them.
type Claims struct {
	Holders []Holder `json:"holders"`
}

// Holder is the organisation for which a namespace is confirmed.
type Holder struct {
	NamespaceID  string `json:"namespaceId"`
	Organisation string `json:"organisation"`
	Value        string `json:"value"`
}

// ClaimsSchema declares how claims are stored.
func ClaimsSchema() store.Schema[Claims] {
	return store.Schema[Claims]{Name: "namespace_claims", Version: 1}
}

// claimsID returns the id of the claims that a namespace may overlap with.
func claimsID(kind Kind, value string) string {
	if kind == GS1CompanyPrefix {
		value = value[:minPrefix]
	}
	return string(kind) + ":" + value
}

// canRead reports whether a caller may read the namespace.
func (n *Namespace) canRead(caller auth.Principal) bool {
	return caller.Role == auth.Admin || caller.Owns(n.Organisation)
}

func errNotFound(id string) error { return fault.New(fault.NotFound, "namespace %s not found", id) }
