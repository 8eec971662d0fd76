package event

import "time"

// PassportCreated tells that a passport was created, as a draft.
// What the draft does not hold yet is empty.
type PassportCreated struct {
	PassportID        string    `json:"passportId"`
	BatteryIdentifier string    `json:"batteryIdentifier"`
	ModelName         string    `json:"modelName"`
	ManufacturerName  string    `json:"manufacturerName"`
	CreatedBy         string    `json:"createdBy"` // user id
	CreatedAt         time.Time `json:"createdAt"`
}

// PassportPublished tells that a passport is published: everybody may read its
// public part.
type PassportPublished struct {
	PassportID        string    `json:"passportId"`
	BatteryIdentifier string    `json:"batteryIdentifier"`
	ModelName         string    `json:"modelName"`
	ManufacturerName  string    `json:"manufacturerName"`
	PublishedBy       string    `json:"publishedBy"` // user id
	PublishedAt       time.Time `json:"publishedAt"`
}

// PassportUpdated tells that a passport changed. Of the fields that did, those
// are named that are public: the name of another may tell what its value keeps.
type PassportUpdated struct {
	PassportID        string    `json:"passportId"`
	BatteryIdentifier string    `json:"batteryIdentifier"`
	UpdatedFields     []string  `json:"updatedFields"` // as data.generalInformation.batteryMass, an array whole; state when it was archived
	UpdatedBy         string    `json:"updatedBy"`     // user id
	UpdatedAt         time.Time `json:"updatedAt"`
}

// PassportDeleted tells that a draft was deleted.
type PassportDeleted struct {
	PassportID        string    `json:"passportId"`
	BatteryIdentifier string    `json:"batteryIdentifier"`
	DeletedBy         string    `json:"deletedBy"` // user id
	DeletedAt         time.Time `json:"deletedAt"`
}

// PassportTopics are the topics the passport-service writes to.
func PassportTopics() []string {
	return []string{PassportCreated{}.Topic(), PassportPublished{}.Topic(), PassportUpdated{}.Topic(), PassportDeleted{}.Topic()}
}

func (PassportCreated) Topic() string   { return "passport.created" }
func (PassportPublished) Topic() string { return "passport.published" }
func (PassportUpdated) Topic() string   { return "passport.updated" }
func (PassportDeleted) Topic() string   { return "passport.deleted" }
