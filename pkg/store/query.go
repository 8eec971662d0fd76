package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
)

// Order is the direction of a list.
type Order int

// The orders, by time of creation and then by id.
const (
	NewestFirst Order = iota
	OldestFirst
)

// Query asks for a page of a list.
type Query struct {
	Scopes      []string          // an aggregate must be in one of these; without any the list is empty
	Filters     map[string]string // all must match; empty values are ignored
	AnyOf       AnyOf             // one of its values must match
	From, Until time.Time         // created at From or later, and before Until; zero: no limit
	Order       Order
	Cursor      string // Page.Next of the previous page of the same query
	Limit       int    // List limits it to 1 to MaxLimit

	// OnUnreadable receives each aggregate that cannot be decoded, which the page
	// leaves out. If it is nil, List fails on such an aggregate.
	OnUnreadable func(id string, err error)
}

// AnyOf requires a filter to have one of several values. Without a Filter it
// requires nothing.
type AnyOf struct {
	Filter string
	Values []string
}

// Page is a part of a list. Next is empty on the last page.
type Page[T any] struct {
	Rows []Row[T]
	Next string
}

// List returns a page: the merge of the lists of all scopes and of all values of
// AnyOf, with each aggregate once. It reads the scopes in alphabetical order, so the
// page contains an aggregate that moves to a later scope while it is read. It fails with
// fault.Malformed when the cursor does not belong to the query.
func (c *Collection[T]) List(ctx context.Context, q Query) (Page[T], error) {
	q.Limit = min(max(q.Limit, 1), MaxLimit)
	after, err := q.decodeCursor()
	if err != nil {
		return Page[T]{}, err
	}
	lq := ListQuery{Above: sortLimit(q.From), Below: sortLimit(q.Until), Ascending: q.Order == OldestFirst, Limit: q.Limit + 1, Bytes: pageBytes}
	switch {
	case after != "" && lq.Ascending:
		lq.Above = after // the cursor is within the limits
	case after != "":
		lq.Below = after
	}
	var records []Record
	merged := q.merged()
	for _, lq.Lists = range merged {
		if err := c.sortBySize(ctx, lq); err != nil {
			return Page[T]{}, fmt.Errorf("list %s: %w", c.schema.Name, err)
		}
		found, err := c.table.List(ctx, lq)
		if err != nil {
			return Page[T]{}, fmt.Errorf("list %s: %w", c.schema.Name, err)
		}
		records = append(records, found...)
	}
	if len(merged) > 1 {
		records = merge(records, lq.Ascending)
	}
	return c.page(q, records)
}

// Pages returns the pages of a query, from its cursor on. It ends with the error of List if a page
// cannot be read.
func (c *Collection[T]) Pages(ctx context.Context, q Query) iter.Seq2[Page[T], error] {
	return func(yield func(Page[T], error) bool) {
		for {
			page, err := c.List(ctx, q)
			if q.Cursor = page.Next; !yield(page, err) || err != nil || q.Cursor == "" {
				return
			}
		}
	}
}

// All returns the aggregates of all pages of a query, and ends as Pages does.
func (c *Collection[T]) All(ctx context.Context, q Query) iter.Seq2[Row[T], error] {
	return func(yield func(Row[T], error) bool) {
		for page, err := range c.Pages(ctx, q) {
			if err != nil {
				yield(Row[T]{}, err)
				return
			}
			for _, row := range page.Rows {
				if !yield(row, nil) {
					return
				}
			}
		}
	}
}

// sortBySize moves the shortest list of a query to the front, because a page of several
// lists reads that one and looks up its records in the others. The cost is that of
// counting a list of this size; if all are long, the order does not matter much.
func (c *Collection[T]) sortBySize(ctx context.Context, q ListQuery) error {
	lists := q.Lists
	for q.Limit = minCount; len(lists) > 1 && q.Limit <= maxCount; q.Limit *= 10 {
		shortest, size := 0, q.Limit
		for i := range lists {
			q.Lists = lists[i:]
			n, err := c.table.Count(ctx, q)
			if err != nil {
				return err
			}
			if n < size {
				shortest, size = i, n
			}
		}
		if size < q.Limit {
			lists[0], lists[shortest] = lists[shortest], lists[0]
			break
		}
	}
	return nil
}

