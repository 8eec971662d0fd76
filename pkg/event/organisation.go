package event

import "time"

// OrganisationUpdated is sent when an organisation was created, changed or deleted. It
// describes the organisation after the change. Passports and documents whose owner is one of FormerIDs belong to the organisation.
type OrganisationUpdated struct {
	OrganisationID string    `json:"organisationId"`
	Name           string    `json:"name"`
	FormerIDs      []string  `json:"formerIds,omitempty"`
	Deleted        bool      `json:"deleted,omitzero"`
	UpdatedAt      time.Time `json:"updatedAt"`
}

// OrganisationTopics returns the topics of events about organisations.
func OrganisationTopics() []string { return []string{OrganisationUpdated{}.Topic()} }

func (OrganisationUpdated) Topic() string { return "organisation.updated" }
