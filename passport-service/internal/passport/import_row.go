package passport

import (
	"errors"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

// OnExisting selects how an import handles a row whose battery has a passport with other
// data. If the data is the same, nothing changes.
type OnExisting string

// The values of OnExisting.
const (
	FailExisting   OnExisting = "fail"
	UpdateExisting OnExisting = "update"
	SkipExisting   OnExisting = "skip"
)

// ImportParams are the parameters of an import.
type ImportParams struct {
	ImportID   string // in the events of the passports
	OnExisting OnExisting
	Publish    bool   // publishes the drafts that have no compliance errors
	DryRun     bool   // writes nothing
	Reason     string // for changes by rows without a reason
}

// RowStatus is the outcome of a row.
type RowStatus string

// The statuses.
const (
	RowCreated   RowStatus = "created"
	RowUpdated   RowStatus = "updated"
	RowUnchanged RowStatus = "unchanged"
	RowInvalid   RowStatus = "invalid"
	RowConflict  RowStatus = "conflict"
)

// Row is a row to import: an object with data and, optionally, reason, such as the body
// of Create or an exported passport.
type Row struct {
	Body   wire.Value     // valid JSON
	Errors []fault.Detail // found before; with any, the row is invalid
	// RoundTrip returns the part of stored data that the format of the row can hold, as a row would
	// contain it. nil: the format can hold all data.
	RoundTrip func(stored wire.Value) wire.Value

	Hint string // continues the error of a row without battery identifier

	id     string      // of the passport that the row creates; the same when Import is repeated
	parsed *pendingRow // by Parse
}

// RowResult is the result of a row.
type RowResult struct {
	Status            RowStatus
	ID                string // of the passport; empty if the row created none
	BatteryIdentifier string
	Version           int64
	State             State
	Errors, Warnings  []fault.Detail
}

// pendingRow is the state of a row while it is imported.
type pendingRow struct {
	*Row
	sub         submission
	key         string          // of its battery identifier
	passportKey string          // of its passport identifier
	keys        []uint64        // hashes of its identifiers and of the passports with one of them; see nextRound
	taken       map[string]bool // unique indexes in which a passport has an identifier of the row
	draft       *Passport       // to insert; nil if the battery has a passport
	stored      *Passport       // the passport of the battery, or the draft
	hasData     bool            // stored has the data of the row
	result      RowResult
	err         error // of the store
}

func (r *pendingRow) refuse(status RowStatus, details ...fault.Detail) {
	r.result.Status, r.result.Errors = status, append(r.result.Errors, details...)
}

// fail makes the row invalid or a conflict. Any other error is an error of the store.
func (r *pendingRow) fail(err error) {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		r.err = err
		return
	}
	details := f.Details
	if len(details) == 0 {
		details = []fault.Detail{{Code: string(f.Kind), Message: f.Message}}
	}
	switch f.Kind {
	case fault.Invalid, fault.TooLarge, fault.Malformed:
		r.refuse(RowInvalid, details...)
	case fault.Conflict, fault.NotFound, fault.Gone, fault.Forbidden, fault.QuotaExceeded:
		r.refuse(RowConflict, details...)
	default:
		r.err = err
	}
}

// missingIdentifier returns the error of a row without battery identifier.
func missingIdentifier(r *pendingRow) fault.Detail {
	return newDetail(pointer(batteryIdentifier), "required", "is missing; an import finds the passport of a row by it"+r.Hint)
}
