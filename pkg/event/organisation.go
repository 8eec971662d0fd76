package event

import "time"

// OrganisationUpdated is sent when an organisation was created, changed or deleted. It
// describes the organisation after the change. Passports and documents whose owner is one of FormerIDs belong to the organisation.
type OrganisationUpdated struct {
	OrganisationID string                  `json:"organisationId" doc:"id of the organisation"`
	Name           string                  `json:"name" doc:"name of the organisation"`
	Identifiers    OrganisationIdentifiers `json:"identifiers,omitzero" doc:"identifiers in public registers"`
	Address        PostalAddress           `json:"address,omitzero" doc:"postal address"`
	WebAddress     string                  `json:"webAddress,omitempty" doc:"https URL with a host that can exist"`
	FormerIDs      []string                `json:"formerIds,omitempty" doc:"former ids of the organisation, which still own older passports and documents"`
	Deleted        bool                    `json:"deleted,omitzero" doc:"whether the organisation was deleted"`
	UpdatedAt      time.Time               `json:"updatedAt" doc:"time of the change"`
}

// OrganisationIdentifiers are the identifiers of an organisation in public registers.
type OrganisationIdentifiers struct {
	GLN  string `json:"gln,omitempty" doc:"Global Location Number (GS1)"`
	EORI string `json:"eori,omitempty" doc:"Economic Operators Registration and Identification number"`
	VAT  string `json:"vat,omitempty" doc:"VAT identification number"`
	LEI  string `json:"lei,omitempty" doc:"Legal Entity Identifier (ISO 17442)"`
	EUID string `json:"euid,omitempty" doc:"European Unique Identifier of the business registers"`
}

// PostalAddress is the postal address of an organisation.
type PostalAddress struct {
	StreetAddress string `json:"streetAddress,omitempty" doc:"street and number"`
	PostalCode    string `json:"postalCode,omitempty" doc:"postal code"`
	City          string `json:"city,omitempty" doc:"city"`
	Country       string `json:"country,omitempty" doc:"ISO 3166-1 alpha-2 code"`
}

// OrganisationTopics returns the topics of events about organisations.
func OrganisationTopics() []string { return []string{OrganisationUpdated{}.Topic()} }

func (OrganisationUpdated) Topic() string { return "organisation.updated" }
