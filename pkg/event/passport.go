package event

import "time"

// PassportCreated is sent when a draft passport was created. Attributes that the
// draft does not contain yet are empty.
type PassportCreated struct {
	PassportID        string    `json:"passportId"`
	BatteryIdentifier string    `json:"batteryIdentifier"`
	ModelName         string    `json:"modelName"`
	ManufacturerName  string    `json:"manufacturerName"`
	CreatedBy         string    `json:"createdBy"` // user id
	CreatedAt         time.Time `json:"createdAt"`
}

// PassportPublished is sent when a draft was published. From then on everybody
// may read the public part of the passport.
type PassportPublished struct {
	PassportID        string    `json:"passportId"`
	BatteryIdentifier string    `json:"batteryIdentifier"`
	ModelName         string    `json:"modelName"`
	ManufacturerName  string    `json:"manufacturerName"`
	PublishedBy       string    `json:"publishedBy"` // user id
	PublishedAt       time.Time `json:"publishedAt"`
}

// PassportUpdated is sent when a passport changed. UpdatedFields names only public
// fields: the name of a restricted field may already reveal its content. An array
// is named as a whole; "state" is named when the passport was archived.
type PassportUpdated struct {
	PassportID        string    `json:"passportId"`
	BatteryIdentifier string    `json:"batteryIdentifier"`
	UpdatedFields     []string  `json:"updatedFields"` // such as data.generalInformation.batteryMass
	UpdatedBy         string    `json:"updatedBy"`     // user id
	UpdatedAt         time.Time `json:"updatedAt"`
}

// PassportDeleted is sent when a draft was deleted.
type PassportDeleted struct {
	PassportID        string    `json:"passportId"`
	BatteryIdentifier string    `json:"batteryIdentifier"`
	DeletedBy         string    `json:"deletedBy"` // user id
	DeletedAt         time.Time `json:"deletedAt"`
}

// PassportTopics returns the topics of events about passports.
func PassportTopics() []string {
	return []string{PassportCreated{}.Topic(), PassportPublished{}.Topic(), PassportUpdated{}.Topic(), PassportDeleted{}.Topic()}
}

func (PassportCreated) Topic() string   { return "passport.created" }
func (PassportPublished) Topic() string { return "passport.published" }
func (PassportUpdated) Topic() string   { return "passport.updated" }
func (PassportDeleted) Topic() string   { return "passport.deleted" }
