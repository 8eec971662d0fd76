package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
)

// Change holds the events and history that Update stores with the new document.
type Change struct {
	Events  []event.Envelope
	History []HistoryRecord // stored before the document
	// KeepUnique permits a change of an aggregate whose unique values belong to another one:
	// the values in the index stay. It is for aggregates for which Reindex has reported a
	// conflict, and for changes that do not concern the unique values.
	KeepUnique bool
}

// HistoryRecord is a record that must be stored before a change: the version or
// entry that the change replaces, or an announcement of the change. If its id
// already exists it is not written again, so concurrent writers of the same change
// must write the same record.
type HistoryRecord struct {
	write func(context.Context) error
}

// HistoryOf returns a history record for a collection, which must be in the same
// database as the aggregate that changes.
func HistoryOf[T any](c *Collection[T], id string, doc T) HistoryRecord {
	return HistoryRecord{func(ctx context.Context) error {
		_, err := c.Insert(ctx, id, doc)
		if index, ok := Duplicate(err); ok && index == ID {
			return nil
		}
		return err
	}}
}

// ErrNoChange is returned by a change function that leaves the aggregate unchanged.
var ErrNoChange = errors.New("no change")

// UpdateOption is an option of Update: the versions that an aggregate may have.
type UpdateOption []int64

// IfVersion makes Update fail with fault.Stale unless the aggregate has one of
// the versions. Without versions it has no effect.
func IfVersion(versions ...int64) UpdateOption { return versions }

// Update applies change to an aggregate. It inserts the history records first,
// and then writes document, version and events in one step. If another writer
// changed the aggregate since it was read, change runs again on the new document; history
// records of the failed attempt remain. Update returns the error of change, except
// after ErrNoChange, when it returns the stored aggregate.
func (c *Collection[T]) Update(ctx context.Context, id string, change func(*T) (Change, error), opts ...UpdateOption) (Row[T], error) {
	versions := slices.Concat(opts...)
	for {
		row, err := c.Get(ctx, id)
		if err != nil {
			return Row[T]{}, err
		}
		if len(versions) > 0 && !slices.Contains(versions, row.Version) {
			return Row[T]{}, ErrStale(id)
		}
		var refused error // of change
		updated, err := c.attempt(ctx, row, func(doc *T) (result Change, err error) {
			result, refused = change(doc)
			return result, refused
		})
		switch {
		case errors.Is(err, ErrNoChange):
			return c.Get(ctx, id) // change may have modified row
		case refused != nil:
			return Row[T]{}, refused
		case fault.Is(err, fault.Stale) && len(versions) == 0:
			if err := pause(ctx); err != nil {
				return Row[T]{}, err
			}
		default:
			return updated, err
		}
	}
}

// GetOrInsert returns the aggregate with the id, or inserts the result of create. Concurrent
// callers, including those in other processes, get the same aggregate. It fails as Get and
// Insert do.
func (c *Collection[T]) GetOrInsert(ctx context.Context, id string, create func() T) (Row[T], error) {
	row, err := c.Get(ctx, id)
	if !fault.Is(err, fault.NotFound) {
		return row, err
	}
	if row, err = c.Insert(ctx, id, create()); fault.Is(err, fault.Conflict) {
		return c.Get(ctx, id)
	}
	return row, err
}

// UpdateAll applies change to the aggregates of a query until the query finds none: change must
// remove them from the lists that the query reads. Aggregates that no longer exist are skipped.
func (c *Collection[T]) UpdateAll(ctx context.Context, q Query, change func(*T) (Change, error)) error {
	for {
		page, err := c.List(ctx, q)
		if err != nil || len(page.Rows) == 0 {
			return err
		}
		for _, row := range page.Rows {
			if _, err := c.Update(ctx, row.ID, change); err != nil && !fault.Is(err, fault.NotFound) {
				return err
			}
		}
	}
}

// Replace stores the document of a row if the stored aggregate still has the version of
// the row. It saves the read of Update. It fails with fault.Stale, or with
// fault.NotFound.
func (c *Collection[T]) Replace(ctx context.Context, row Row[T]) (Row[T], error) {
	return c.attempt(ctx, row, func(*T) (Change, error) { return Change{}, nil })
}

func (c *Collection[T]) attempt(ctx context.Context, row Row[T], change func(*T) (Change, error)) (Row[T], error) {
	result, err := change(&row.Doc)
	if err != nil {
		return Row[T]{}, err
	}
	row.Version++
	r, err := c.schema.record(row.ID, row.Version, &row.Doc)
	if err != nil {
		return Row[T]{}, err
	}
	for _, h := range result.History {
		if err := h.write(ctx); err != nil {
			return Row[T]{}, fmt.Errorf("update %s: history: %w", c.schema.Name, err)
		}
	}
	ctx, cancel := detach(ctx)
	defer cancel()
	events := stamp(ctx, result.Events, row.Version)
	err = c.table.Replace(ctx, r, events)
	if fault.Is(err, fault.Conflict) && result.KeepUnique {
		err = c.table.Replace(ctx, r.keepUnique(), events)
	}
	if err != nil {
		return Row[T]{}, fmt.Errorf("update %s: %w", c.schema.Name, err)
	}
	return row, nil
}

// pause waits a random time before the next attempt of concurrent writers.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return fault.New(fault.Unavailable, "too many concurrent changes, try again").Because(ctx.Err())
	case <-time.After(rand.N(5 * time.Millisecond)):
		return nil
	}
}
