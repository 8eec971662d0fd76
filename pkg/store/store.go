// Package store keeps aggregates: a document, its version and the events that
// wait to go out, changed in one write or not at all.
//
// An aggregate declares which of its values are unique and in which lists it
// stands, and nothing else can be asked of it. A Collection does the work; what
// it needs of a database is a Table, and there is one for SQLite and one for
// MongoDB.
package store

import (
	"context"
	"errors"
	"time"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/outbox"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

const (
	// MaxWaiting is how many events may wait with one aggregate. A write that
	// adds one more fails with fault.Unavailable.
	MaxWaiting = 256
	// MaxLimit is the most rows a page may have.
	MaxLimit = 200

	pageBytes    = 8 << 20                 // a page ends early when its documents are larger together
	writeTimeout = 2500 * time.Millisecond // of a write, which goes on when its caller goes away
)

// DB is a database. It is safe for concurrent use.
type DB interface {
	// Table returns the place for aggregates of one schema. The database need not
	// be there yet: what the table needs is made by the first call that finds it.
	Table(name string, unique []string) Table
	// Ping tells whether the database answers.
	Ping(ctx context.Context) error
	Close(ctx context.Context) error
}

// Record is an aggregate as a Table keeps it.
type Record struct {
	ID      string
	Schema  int
	Version int64
	Unique  map[string]string // unique index → value; an absent one is not there
	Lists   []string          // tokens of the lists it stands in
	Sort    string            // place in these lists
	Doc     wire.Value
}

// ListQuery is what a Table is asked for a page.
type ListQuery struct {
	Lists  []string // tokens; the record must stand in all these lists
	After  string   // Sort of the record before the page, or empty
	Oldest bool     // ascending by Sort, else descending
	Limit  int
	Bytes  int // no further record once their documents have that many
}

// Table keeps records and their outboxes. Its methods fail with
// fault.Unavailable when the database does not answer.
type Table interface {
	outbox.Source

	// Insert adds records of version 1. With one record it is all or nothing;
	// with many, each is, and those that can be are added. Where an id or a
	// unique value is taken it fails with fault.Conflict (see Duplicate).
	Insert(ctx context.Context, events []event.Envelope, records ...Record) error
	// Get, GetBy and Version fail with fault.NotFound.
	Get(ctx context.Context, id string) (Record, error)
	GetBy(ctx context.Context, index, value string) (Record, error)
	Version(ctx context.Context, id string) (int64, error)
	// Replace writes the record and adds the events, if the stored version is
	// the one before the record's. It fails with fault.Stale when it is another,
	// fault.NotFound, fault.Conflict as Insert, or fault.Unavailable when
	// MaxWaiting events wait already.
	Replace(ctx context.Context, r Record, events []event.Envelope) error
	// Delete puts the record out of sight, if it has the version, and removes
	// it when its events are out. It fails as Replace.
	Delete(ctx context.Context, id string, version int64, events []event.Envelope) error
	List(ctx context.Context, q ListQuery) ([]Record, error)
}

// ID is the index that Duplicate names for the id itself.
const ID = "id"

// Taken is the failure of a Table when the value of a unique index, or the ID,
// is taken.
func ErrDuplicate(index string, cause error) error {
	return fault.New(fault.Conflict, "the %s is taken", index).
		With(fault.Detail{Path: index, Code: "duplicate", Message: "is taken"}).Because(cause)
}

// Duplicate returns the unique index whose value was taken, if that is why a
// write failed.
func Duplicate(err error) (index string, ok bool) {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Kind != fault.Conflict || len(e.Details) == 0 {
		return "", false
	}
	return e.Details[0].Path, true
}

// ErrOutboxIsFull is why Full fails: a refusal of one record, not a failure of the database.
var ErrOutboxIsFull = errors.New("its outbox is full")

// Full is the failure of a Table when MaxWaiting events wait already.
func ErrOutboxFull(id string) error {
	return fault.New(fault.Unavailable, "%d events of %s wait to go out, try again later", MaxWaiting, id).Because(ErrOutboxIsFull)
}

// Gone is the failure of a Table when there is no such record.
func ErrNotFound(id string) error { return fault.New(fault.NotFound, "%s does not exist", id) }

// Stale is the failure of a write when the version is another than was asked for.
func ErrStale(id string) error {
	return fault.New(fault.Stale, "%s has changed since it was read", id)
}
