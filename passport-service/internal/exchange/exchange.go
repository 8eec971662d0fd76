// Package exchange imports passports from files, row by row.
package exchange

import (
	"context"
	"sync"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/format"
	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

const source = "/passport-service"

// LeaseTime is the time for which a crashed import blocks the next import of its account.
const LeaseTime = 15 * time.Second

// Outage is the time that an import waits for the store when it does not respond.
const Outage = 30 * time.Second

// Service imports passports. It is safe for concurrent use.
type Service struct {
	Passports *passport.Service
	Imports   *store.Collection[Import]
	Now       func() time.Time
	NewID     func() string
	Formats   format.Registry
	MaxRows   int // of an import
	LeaseTime time.Duration
	Outage    time.Duration
}

// Import is the newest import of an account. An account has one import at a time.
type Import struct {
	ID           string    `json:"id"`
	UserID       string    `json:"userId"`
	Organisation string    `json:"organisation,omitzero"` // of the account when the import began
	StartedAt    time.Time `json:"startedAt"`
	FinishedAt   time.Time `json:"finishedAt,omitzero"`
	LeaseUntil   time.Time `json:"leaseUntil,omitzero"` // zero: it has ended
	Summary      Summary   `json:"summary,omitzero"`    // as of the last renewal of the lease
}

// finished returns the event of an import that has ended.
func (i *Import) finished(at time.Time) event.Envelope {
	sum := &i.Summary
	return event.New(source, i.UserID, at, event.PassportImportFinished{
		ImportID: i.ID, Organisation: i.Organisation, Rows: sum.Rows, Created: sum.Created, Updated: sum.Updated,
		Unchanged: sum.Unchanged, Invalid: sum.Invalid, Conflict: sum.Conflict, Published: sum.Published, Complete: sum.Complete,
		CreatedBy: i.UserID, StartedAt: i.StartedAt, FinishedAt: at,
	})
}

// Schema declares how imports are stored, by the id of the account.
func Schema() store.Schema[Import] {
	return store.Schema[Import]{Name: "passport_imports", Version: 1}
}

// Params are the parameters of an import.
type Params struct {
	OnExisting passport.OnExisting
	Publish    bool
	DryRun     bool
	Reason     string
}

// Record is a row of a file.
type Record struct {
	Number int // of the line or row in the file, or of the item in an array; from 1
	passport.Row
	Warnings []fault.Detail // in addition to those of the import
}

// Source reads the rows of a file. Next returns io.EOF after the last row, and other
// errors if the rest of the file cannot be read.
type Source interface {
	Next() (Record, error)
}

// Line is the result of a row.
type Line struct {
	Row               int                `json:"row" doc:"number of the row: of the line in NDJSON, of the row in a spreadsheet with the header as row 1, of the item in an array from 1"`
	Status            passport.RowStatus `json:"status" enum:"created,updated,unchanged,invalid,conflict" doc:"created: a draft was created; updated: data or state of the passport were changed; unchanged: the passport has the same data; invalid: the row was rejected; conflict: the battery has another passport, the organisation has too many passports or versions (code quota), or the caller may not change the passport or it was deleted"`
	ID                string             `json:"id,omitempty" doc:"id of the passport"`
	BatteryIdentifier string             `json:"batteryIdentifier,omitempty" doc:"identifier of the battery in the row"`
	Version           int64              `json:"version,omitzero" doc:"version of the passport after the import"`
	State             passport.State     `json:"state,omitempty" enum:"draft,active,inactive,archived,ceased,voided" doc:"state of the passport after the import"`
	Errors            []fault.Detail     `json:"errors" doc:"why the row was rejected"`
	Warnings          []fault.Detail     `json:"warnings" doc:"what to check, such as the errors that prevent publishing, and values that were removed (code removed)"`
}

// Summary counts the rows of an import. Each count is named after the status of its rows.
type Summary struct {
	ImportID  string        `json:"importId" doc:"id of the import, also in the events of its passports"`
	DryRun    bool          `json:"dryRun,omitzero" doc:"true: nothing was written"`
	Rows      int64         `json:"rows" doc:"rows that were read"`
	Created   int64         `json:"created" doc:"passports that were created"`
	Updated   int64         `json:"updated" doc:"passports that were changed"`
	Unchanged int64         `json:"unchanged" doc:"rows whose passport was not changed"`
	Invalid   int64         `json:"invalid" doc:"rows that were rejected"`
	Conflict  int64         `json:"conflict" doc:"rows with the status conflict: the battery has another passport, a quota is used up, or the caller may not change the passport"`
	Published int64         `json:"published" doc:"passports created or changed by the import that are published"`
	Complete  bool          `json:"complete" doc:"true: all rows were processed; false: send the same file again"`
	Error     *fault.Detail `json:"error,omitempty" doc:"why the import ended before the last row, or that the file has no rows (code empty)"`
}

// End is the last line of a response.
type End struct {
	Summary Summary `json:"summary" doc:"sums up the import"`
}

func (s *Summary) add(l *Line) {
	s.Rows++
	switch l.Status {
	case passport.RowCreated:
		s.Created++
	case passport.RowUpdated:
		s.Updated++
	case passport.RowUnchanged:
		s.Unchanged++
	case passport.RowInvalid:
		s.Invalid++
	case passport.RowConflict:
		s.Conflict++
	}
	if l.State == passport.Active && (l.Status == passport.RowCreated || l.Status == passport.RowUpdated) {
		s.Published++
	}
}

// Job is an import in progress.
type Job struct {
	service  *Service
	importer *passport.Importer
	started  time.Time
	mu       sync.Mutex // of summary, while rows are written
	summary  Summary
}

// count adds the result of a row to the summary.
func (j *Job) count(l *Line) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.summary.add(l)
}

