package store

import (
	"context"
	"fmt"

	"github.com/battery-passport/suite/pkg/fault"
)

// Reindex migrates the stored aggregates of a scope that have an earlier schema
// version: it writes their documents, lists and unique values in the current form.
// Their versions and events stay unchanged. It returns the ids of those whose new unique
// values another aggregate has: they keep the earlier form, as do unreadable ones.
func (c *Collection[T]) Reindex(ctx context.Context, scope string) (conflicts []string, err error) {
	q := ListQuery{Lists: []string{listKey(scope, "", "")}, Ascending: true, Limit: MaxLimit, Bytes: pageBytes}
	for {
		records, err := c.table.List(ctx, q)
		if err != nil {
			return conflicts, fmt.Errorf("list %s: %w", c.schema.Name, err)
		}
		for _, r := range records {
			switch err := c.reindex(ctx, r); {
			case fault.Is(err, fault.Conflict):
				conflicts = append(conflicts, r.ID)
			case fault.Is(err, fault.NotFound), fault.Is(err, fault.Stale): // deleted or written since it was listed
			case err != nil:
				return conflicts, fmt.Errorf("reindex %s: %w", c.schema.Name, err)
			}
			q.Above = r.Sort
		}
		if len(records) == 0 {
			return conflicts, nil
		}
	}
}

func (c *Collection[T]) reindex(ctx context.Context, r Record) error {
	if r.Err != nil || r.Schema >= c.schema.Version {
		return nil
	}
	var doc T
	if c.schema.decode(r, &doc) != nil {
		return nil // reads report it
	}
	current, err := c.schema.record(r.ID, r.Version, &doc)
	if err != nil {
		return err
	}
	ctx, cancel := detach(ctx)
	defer cancel()
	return c.table.Reindex(ctx, current)
}
