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

// PassportUpdated tells that the data of a passport changed.
type PassportUpdated struct {
	PassportID        string    `json:"passportId"`
	BatteryIdentifier string    `json:"batteryIdentifier"`
	UpdatedFields     []string  `json:"updatedFields"` // as data.generalInformation.batteryMass; an array is named whole
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
	return []string{PassportCreated{}.Topic(), PassportUpdated{}.Topic(), PassportDeleted{}.Topic()}
}

func (PassportCreated) Topic() string { return "passport.created" }
func (PassportUpdated) Topic() string { return "passport.updated" }
func (PassportDeleted) Topic() string { return "passport.deleted" }
