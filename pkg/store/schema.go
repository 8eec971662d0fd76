package store

import (
	"fmt"
	"slices"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

// Schema declares how aggregates of type T are kept. T is plain data that goes
// through JSON and back unchanged.
type Schema[T any] struct {
	// Name is that of the table, a noun in the plural.
	Name string
	// Schema is the version of the stored form. It counts up with a form that
	// needs old documents changed, and with one that has a new member: releases
	// of before would drop that when they write, and answer fault.Unavailable
	// for a later schema instead.
	Version int
	// Migrate makes of a document that was stored by an older schema one of
	// Schema. A document goes through it whenever it is read, until it is next
	// written; in lists and unique indexes it stands as it was written. It is
	// nil where there is no older one.
	Migrate func(schema int, doc []byte) ([]byte, error)
	// Unique gives the values no two aggregates share, by index; an aggregate
	// whose value is empty is not in that index. UniqueIndexes names them all.
	Unique        func(*T) map[string]string
	UniqueIndexes []string
	// List tells in which lists the aggregate stands.
	Indexes func(*T) Indexes
}

// Indexes is what lists are made of: a list for each scope, and for each scope
// and filter, by time of creation. A page costs the same at any depth of these.
type Indexes struct {
	Scopes  []string          // who may see it: an owner, "" for those who see all
	Filters map[string]string // by name; an empty value can not be asked for
	Created time.Time         // never changes
}

// Query asks for a page of a list.
type Query struct {
	Scope   string
	Filters map[string]string // all must hold; empty values are passed over
	Oldest  bool              // oldest first, else newest first
	Cursor  string            // Page.Next of the page before, for the same query
	Limit   int               // 1 to MaxLimit
}

// token names a list. Only the value, which comes last, may hold a NUL.
func listKey(scope, filter, value string) string { return scope + "\x00" + filter + "\x00" + value }

func (s *Schema[T]) record(id string, version int64, doc *T) (Record, error) {
	data, err := wire.Marshal(doc)
	if err != nil {
		return Record{}, fmt.Errorf("%s %s: %w", s.Name, id, err)
	}
	r := Record{ID: id, Schema: s.Version, Version: version, Unique: map[string]string{}, Doc: data}
	if s.Unique != nil {
		for index, value := range s.Unique(doc) {
			if value != "" {
				r.Unique[index] = value
			}
		}
	}
	if s.Indexes != nil {
		l := s.Indexes(doc)
		for _, scope := range l.Scopes {
			r.Lists = append(r.Lists, listKey(scope, "", ""))
			for filter, value := range l.Filters {
				if value != "" {
					r.Lists = append(r.Lists, listKey(scope, filter, value))
				}
			}
		}
		slices.Sort(r.Lists)
		r.Lists = slices.Compact(r.Lists) // a scope may be given twice
		r.Sort = sortKey(l.Created, id)
	}
	return r, nil
}

// decode reads a record into doc. One of a later schema, which another release
// has written, is not for this one to read, nor to write.
func (s *Schema[T]) decode(r Record, doc *T) error {
	data := r.Doc
	switch {
	case r.Schema > s.Version:
		return fault.New(fault.Unavailable, "%s was written by a later release of this service", r.ID).
			Because(fmt.Errorf("its schema is %d, and %d is known here", r.Schema, s.Version))
	case r.Schema < s.Version && s.Migrate != nil:
		var err error
		if data, err = s.Migrate(r.Schema, data); err != nil {
			return fmt.Errorf("%s of schema %d: %w", r.ID, r.Schema, err)
		}
	}
	return wire.Unmarshal(data, doc)
}

// sortKey orders by time, in milliseconds, and by id within one.
func sortKey(created time.Time, id string) string {
	return fmt.Sprintf("%012x.%s", created.UnixMilli(), id)
}

func (q Query) lists() []string {
	var lists []string
	for filter, value := range q.Filters {
		if value != "" {
			lists = append(lists, listKey(q.Scope, filter, value))
		}
	}
	if lists == nil {
		return []string{listKey(q.Scope, "", "")}
	}
	slices.Sort(lists)
	return lists
}
