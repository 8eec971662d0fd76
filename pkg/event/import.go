package event

import "time"

// PassportImportFinished is sent when an import of passports has ended. The events of its
// passports carry its id. Each count is named after the status of the rows that it counts.
type PassportImportFinished struct {
	ImportID     string    `json:"importId" doc:"id of the import"`
	Organisation string    `json:"organisation,omitempty" doc:"id of the organisation of the account; absent if it has none"`
	Rows         int64     `json:"rows" doc:"number of rows that were read"`
	Created      int64     `json:"created" doc:"number of rows that created a passport"`
	Updated      int64     `json:"updated" doc:"number of rows that updated a passport"`
	Unchanged    int64     `json:"unchanged" doc:"number of rows that changed nothing"`
	Invalid      int64     `json:"invalid" doc:"number of rows that are not valid"`
	Conflict     int64     `json:"conflict" doc:"number of rows that conflict with another passport"`
	Published    int64     `json:"published" doc:"number of created or updated rows that are published"`
	Complete     bool      `json:"complete" doc:"false if the import ended before the last row"`
	CreatedBy    string    `json:"createdBy" format:"uuid" doc:"id of the account that imported"`
	StartedAt    time.Time `json:"startedAt" doc:"time when the import started"`
	FinishedAt   time.Time `json:"finishedAt" doc:"time when the import ended"`
}

// ImportTopics returns the topics of events about imports.
func ImportTopics() []string { return []string{PassportImportFinished{}.Topic()} }

// Topic implements Payload.
func (PassportImportFinished) Topic() string { return "passport.importFinished" }
