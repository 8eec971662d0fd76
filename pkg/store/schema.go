package store

import (
	"fmt"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

// Schema declares how aggregates of type T are stored. T is plain data that JSON
// preserves.
type Schema[T any] struct {
	// Name is the name of the table, a plural noun.
	Name string
	// Version is the version of the stored form. Increment it when stored
	// documents must be migrated, and when a member is added: an earlier release
	// would drop that member. Reads of a later version fail with fault.Unavailable.
	Version int
	// Migrate converts a document of an earlier version. It runs whenever such a
	// document is read, until the document is written; until then, lists and
	// unique indexes have the earlier values. It may be nil if the documents have not
	// changed.
	Migrate func(version int, doc []byte) ([]byte, error)
	// IndexVersion is the version of Unique and Indexes. Increment it when they return
	// other values for a stored document, and call Reindex. It does not concern the
	// document: earlier releases read and write reindexed aggregates.
	IndexVersion int
	// Unique returns the values that no two aggregates share, by index. Empty
	// values are not indexed. UniqueIndexes names all indexes.
	Unique        func(*T) map[string]string
	UniqueIndexes []string
	// Indexes returns the lists that contain the aggregate.
	Indexes func(*T) Indexes
}

// All is the scope of readers who see every aggregate. Schemas add it to the
// scopes of each aggregate.
const All = ""

// Indexes declares the lists that contain an aggregate: one for each scope, and
// one for each scope and filter, all by time of creation.
type Indexes struct {
	Scopes  []string          // of the readers: owners, All
	Filters map[string]string // by name; empty values are not indexed
	Created time.Time         // orders the lists; an aggregate that changes it moves
}

// listKey returns the key of a list. Only the value, which comes last, may
// contain a NUL.
func listKey(scope, filter, value string) string { return scope + "\x00" + filter + "\x00" + value }

func (s *Schema[T]) record(id string, version int64, doc *T) (Record, error) {
	data, err := wire.Marshal(doc)
	if err != nil {
		return Record{}, fmt.Errorf("%s %s: %w", s.Name, id, err)
	}
	r := Record{ID: id, Schema: s.Version, Index: s.IndexVersion, Version: version, Unique: map[string]string{}, Doc: data}
	if s.Unique != nil {
		r.Unique = withoutEmpty(s.Unique(doc))
	}
	if s.Indexes != nil {
		in := s.Indexes(doc)
		r.Scopes, r.Filters, r.Sort = in.Scopes, withoutEmpty(in.Filters), sortKey(in.Created, id)
	}
	return r, nil
}

// withoutEmpty returns the entries whose value is not empty.
func withoutEmpty(values map[string]string) map[string]string {
	rest := map[string]string{}
	for name, value := range values {
		if value != "" {
			rest[name] = value
		}
	}
	return rest
}

// keepUnique returns the record without new unique values: the stored ones stay, and
// Reindex tries to replace them.
func (r Record) keepUnique() Record {
	r.Unique, r.Index = nil, 0
	return r
}

// decode reads a record into doc. It fails with fault.Unavailable for a record
// of a later version, which a later release of the service has written.
func (s *Schema[T]) decode(r Record, doc *T) error {
	data := r.Doc
	switch {
	case r.Err != nil:
		return r.Err
	case r.Schema > s.Version:
		return fault.New(fault.Unavailable, "%s was written by a later release of this service", r.ID).
			Because(fmt.Errorf("its schema version is %d, this release supports %d", r.Schema, s.Version))
	case r.Schema < s.Version && s.Migrate != nil:
		var err error
		if data, err = s.Migrate(r.Schema, data); err != nil {
			return fmt.Errorf("migrate %s from schema version %d: %w", r.ID, r.Schema, err)
		}
	}
	return wire.Unmarshal(data, doc)
}

// sortKey orders by time, in milliseconds, and then by id.
func sortKey(created time.Time, id string) string { return sortTime(created.UnixMilli()) + "." + id }

func sortTime(milliseconds int64) string { return fmt.Sprintf("%012x", milliseconds) }
