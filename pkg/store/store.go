// Package store stores aggregates: a document, its version and its outgoing
// events, which change together in one write.
//
// A Schema declares the unique indexes and the lists of an aggregate; there are
// no other look-ups. A Collection reads and writes a Table, which the packages
// sqlite and mongo implement.
package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/outbox"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

const (
	// MaxWaiting is the maximum number of events in the outbox of an aggregate.
	// A write that exceeds it fails with fault.Unavailable.
	MaxWaiting = 256
	// MaxLimit is the maximum number of rows of a page.
	MaxLimit = 200

	pageBytes    = 8 << 20                 // a page ends early when its documents exceed this size
	writeTimeout = 2500 * time.Millisecond // of a write, which continues when its client disconnects
	minCount     = 100                     // the first limit when lists are compared by size,
	maxCount     = 10_000                  // and the last
	insertBatch  = 100                     // records of InsertMany that share a timeout
)

// DB is a database. It is safe for concurrent use.
type DB interface {
	// Table returns the table for the aggregates of one schema. It does not
	// access the database: the first operation creates the table and its indexes.
	Table(name string, unique []string) Table
	// Ping checks whether the database accepts reads and writes.
	Ping(ctx context.Context) error
	Close(ctx context.Context) error
}

// Record is an aggregate in the form that a Table stores.
type Record struct {
	ID      string
	Schema  int
	Index   int // Schema.IndexVersion of Unique, Scopes, Filters and Sort; List returns it
	Version int64
	Unique  map[string]string // unique index → value; empty values are left out
	Scopes  []string          // the record is in the list of each scope,
	Filters map[string]string // and in the list of each scope and filter; empty values are left out
	Sort    string            // its position in these lists
	Doc     wire.Value
	Err     error // if the stored document cannot be converted to JSON
}

// Lists returns the keys of the lists that contain the record, in order.
func (r Record) Lists() (lists []string) {
	for _, scope := range slices.Compact(slices.Sorted(slices.Values(r.Scopes))) { // scopes may be repeated
		lists = append(lists, listKey(scope, "", ""))
		for filter, value := range r.Filters {
			lists = append(lists, listKey(scope, filter, value))
		}
	}
	slices.Sort(lists)
	return lists
}

// Insertion is a new record and the events to write with it.
type Insertion struct {
	Record
	Events []event.Envelope
}

// ListQuery asks a Table for the records of a list.
type ListQuery struct {
	Lists        []string // list keys; a record must be in all of these lists. List reads the first
	Above, Below string   // exclusive limits of Sort; empty: no limit
	Ascending    bool     // by Sort, else descending
	Limit        int
	Bytes        int // stop when the documents exceed this size, after two records at least
}

// Table stores records and their outboxes. Its methods fail with
// fault.Unavailable when the database does not respond.
type Table interface {
	outbox.Source

	// Insert adds records of version 1, each together with its events. The result
	// has one error per record, see ErrDuplicate; a record that cannot be encoded
	// does not affect the others. The second result is an error of the database;
	// any of the records may be stored then.
	Insert(ctx context.Context, records ...Insertion) ([]error, error)
	// Get, GetBy, Version and VersionBy fail with fault.NotFound. IDsBy leaves out values
	// that do not exist.
	Get(ctx context.Context, id string) (Record, error)
	GetBy(ctx context.Context, index, value string) (Record, error)
	Version(ctx context.Context, id string) (int64, error)
	VersionBy(ctx context.Context, index, value string) (id string, version int64, err error)
	IDsBy(ctx context.Context, index string, values []string) (map[string]string, error)
	// Replace writes the record and adds the events if the stored version is one
	// less than the version of the record. It fails with fault.Stale,
	// fault.NotFound, fault.Conflict, or fault.Unavailable when the outbox is full.
	// If Unique is nil, the stored unique values stay.
	Replace(ctx context.Context, r Record, events []event.Envelope) error
	// Reindex writes Index, Unique, Scopes, Filters and Sort of the record, which has the
	// stored version. It fails like Replace, and leaves document, schema, version and events
	// alone. If Unique is nil, the stored unique values stay.
	Reindex(ctx context.Context, r Record) error
	// Delete hides the record if it has the version, and removes it when its
	// events are published. It fails like Replace.
	Delete(ctx context.Context, id string, version int64, events []event.Envelope) error
	List(ctx context.Context, q ListQuery) ([]Record, error)
	// Count counts the records in the first list of q, between its limits of Sort. It
	// stops at Limit.
	Count(ctx context.Context, q ListQuery) (int, error)
}

// ID is the name of the index that Duplicate returns if the id already exists.
const ID = "id"

// ErrDuplicate returns the error of a Table when the value of a unique index, or
// the ID, already exists.
func ErrDuplicate(index string, cause error) error {
	return fault.New(fault.Conflict, "the %s already exists", index).
		With(fault.Detail{Path: index, Code: "duplicate", Message: "already exists"}).Because(cause)
}

// Duplicate returns the unique index whose value already exists, if that made a
// write fail.
func Duplicate(err error) (index string, ok bool) {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Kind != fault.Conflict || len(e.Details) == 0 {
		return "", false
	}
	return e.Details[0].Path, true
}

var errOutboxFull = errors.New("outbox is full")

// ErrOutboxFull returns the error of a Table when MaxWaiting events of the
// aggregate are not published yet.
func ErrOutboxFull(id string) error {
	return fault.New(fault.Unavailable, "%d events of %s are not published yet, try again later", MaxWaiting, id).Because(errOutboxFull)
}

// IsRecordError reports whether err concerns one record, so that other writes can
// succeed.
func IsRecordError(err error) bool {
	e, ok := errors.AsType[*fault.Error](err)
	return ok && (e.Kind != fault.Unavailable || errors.Is(err, errOutboxFull))
}

// ErrNotFound returns the error of a Table when the record does not exist.
func ErrNotFound(id string) error { return fault.New(fault.NotFound, "%s not found", id) }

// ErrStale returns the error of a write when the record has another version.
func ErrStale(id string) error {
	return fault.New(fault.Stale, "%s has changed since it was read", id)
}