// merge sorts the records of several lists and removes duplicates. If a list ended
// early because of its size, so does the page: that list alone exceeds its limit.
func merge(records []Record, ascending bool) []Record {
	slices.SortFunc(records, func(a, b Record) int {
		if ascending {
			return cmp.Compare(a.Sort, b.Sort)
		}
		return cmp.Compare(b.Sort, a.Sort)
	})
	return slices.CompactFunc(records, func(a, b Record) bool { return a.Sort == b.Sort })
}

// page decodes the records of a page. An additional record means that another page
// follows.
func (c *Collection[T]) page(q Query, records []Record) (Page[T], error) {
	var page Page[T]
	size := 0
	for i, r := range records {
		if size += len(r.Doc); i == q.Limit || size > pageBytes && i > 0 {
			page.Next = q.encodeCursor(records[i-1].Sort)
			break
		}
		row, err := c.row(r, nil)
		switch {
		case err == nil:
			page.Rows = append(page.Rows, row)
		case q.OnUnreadable == nil:
			return Page[T]{}, err
		default:
			q.OnUnreadable(r.ID, err)
		}
	}
	return page, nil
}

// merged returns the lists that a page merges: for each scope and each value of
// AnyOf the keys of the lists that an aggregate must be in.
func (q Query) merged() (merged [][]string) {
	values := q.AnyOf.Values
	if q.AnyOf.Filter == "" {
		values = []string{""}
	}
	for _, scope := range slices.Sorted(slices.Values(q.Scopes)) {
		for _, value := range slices.Sorted(slices.Values(values)) {
			merged = append(merged, q.lists(scope, value))
		}
	}
	return merged
}

func (q Query) lists(scope, anyOf string) []string {
	var lists []string
	if q.AnyOf.Filter != "" {
		lists = append(lists, listKey(scope, q.AnyOf.Filter, anyOf))
	}
	for filter, value := range q.Filters {
		if value != "" {
			lists = append(lists, listKey(scope, filter, value))
		}
	}
	if lists == nil {
		return []string{listKey(scope, "", "")}
	}
	slices.Sort(lists)
	return lists
}

// sortLimit returns the Sort that separates aggregates created before t from the
// others.
func sortLimit(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	ms := t.UnixMilli()
	if t.After(time.UnixMilli(ms)) {
		ms++
	}
	return sortTime(min(max(ms, 0), 1<<48-1))
}

// CursorAfter returns the cursor that continues a query after an aggregate.
func (q Query) CursorAfter(created time.Time, id string) string {
	return q.encodeCursor(sortKey(created, id))
}

const sumSize = 12

// encodeCursor returns a position with a checksum of position and query. It detects
// cursors that were altered or belong to another query. The checksum has no key: a
// forged cursor gives access to nothing beyond the query.
func (q Query) encodeCursor(sort string) string {
	sum := q.sum(sort)
	return base64.RawURLEncoding.EncodeToString(append(sum[:sumSize:sumSize], sort...))
}

func (q Query) decodeCursor() (sort string, err error) {
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
	return "", fault.New(fault.Malformed, "the cursor does not belong to this list").With(fault.Detail{
		Path: "cursor", Code: "format", Message: "must be the nextCursor of the previous page, with the same filters and order",
	})
}

func (q Query) sum(sort string) [sha256.Size]byte {
	parts := []any{slices.Concat(q.merged()...), q.Order == OldestFirst, sort}
	if !q.From.IsZero() || !q.Until.IsZero() {
		parts = append(parts, sortLimit(q.From), sortLimit(q.Until))
	}
	data, err := json.Marshal(parts)
	if err != nil {
		panic(err) // strings and a bool always marshal
	}
	return sha256.Sum256(data)
}
