package store

import (
	"context"
	"fmt"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/outbox"
	"github.com/battery-passport/suite/pkg/trace"
)

// Collection stores the aggregates of one schema. It is safe for concurrent use.
// Its methods fail with fault.Unavailable when the database does not respond. A
// write continues when its context ends.
type Collection[T any] struct {
	schema Schema[T]
	table  Table
}

// Row is an aggregate with its version, which starts at 1 and is incremented by
// each change.
type Row[T any] struct {
	ID      string
	Version int64
	Doc     T
}

// Write is an aggregate to insert, with its events.
type Write[T any] struct {
	ID     string
	Doc    T
	Events []event.Envelope
}

// Open returns the collection of a schema in db.
func Open[T any](db DB, schema Schema[T]) *Collection[T] {
	return &Collection[T]{schema: schema, table: db.Table(schema.Name, schema.UniqueIndexes)}
}

// Outbox returns the events written with the aggregates, for a relay.
func (c *Collection[T]) Outbox() outbox.Source { return c.table }

// Insert adds an aggregate and its events. It fails with fault.Conflict when the
// id or a unique value already exists; Duplicate returns which.
func (c *Collection[T]) Insert(ctx context.Context, id string, doc T, events ...event.Envelope) (Row[T], error) {
	errs, err := c.InsertMany(ctx, []Write[T]{{id, doc, events}})
	if err == nil {
		err = errs[0]
	}
	if err != nil {
		return Row[T]{}, err
	}
	return Row[T]{ID: id, Version: 1, Doc: doc}, nil
}

// InsertMany adds aggregates, each together with its events. The result has one
// error per write, as from Insert. The second result is an error of the database;
// it is then also the error of each write that may not be stored.
func (c *Collection[T]) InsertMany(ctx context.Context, writes []Write[T]) ([]error, error) {
	errs := make([]error, len(writes))
	var insertions []Insertion
	var positions []int // of the insertions in writes
	for i, w := range writes {
		r, err := c.schema.record(w.ID, 1, &w.Doc)
		if err != nil {
			errs[i] = fmt.Errorf("insert into %s: %w", c.schema.Name, err)
			continue
		}
		insertions, positions = append(insertions, Insertion{r, stamp(ctx, w.Events, 1)}), append(positions, i)
	}
	for begin := 0; begin < len(insertions); begin += insertBatch {
		batchErrs, err := c.insert(ctx, insertions[begin:min(begin+insertBatch, len(insertions))])
		if err != nil {
			for _, i := range positions[begin:] {
				errs[i] = err
			}
			return errs, err
		}
		for i, err := range batchErrs {
			errs[positions[begin+i]] = err
		}
	}
	return errs, nil
}

func (c *Collection[T]) insert(ctx context.Context, batch []Insertion) ([]error, error) {
	ctx, cancel := detach(ctx)
	defer cancel()
	errs, err := c.table.Insert(ctx, batch...)
	if err != nil {
		return nil, fmt.Errorf("insert into %s: %w", c.schema.Name, err)
	}
	for i, err := range errs {
		if err != nil {
			errs[i] = fmt.Errorf("insert into %s: %w", c.schema.Name, err)
		}
	}
	return errs, nil
}

// Get returns an aggregate, or fails with fault.NotFound.
func (c *Collection[T]) Get(ctx context.Context, id string) (Row[T], error) {
	return c.row(c.table.Get(ctx, id))
}

// GetBy returns the aggregate with the value in a unique index, or fails with
// fault.NotFound.
func (c *Collection[T]) GetBy(ctx context.Context, index, value string) (Row[T], error) {
	return c.row(c.table.GetBy(ctx, index, value))
}

// Version returns the version of an aggregate, without reading the document, or
// fails with fault.NotFound.
func (c *Collection[T]) Version(ctx context.Context, id string) (int64, error) {
	version, err := c.table.Version(ctx, id)
	if err != nil {
		return 0, fmt.Errorf("read from %s: %w", c.schema.Name, err)
	}
	return version, nil
}

// VersionBy returns the id and the version of the aggregate with the value in a unique
// index, without reading the document, or fails with fault.NotFound.
func (c *Collection[T]) VersionBy(ctx context.Context, index, value string) (id string, version int64, err error) {
	id, version, err = c.table.VersionBy(ctx, index, value)
	if err != nil {
		return "", 0, fmt.Errorf("read from %s: %w", c.schema.Name, err)
	}
	return id, version, nil
}

// IDsBy returns the ids of the aggregates with the values in a unique index, by value.
// Values that do not exist are left out. It reads no documents, and takes one look-up for
// all values.
func (c *Collection[T]) IDsBy(ctx context.Context, index string, values []string) (map[string]string, error) {
	ids, err := c.table.IDsBy(ctx, index, values)
	if err != nil {
		return nil, fmt.Errorf("read from %s: %w", c.schema.Name, err)
	}
	return ids, nil
}

func (c *Collection[T]) row(r Record, err error) (Row[T], error) {
	row := Row[T]{ID: r.ID, Version: r.Version}
	if err == nil {
		err = c.schema.decode(r, &row.Doc)
	}
	if err != nil {
		return Row[T]{}, fmt.Errorf("read from %s: %w", c.schema.Name, err)
	}
	return row, nil
}

// Delete hides an aggregate at once and removes it when its events are published.
// Its unique values can be used again at once, its id after the removal. It fails with
// fault.Stale when the aggregate has another version, or with fault.NotFound.
func (c *Collection[T]) Delete(ctx context.Context, id string, version int64, events ...event.Envelope) error {
	ctx, cancel := detach(ctx)
	defer cancel()
	if err := c.table.Delete(ctx, id, version, stamp(ctx, events, version+1)); err != nil {
		return fmt.Errorf("delete from %s: %w", c.schema.Name, err)
	}
	return nil
}

// detach returns a context for a write: it continues when the client disconnects.
func detach(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
}

// stamp sets the version of the aggregate and the trace of ctx on its events.
func stamp(ctx context.Context, events []event.Envelope, version int64) []event.Envelope {
	for i := range events {
		events[i].Sequence, events[i].Traceparent = version, trace.FromContext(ctx)
	}
	return events
}
