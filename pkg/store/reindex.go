package store

import (
	"context"
	"fmt"

	"github.com/battery-passport/suite/pkg/fault"
)

// ReindexQuery asks for the next page of a scope to reindex, oldest first.
type ReindexQuery[T any] struct {
	Scope  string
	Cursor string // ReindexPage.Next of the previous page
	// Yields reports whether the holder of a unique value gives it up for the other aggregate,
	// which has the same value. It may be nil: no holder does.
	Yields func(holder, other *T) bool
}

// ReindexPage is the result of reindexing a page. Conflicts are the ids of aggregates with a
// new unique value that belongs to another aggregate; their previous unique values stay in the
// index. Next is empty on the last page.
type ReindexPage struct {
	Conflicts []string
	Next      string
}

// Reindex writes the lists and unique values of stored aggregates that have an earlier index
// version. It does not change documents, versions and events. It skips aggregates that cannot
// be read. It is idempotent: call it until Next is empty.
func (c *Collection[T]) Reindex(ctx context.Context, q ReindexQuery[T]) (page ReindexPage, err error) {
	records, err := c.table.List(ctx, ListQuery{Lists: []string{listKey(q.Scope, "", "")}, Above: q.Cursor, Ascending: true, Limit: MaxLimit, Bytes: pageBytes})
	if err != nil {
		return page, fmt.Errorf("list %s: %w", c.schema.Name, err)
	}
	for _, r := range records {
		switch err := c.reindex(ctx, r, q.Yields); {
		case fault.Is(err, fault.Conflict):
			page.Conflicts = append(page.Conflicts, r.ID)
		case fault.Is(err, fault.NotFound), fault.Is(err, fault.Stale): // deleted or written since it was listed
		case err != nil:
			return page, fmt.Errorf("reindex %s: %w", c.schema.Name, err)
		}
		page.Next = r.Sort
	}
	return page, nil
}

// ReindexAll calls Reindex for all pages of the scope All.
func (c *Collection[T]) ReindexAll(ctx context.Context) error {
	for q := (ReindexQuery[T]{Scope: All}); ; {
		page, err := c.Reindex(ctx, q)
		if q.Cursor = page.Next; err != nil || q.Cursor == "" {
			return err
		}
	}
}

func (c *Collection[T]) reindex(ctx context.Context, r Record, yields func(holder, other *T) bool) error {
	var doc T
	if r.Index >= c.schema.IndexVersion || c.schema.decode(r, &doc) != nil { // reads report the error
		return nil
	}
	current, err := c.schema.record(r.ID, r.Version, &doc)
	if err != nil {
		return err
	}
	ctx, cancel := detach(ctx)
	defer cancel()
	err = c.table.Reindex(ctx, current)
	if index, ok := Duplicate(err); ok && yields != nil && c.release(ctx, index, current.Unique[index], func(holder *T) bool { return yields(holder, &doc) }) {
		err = c.table.Reindex(ctx, current)
	}
	if fault.Is(err, fault.Conflict) {
		if keepErr := c.table.Reindex(ctx, current.keepUnique()); keepErr != nil {
			return keepErr
		}
	}
	return err
}

// release removes a value from a unique index if the aggregate that has it yields. It
// reports whether it did. If that fails, the next call of Reindex tries again.
func (c *Collection[T]) release(ctx context.Context, index, value string, yields func(*T) bool) bool {
	row, err := c.GetBy(ctx, index, value)
	if err != nil || !yields(&row.Doc) {
		return false
	}
	r, err := c.schema.record(row.ID, row.Version, &row.Doc)
	if err != nil {
		return false
	}
	delete(r.Unique, index)
	r.Index = 0 // the value may become free again
	return c.table.Reindex(ctx, r) == nil
}
