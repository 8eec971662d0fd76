// Package organisation manages the organisations that accounts belong to.
package organisation

import (
	"time"

	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/store"
)

const source = "/auth-service"

// Organisation is a company or an authority. Its id never changes: access tokens,
// passports and documents carry it. The name can change.
type Organisation struct {
	ID          string      `json:"id" example:"nordlicht-battery" doc:"2 to 40 characters of a-z, 0-9 and hyphen; never changes"`
	Name        string      `json:"name" example:"Nordlicht Batterie GmbH" doc:"name for display; can change"`
	Identifiers Identifiers `json:"identifiers,omitzero" doc:"identifiers in public registers"`
	Address     Address     `json:"address,omitzero" doc:"postal address"`
	WebAddress  string      `json:"webAddress,omitempty" example:"https://nordlicht.example" doc:"https URL"`
	FormerIDs   []string    `json:"formerIds,omitempty" doc:"free-text ids of data from releases without organisation ids; passports, documents and accounts with one of them belong to this organisation"`
	CreatedAt   time.Time   `json:"createdAt" doc:"time of creation"`
	UpdatedAt   time.Time   `json:"updatedAt" doc:"time of the last change"`
	Deleted     bool        `json:"deleted,omitzero" hidden:"true"`
}

// Identifiers are the identifiers of an organisation in public registers.
type Identifiers struct {
	GLN  string `json:"gln,omitempty" example:"9521000001060" doc:"Global Location Number (GS1): 13 digits with check digit; spaces, dots and hyphens do not matter"`
	EORI string `json:"eori,omitempty" example:"DE1234567890" doc:"Economic Operators Registration and Identification number: country code and 1 to 15 letters or digits; spaces, dots, hyphens and case do not matter"`
	VAT  string `json:"vat,omitempty" example:"DE123456789" doc:"VAT identification number: country code and 2 to 14 characters; spaces, dots, hyphens and case do not matter"`
	LEI  string `json:"lei,omitempty" example:"952100NORDLICHT00050" doc:"Legal Entity Identifier (ISO 17442): 20 letters or digits with check digits"`
	EUID string `json:"euid,omitempty" example:"DEK1101R.HRB116737" doc:"European Unique Identifier of the business registers: country code, register, a full stop and the registration number"`
}

// Address is a postal address.
type Address struct {
	StreetAddress string `json:"streetAddress,omitempty" example:"Speicherweg 4" doc:"street and number"`
	PostalCode    string `json:"postalCode,omitempty" example:"04109" doc:"postal code"`
	City          string `json:"city,omitempty" example:"Leipzig" doc:"city"`
	Country       string `json:"country,omitempty" example:"DE" doc:"ISO 3166-1 alpha-2 code, or XK for Kosovo"`
}

// Record is the stored form of an organisation.
type Record struct {
	Organisation
	LastEntry audit.Entry `json:"lastEntry,omitzero"` // newest audit entry
}

// Schema declares how organisations are stored.
func Schema() store.Schema[Record] {
	return store.Schema[Record]{
		Name: "organisations", Version: 2, // version 2 adds LastEntry
		Indexes: func(o *Record) store.Indexes {
			in := store.Indexes{Created: o.CreatedAt}
			if !o.Deleted {
				in.Scopes = []string{store.All}
			}
			return in
		},
	}
}

func (o Organisation) updated() event.Envelope {
	return event.New(source, o.ID, o.UpdatedAt, event.OrganisationUpdated{
		OrganisationID: o.ID, Name: o.Name, Identifiers: event.OrganisationIdentifiers(o.Identifiers), Address: event.PostalAddress(o.Address), WebAddress: o.WebAddress,
		FormerIDs: o.FormerIDs, Deleted: o.Deleted, UpdatedAt: o.UpdatedAt,
	})
}
