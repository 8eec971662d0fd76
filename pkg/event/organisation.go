package event

import "time"

// OrganisationUpdated is sent when an organisation was created, changed or deleted. It
// describes the organisation after the change. Passports and documents whose owner is one of FormerIDs belong to the organisation.
type OrganisationUpdated struct {
	OrganisationID string    `json:"organisationId" doc:"id of the organisation"`
	Name           string    `json:"name" doc:"name of the organisation"`
	FormerIDs      []string  `json:"formerIds,omitempty" doc:"former ids of the organisation, which still own older passports and documents"`
	Deleted        bool      `json:"deleted,omitzero" doc:"whether the organisation was deleted"`
	UpdatedAt      time.Time `json:"updatedAt" doc:"time of the change"`
}

// OrganisationTopics returns the topics of events about organisations.
func OrganisationTopics() []string { return []string{OrganisationUpdated{}.Topic()} }

func (OrganisationUpdated) Topic() string { return "organisation.updated" }
