package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/outbox"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/wire"
)

// named replaces # in a query by the name of the table.
func named(query, table string) string { return strings.ReplaceAll(query, "#", table) }

func (t *table) named(query string) string { return named(query, t.name) }

const columns = "r.id, r.schema, r.version, r.sort, r.doc"

// Get implements store.Table.
func (t *table) Get(ctx context.Context, id string) (store.Record, error) {
	return t.one(ctx, id, "SELECT "+columns+" FROM # r WHERE r.id = ? AND NOT r.deleted", id)
}

// GetBy implements store.Table.
func (t *table) GetBy(ctx context.Context, index, value string) (store.Record, error) {
	return t.one(ctx, value, "SELECT "+columns+" FROM #_unique u JOIN # r ON r.id = u.id WHERE u.name = ? AND u.value = ?", index, value)
}

// Version implements store.Table.
func (t *table) Version(ctx context.Context, id string) (version int64, err error) {
	s, err := t.stmt(ctx, "SELECT version FROM # WHERE id = ? AND NOT deleted")
	if err != nil {
		return 0, err
	}
	err = s.QueryRowContext(uncancelable(ctx), id).Scan(&version)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, store.ErrNotFound(id)
	}
	return version, failure(err)
}

// VersionBy implements store.Table.
func (t *table) VersionBy(ctx context.Context, index, value string) (id string, version int64, err error) {
	s, err := t.stmt(ctx, "SELECT r.id, r.version FROM #_unique u JOIN # r ON r.id = u.id WHERE u.name = ? AND u.value = ?")
	if err != nil {
		return "", 0, err
	}
	err = s.QueryRowContext(uncancelable(ctx), index, value).Scan(&id, &version)
	if errors.Is(err, sql.ErrNoRows) {
		return "", 0, store.ErrNotFound(value)
	}
	return id, version, failure(err)
}

// IDsBy implements store.Table.
func (t *table) IDsBy(ctx context.Context, index string, values []string) (map[string]string, error) {
	if err := failure(ctx.Err()); err != nil {
		return nil, err
	}
	ids := map[string]string{}
	err := t.each(uncancelable(ctx), "SELECT u.value, u.id FROM json_each(?) v CROSS JOIN #_unique u ON u.name = ? AND u.value = v.value", func(rows *sql.Rows) error {
		var value, id string
		err := rows.Scan(&value, &id)
		ids[value] = id
		return err
	}, jsonArray(values), index)
	return ids, err
}

func (t *table) one(ctx context.Context, name, query string, args ...any) (store.Record, error) {
	s, err := t.stmt(ctx, query)
	if err == nil {
		err = failure(ctx.Err())
	}
	if err != nil {
		return store.Record{}, err
	}
	r, err := scan(s.QueryRowContext(uncancelable(ctx), args...))
	if errors.Is(err, sql.ErrNoRows) {
		return r, store.ErrNotFound(name)
	}
	return r, failure(err)
}

// uncancelable returns a context for short reads. For a context that can end,
// database/sql and the driver would each start a goroutine that waits for the end,
// which takes as long as the read.
func uncancelable(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }

// scan reads a row of columns, and further ones into extra.
func scan(row interface{ Scan(...any) error }, extra ...any) (r store.Record, err error) {
	err = row.Scan(append([]any{&r.ID, &r.Schema, &r.Version, &r.Sort, (*[]byte)(&r.Doc)}, extra...)...)
	return r, err
}

// List implements store.Table.
func (t *table) List(ctx context.Context, q store.ListQuery) ([]store.Record, error) {
	query, args := listStatement(q)
	s, err := t.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := s.QueryContext(ctx, args...)
	if err != nil {
		return nil, failure(err)
	}
	defer rows.Close()
	var records []store.Record
	for size := 0; rows.Next() && (size <= q.Bytes || len(records) < 2); {
		var index int
		r, err := scan(rows, &index)
		if err != nil {
			return nil, failure(err)
		}
		r.Index = index
		records = append(records, r)
		size += len(r.Doc)
	}
	return records, failure(rows.Err())
}

