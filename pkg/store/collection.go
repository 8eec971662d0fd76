package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/outbox"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/trace"
)

// Collection keeps the aggregates of one schema. It is safe for concurrent use.
// Its methods fail with fault.Unavailable when the database does not answer.
type Collection[T any] struct {
	schema Schema[T]
	table  Table
}

// Row is an aggregate with its version, which is 1 at first and counts its
// changes.
type Row[T any] struct {
	ID      string
	Version int64
	Doc     T
}

// Page is a part of a list. Next is empty on the last.
type Page[T any] struct {
	Rows []Row[T]
	Next string
}

// ErrNoChange is what a change returns that leaves everything as it is.
var ErrNoChange = errors.New("no change")

// Open returns the collection of a schema in db.
func Open[T any](db DB, schema Schema[T]) *Collection[T] {
	return &Collection[T]{schema: schema, table: db.Table(schema.Name, schema.UniqueIndexes)}
}

// Outbox is where a relay finds the events written with the aggregates.
func (c *Collection[T]) Outbox() outbox.Source { return c.table }

// Insert adds an aggregate and the events that tell of it. It fails with
// fault.Conflict when the id or a unique value is taken; Duplicate tells which.
func (c *Collection[T]) Insert(ctx context.Context, id string, doc T, events ...event.Envelope) (Row[T], error) {
	r, err := c.schema.record(id, 1, &doc)
	if err != nil {
		return Row[T]{}, err
	}
	ctx, cancel := writing(ctx)
	defer cancel()
	if err := c.table.Insert(ctx, stamped(ctx, events, 1), r); err != nil {
		return Row[T]{}, fmt.Errorf("insert into %s: %w", c.schema.Name, err)
	}
	return Row[T]{ID: id, Version: 1, Doc: doc}, nil
}

// InsertAll adds many aggregates, without events. Each is added whole or not at
// all. Where an id or a unique value is taken it fails with fault.Conflict, and
// the others are added all the same.
func (c *Collection[T]) InsertAll(ctx context.Context, docs map[string]T) error {
	records := make([]Record, 0, len(docs))
	for id, doc := range docs {
		r, err := c.schema.record(id, 1, &doc)
		if err != nil {
			return err
		}
		records = append(records, r)
	}
	if err := c.table.Insert(ctx, nil, records...); err != nil {
		return fmt.Errorf("insert into %s: %w", c.schema.Name, err)
	}
	return nil
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

// Version returns the version of an aggregate, which costs much less than the
// aggregate, or fails with fault.NotFound.
func (c *Collection[T]) Version(ctx context.Context, id string) (int64, error) {
	version, err := c.table.Version(ctx, id)
	if err != nil {
		return 0, fmt.Errorf("read from %s: %w", c.schema.Name, err)
	}
	return version, nil
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

// Update applies change to the aggregate and stores what comes of it with the
// events change returns. When somebody else changed the aggregate meanwhile,
// change runs again on what is there then. With versions given it fails with
// fault.Stale unless the aggregate has one of them. Update fails as change does;
// after ErrNoChange it returns the aggregate as it is.
func (c *Collection[T]) Update(ctx context.Context, id string, change func(*T) ([]event.Envelope, error), ifVersion ...int64) (Row[T], error) {
	for {
		row, err := c.Get(ctx, id)
		if err != nil {
			return Row[T]{}, err
		}
		if len(ifVersion) > 0 && !slices.Contains(ifVersion, row.Version) {
			return Row[T]{}, ErrStale(id)
		}
		next, err := c.attempt(ctx, row, change)
		switch {
		case errors.Is(err, ErrNoChange):
			return c.Get(ctx, id) // change may have begun to write to row
		case fault.Is(err, fault.Stale) && len(ifVersion) == 0:
			if err := pause(ctx); err != nil {
				return Row[T]{}, err
			}
		default:
			return next, err
		}
	}
}

func (c *Collection[T]) attempt(ctx context.Context, row Row[T], change func(*T) ([]event.Envelope, error)) (Row[T], error) {
	events, err := change(&row.Doc)
	if err != nil {
		return Row[T]{}, err
	}
	row.Version++
	r, err := c.schema.record(row.ID, row.Version, &row.Doc)
	if err != nil {
		return Row[T]{}, err
	}
	ctx, cancel := writing(ctx)
	defer cancel()
	if err := c.table.Replace(ctx, r, stamped(ctx, events, row.Version)); err != nil {
		return Row[T]{}, fmt.Errorf("update %s: %w", c.schema.Name, err)
	}
	return row, nil
}

// Delete puts the aggregate out of sight at once, if it has the version; else
// it fails with fault.Stale, or fault.NotFound. It is removed when the events
// that tell of it are out. Its unique values are free at once, its id then.
func (c *Collection[T]) Delete(ctx context.Context, id string, version int64, events ...event.Envelope) error {
	ctx, cancel := writing(ctx)
	defer cancel()
	if err := c.table.Delete(ctx, id, version, stamped(ctx, events, version+1)); err != nil {
		return fmt.Errorf("delete from %s: %w", c.schema.Name, err)
	}
	return nil
}

// writing keeps a write going when the client that asked for it has gone.
func writing(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
}

// pause keeps writers of one aggregate apart.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return fault.New(fault.Unavailable, "too many write at once, try again").Because(ctx.Err())
	case <-time.After(rand.N(5 * time.Millisecond)):
		return nil
	}
}

// stamped sets the version of the aggregate and the trace of ctx in the events.
func stamped(ctx context.Context, events []event.Envelope, version int64) []event.Envelope {
	for i := range events {
		events[i].Sequence, events[i].Traceparent = version, trace.FromContext(ctx)
	}
	return events
}
