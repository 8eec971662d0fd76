package store

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
)

// List returns a page of a list. It fails with fault.Malformed when the cursor
// is not one of this query.
func (c *Collection[T]) List(ctx context.Context, q Query) (Page[T], error) {
	after, err := q.open()
	if err != nil {
		return Page[T]{}, err
	}
	records, err := c.table.List(ctx, ListQuery{
		Lists: q.lists(), After: after, Oldest: q.Oldest, Limit: q.Limit + 1, Bytes: pageBytes,
	})
	if err != nil {
		return Page[T]{}, fmt.Errorf("list %s: %w", c.schema.Name, err)
	}
	return c.page(q, records)
}

// page leaves out the last record, which is there to tell that more follow.
func (c *Collection[T]) page(q Query, records []Record) (Page[T], error) {
	var page Page[T]
	size := 0
	for i, r := range records {
		if size += len(r.Doc); i == q.Limit || size > pageBytes && i > 0 {
			page.Next = q.seal(records[i-1].Sort)
			break
		}
		row, err := c.row(r, nil)
		if err != nil {
			return Page[T]{}, err
		}
		page.Rows = append(page.Rows, row)
	}
	return page, nil
}

// CursorAfter returns the cursor of a query that goes on after an aggregate.
func (q Query) CursorAfter(created time.Time, id string) string { return q.seal(sortKey(created, id)) }

// A cursor is the place in the list and a sum over it and the query, so that
// one that was altered, or belongs to another query, is told apart. It opens
// nothing that the query alone would not: it needs no secret.
func (q Query) seal(sort string) string {
	sum := q.sum(sort)
	return base64.RawURLEncoding.EncodeToString(append(sum[:sumSize:sumSize], sort...))
}

const sumSize = 12

func (q Query) open() (sort string, err error) {
	if q.Cursor == "" {
		return "", nil
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(q.Cursor)
	if err == nil && len(data) > sumSize {
		sort = string(data[sumSize:])
		if sum := q.sum(sort); string(sum[:sumSize]) == string(data[:sumSize]) {
			return sort, nil
		}
	}
	return "", fault.New(fault.Malformed, "the cursor is not one of this list").With(fault.Detail{
		Path: "query:cursor", Code: "format", Message: "give the nextCursor of the page before, with the same filters and order",
	})
}

func (q Query) sum(sort string) [sha256.Size]byte {
	data, err := json.Marshal([]any{q.lists(), q.Oldest, sort})
	if err != nil {
		panic(err) // strings and a bool always marshal
	}
	return sha256.Sum256(data)
}
