package event

import "time"

// OrganisationUpdated describes an organisation after it was created, changed or
// deleted. FormerIDs are the ids that it had before; what carries one of them
// belongs to the organisation.
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
