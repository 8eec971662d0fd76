package event

import "time"

// PassportCreated is sent when a draft passport was created. Attributes that the
// draft does not contain yet are empty.
type PassportCreated struct {
	PassportID        string    `json:"passportId" format:"uuid" doc:"id of the passport"`
	BatteryIdentifier string    `json:"batteryIdentifier" doc:"identifier of the battery, a URL; may be empty in a draft"`
	Organisation      string    `json:"organisation,omitempty" doc:"id of the organisation that owns the passport; absent if an account without one owns it"`
	ModelName         string    `json:"modelName" doc:"name of the battery model; may be empty in a draft"`
	ManufacturerName  string    `json:"manufacturerName" doc:"name of the manufacturer; may be empty in a draft"`
	CreatedBy         string    `json:"createdBy" format:"uuid" doc:"id of the account that created the passport"`
	CreatedAt         time.Time `json:"createdAt" doc:"time of the creation"`
	ImportID          string    `json:"importId,omitempty" doc:"id of the import that made the change; such events create no notifications; absent for others"`
}

// PassportPublished is sent when a draft was published. From then on everybody
// may read the public part of the passport.
type PassportPublished struct {
	PassportID        string    `json:"passportId" format:"uuid" doc:"id of the passport"`
	BatteryIdentifier string    `json:"batteryIdentifier" doc:"identifier of the battery, a URL; may be empty in a draft"`
	Organisation      string    `json:"organisation,omitempty" doc:"id of the organisation that owns the passport; absent if an account without one owns it"`
	ModelName         string    `json:"modelName" doc:"name of the battery model; may be empty in a draft"`
	ManufacturerName  string    `json:"manufacturerName" doc:"name of the manufacturer; may be empty in a draft"`
	PublishedBy       string    `json:"publishedBy" format:"uuid" doc:"id of the account that published the passport"`
	PublishedAt       time.Time `json:"publishedAt" doc:"time of the publication"`
	ImportID          string    `json:"importId,omitempty" doc:"id of the import that made the change; such events create no notifications; absent for others"`
}

// PassportUpdated is sent when a passport changed. UpdatedFields names only public
// fields: the name of a restricted field may already reveal its content. An array
// is named as a whole; "state" is named when the passport was archived or voided.
type PassportUpdated struct {
	PassportID        string    `json:"passportId" format:"uuid" doc:"id of the passport"`
	BatteryIdentifier string    `json:"batteryIdentifier" doc:"identifier of the battery, a URL; may be empty in a draft"`
	Organisation      string    `json:"organisation,omitempty" doc:"id of the organisation that owns the passport; absent if an account without one owns it"`
	UpdatedFields     []string  `json:"updatedFields" doc:"names of the changed public members, such as data.generalInformation.batteryMass; an array is named as a whole"`
	State             string    `json:"state,omitempty" doc:"new state of the passport if it changed: archived or voided"`
	CurrentState      string    `json:"currentState" doc:"state of the passport after the change, such as draft or active"`
	UpdatedBy         string    `json:"updatedBy" format:"uuid" doc:"id of the account that made the change"`
	UpdatedAt         time.Time `json:"updatedAt" doc:"time of the change"`
	ImportID          string    `json:"importId,omitempty" doc:"id of the import that made the change; such events create no notifications; absent for others"`
}

// PassportDeleted is sent when a draft was deleted.
type PassportDeleted struct {
	PassportID        string    `json:"passportId" format:"uuid" doc:"id of the passport"`
	BatteryIdentifier string    `json:"batteryIdentifier" doc:"identifier of the battery, a URL; may be empty in a draft"`
	Organisation      string    `json:"organisation,omitempty" doc:"id of the organisation that owns the passport; absent if an account without one owns it"`
	DeletedBy         string    `json:"deletedBy" format:"uuid" doc:"id of the account that deleted the draft"`
	DeletedAt         time.Time `json:"deletedAt" doc:"time of the deletion"`
}

// PassportSnapshot describes a passport at a version. It reports no change: it is sent for
// consumers that have missed events, or had events of earlier releases without some of
// these members.
type PassportSnapshot struct {
	PassportID        string    `json:"passportId" format:"uuid" doc:"id of the passport"`
	BatteryIdentifier string    `json:"batteryIdentifier" doc:"identifier of the battery, a URL; may be empty in a draft"`
	Organisation      string    `json:"organisation,omitempty" doc:"id of the organisation that owns the passport; absent if an account without one owns it"`
	State             string    `json:"state" doc:"state of the passport, such as draft or active"`
	CreatedBy         string    `json:"createdBy" format:"uuid" doc:"id of the account that created the passport"`
	CreatedAt         time.Time `json:"createdAt" doc:"time of the creation"`
	UpdatedAt         time.Time `json:"updatedAt" doc:"time of the version"`
}

// PassportTopics returns the topics of events that report changes of passports.
func PassportTopics() []string {
	return []string{PassportCreated{}.Topic(), PassportPublished{}.Topic(), PassportUpdated{}.Topic(), PassportDeleted{}.Topic()}
}

// AllPassportTopics returns the topics of all events about passports: those that report
// changes, and PassportSnapshot.
func AllPassportTopics() []string { return append(PassportTopics(), PassportSnapshot{}.Topic()) }

func (PassportCreated) Topic() string   { return "passport.created" }
func (PassportPublished) Topic() string { return "passport.published" }
func (PassportUpdated) Topic() string   { return "passport.updated" }
func (PassportDeleted) Topic() string   { return "passport.deleted" }
func (PassportSnapshot) Topic() string  { return "passport.snapshot" }