// listStatement returns the SQL query of a list and its arguments.
func listStatement(q store.ListQuery) (query string, args []any) {
	// CROSS JOIN makes the list the outer loop: a page is one range of its primary key. The id
	// of the record is the end of its position.
	query = "SELECT " + columns + ", coalesce(r.keys ->> 'index', 0) FROM #_list l CROSS JOIN # r ON r.id = substr(l.sort, instr(l.sort, '.') + 1) WHERE l.name = ?"
	args = []any{shortName(q.Lists[0])}
	for _, key := range q.Lists[1:] {
		query += " AND EXISTS (SELECT 1 FROM #_list WHERE name = ? AND sort = l.sort)"
		args = append(args, shortName(key))
	}
	query += " AND l.sort > ? AND l.sort < ? ORDER BY l.sort"
	if !q.Ascending {
		query += " DESC"
	}
	return query + " LIMIT ?", append(args, q.Above, cmp.Or(q.Below, "~"), q.Limit)
}

// Count implements store.Table.
func (t *table) Count(ctx context.Context, q store.ListQuery) (n int, err error) {
	s, err := t.stmt(ctx, "SELECT count(*) FROM (SELECT 1 FROM #_list WHERE name = ? AND sort > ? AND sort < ? LIMIT ?)")
	if err == nil {
		err = failure(s.QueryRowContext(ctx, shortName(q.Lists[0]), q.Above, cmp.Or(q.Below, "~"), q.Limit).Scan(&n))
	}
	return n, err
}

// Notify implements outbox.Source.
func (t *table) Notify() <-chan outbox.Aggregate { return t.written }

// Waiting implements outbox.Source.
func (t *table) Waiting(ctx context.Context, ids []string, limit int) (map[string][]event.Envelope, error) {
	waiting, n, current := map[string][]event.Envelope{}, 0, 0 // current: index in ids
	errLimit := errors.New("limit reached")
	err := t.each(ctx, "SELECT i.key, o.event FROM json_each(?) i CROSS JOIN #_outbox o ON o.id = i.value ORDER BY i.key, o.n LIMIT ?", func(rows *sql.Rows) error {
		var data []byte
		var next int
		var e event.Envelope
		if err := rows.Scan(&next, &data); err != nil {
			return err
		}
		if next > current && n >= limit {
			ids = ids[:next]
			return errLimit
		}
		n, current = n+1, next
		if err := wire.Unmarshal(data, &e); err != nil {
			return err
		}
		waiting[ids[current]] = append(waiting[ids[current]], e)
		return nil
	}, jsonArray(ids), limit+store.MaxWaiting) // the last aggregate is complete within MaxWaiting events
	if err != nil && !errors.Is(err, errLimit) {
		return nil, err
	}
	for _, id := range ids { // aggregates without events
		if _, ok := waiting[id]; !ok {
			waiting[id] = nil
		}
	}
	return waiting, nil
}

// jsonArray encodes values as a JSON array, to pass them as one SQL argument.
func jsonArray[T any](values []T) string {
	data, err := wire.Marshal(values)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return string(data)
}

// Expired implements outbox.Source.
func (t *table) Expired(ctx context.Context, now time.Time, limit int) ([]outbox.ExpiredLease, error) {
	var due []outbox.ExpiredLease
	err := t.each(ctx, "SELECT id, at FROM #_due WHERE at < ? ORDER BY at LIMIT ?", func(rows *sql.Rows) error {
		var d outbox.ExpiredLease
		var at int64
		if err := rows.Scan(&d.ID, &at); err != nil {
			return err
		}
		d.At = time.UnixMilli(at)
		due = append(due, d)
		return nil
	}, now.UnixMilli(), limit)
	return due, err
}

// Backlog implements outbox.Source.
func (t *table) Backlog(ctx context.Context) (outbox.Backlog, error) {
	var b outbox.Backlog
	err := t.each(ctx, "SELECT e.event FROM (SELECT id FROM #_due ORDER BY at LIMIT ?) d JOIN #_outbox e ON e.id = d.id", func(rows *sql.Rows) error {
		var data []byte
		var e event.Envelope
		if err := rows.Scan(&data); err != nil {
			return err
		}
		b.Events++
		if err := wire.Unmarshal(data, &e); err != nil {
			return err
		}
		if b.Events == 1 || e.Time.Before(b.Oldest) {
			b.Oldest = e.Time
		}
		return nil
	}, outbox.MaxBacklog)
	return b, err
}

func (t *table) each(ctx context.Context, query string, f func(*sql.Rows) error, args ...any) error {
	s, err := t.stmt(ctx, query)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(ctx, args...)
	return each(rows, err, f)
}

// each calls f for each row of a query, or returns the error of the query.
func each(rows *sql.Rows, err error, f func(*sql.Rows) error) error {
	if err != nil {
		return failure(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return failure(err)
		}
	}
	return failure(rows.Err())
}