// counts returns the summary of the rows so far.
func (j *Job) counts() Summary {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.summary
}

// Begin begins an import of the caller. It fails with fault.Forbidden if the caller may not
// create passports, and with fault.Conflict if another import of the caller is in progress.
// Run ends it.
func (s *Service) Begin(ctx context.Context, params Params) (*Job, error) {
	j := &Job{service: s, started: s.now(), summary: Summary{ImportID: s.NewID(), DryRun: params.DryRun}}
	var err error
	j.importer, err = s.Passports.NewImporter(ctx, passport.ImportParams{
		ImportID: j.summary.ImportID, OnExisting: params.OnExisting, Publish: params.Publish, DryRun: params.DryRun, Reason: params.Reason,
	})
	if err != nil {
		return nil, err
	}
	return j, j.acquire(ctx)
}

func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

// acquire stores the import as the current one of its account. If the previous import crashed,
// acquire sends its event, because nobody has reported its passports.
func (j *Job) acquire(ctx context.Context) error {
	s, user := j.service, auth.Caller(ctx).UserID
	next := Import{
		ID: j.summary.ImportID, UserID: user, Organisation: auth.Caller(ctx).Organisation,
		StartedAt: j.started, LeaseUntil: s.now().Add(s.LeaseTime), Summary: j.summary,
	}
	_, err := s.Imports.Update(ctx, user, func(i *Import) (change store.Change, err error) {
		if wait := i.LeaseUntil.Sub(s.now()); wait > 0 {
			return change, errRunning(wait)
		}
		if !i.LeaseUntil.IsZero() && !i.Summary.DryRun {
			change.Events = []event.Envelope{i.finished(i.LeaseUntil)}
		}
		*i = next
		return change, nil
	})
	if fault.Is(err, fault.NotFound) {
		if _, err = s.Imports.Insert(ctx, user, next); fault.Is(err, fault.Conflict) {
			return errRunning(s.LeaseTime)
		}
	}
	return err
}

func errRunning(wait time.Duration) error {
	return fault.New(fault.Conflict, "another import of your account is in progress; after a crash it ends within %v", LeaseTime).RetryIn(wait)
}

// renew extends the lease and stores the counts until ctx ends. It fails with fault.Conflict if
// another import has the lease.
func (j *Job) renew(ctx context.Context, user string) error {
	ticker := time.NewTicker(j.service.LeaseTime / 5)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		_, err := j.service.Imports.Update(ctx, user, func(i *Import) (store.Change, error) {
			if i.ID != j.summary.ImportID {
				return store.Change{}, errRunning(LeaseTime)
			}
			i.LeaseUntil, i.Summary = j.service.now().Add(j.service.LeaseTime), j.counts()
			return store.Change{}, nil
		})
		if fault.Is(err, fault.Conflict) {
			return err
		}
	}
}

// finish ends the import of the account. It sends an event unless the import was a dry run or
// had no rows.
func (j *Job) finish(ctx context.Context) error {
	at, sum := j.service.now(), j.summary
	_, err := j.service.Imports.Update(context.WithoutCancel(ctx), auth.Caller(ctx).UserID, func(i *Import) (change store.Change, err error) {
		if i.ID != sum.ImportID {
			return change, store.ErrNoChange
		}
		i.FinishedAt, i.LeaseUntil, i.Summary = at, time.Time{}, sum
		if !sum.DryRun && sum.Rows > 0 {
			change.Events = []event.Envelope{i.finished(at)}
		}
		return change, nil
	})
	return err
}
