package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/outbox"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/wire"
)

// write is a write to a table.
type write struct {
	*table
	tx
}

// exec runs a statement, in which # is replaced by the table's name, and returns
// the number of changed rows.
func (x write) exec(query string, args ...any) (int64, error) {
	return x.run(x.named(query), args...)
}

// inTransaction runs f in a transaction. f may run more than once; only the last run is
// committed.
func (t *table) inTransaction(ctx context.Context, f func(write) error) error {
	return t.transact(ctx, false, f)
}

// withoutSavepoint is inTransaction for an f that can fail only with the database.
func (t *table) withoutSavepoint(ctx context.Context, f func(write) error) error {
	return t.transact(ctx, true, f)
}

func (t *table) transact(ctx context.Context, noSavepoint bool, f func(write) error) error {
	if _, err := t.stmt(ctx, "SELECT 1 FROM # WHERE 0"); err != nil { // creates the tables
		return err
	}
	return t.db.writer.inTransaction(ctx, noSavepoint, func(x tx) error { return f(write{t, x}) })
}

// Insert implements store.Table.
func (t *table) Insert(ctx context.Context, records ...store.Insertion) ([]error, error) {
	errs, lease := make([]error, len(records)), leaseEnd() // not later than the stored one
	err := t.insertAll(ctx, records, errs)
	if err != nil {
		return nil, err
	}
	for i, r := range records {
		if errs[i] == nil && len(r.Events) > 0 {
			t.written.Send(outbox.Aggregate{ID: r.ID, Events: r.Events, Lease: lease})
		}
	}
	return errs, nil
}

// insertAll inserts the records with one savepoint. If one of them fails, each gets a savepoint of
// its own, which copies the changed pages each time.
func (t *table) insertAll(ctx context.Context, records []store.Insertion, errs []error) error {
	err := t.inTransaction(ctx, func(x write) error {
		for _, r := range records {
			if err := x.insert(r.Record, r.Events); err != nil {
				return err
			}
		}
		return nil
	})
	switch {
	case !store.IsRecordError(err):
		return err
	case len(records) == 1:
		errs[0] = err
		return nil
	}
	return t.withoutSavepoint(ctx, func(x write) (err error) {
		for i, r := range records {
			if errs[i], err = x.savepoint(func(tx) error { return x.insert(r.Record, r.Events) }); err != nil {
				return err
			}
		}
		return nil
	})
}

func (x write) insert(r store.Record, events []event.Envelope) error {
	k := keysOf(r)
	n, err := x.exec("INSERT INTO # (id, schema, version, sort, keys, doc) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
		r.ID, r.Schema, r.Version, r.Sort, k.text(), string(r.Doc))
	if err != nil {
		return err
	}
	if n == 0 {
		return store.ErrDuplicate(store.ID, nil)
	}
	if err := x.index(r.ID, keys{}, k); err != nil {
		return err
	}
	return x.addEvents(r.ID, events)
}

// Replace implements store.Table.
func (t *table) Replace(ctx context.Context, r store.Record, events []event.Envelope) error {
	return t.change(ctx, r.ID, r.Version-1, events, func(x write, previous keys) error {
		text, err := x.reindex(r, previous)
		if err == nil {
			_, err = x.exec("UPDATE # SET schema = ?, version = ?, sort = ?, keys = ?, doc = ? WHERE id = ?",
				r.Schema, r.Version, r.Sort, text, string(r.Doc), r.ID)
		}
		return err
	})
}

// Reindex implements store.Table.
func (t *table) Reindex(ctx context.Context, r store.Record) error {
	return t.change(ctx, r.ID, r.Version, nil, func(x write, previous keys) error {
		text, err := x.reindex(r, previous)
		if err == nil {
			_, err = x.exec("UPDATE # SET sort = ?, keys = ? WHERE id = ?", r.Sort, text, r.ID)
		}
		return err
	})
}

// reindex replaces the previous index entries of a record, and returns the current
// ones for the column keys.
func (x write) reindex(r store.Record, previous keys) (text string, err error) {
	k := keysOf(r)
	if r.Unique == nil {
		k.Unique = previous.Unique
	}
	return k.text(), x.index(r.ID, previous, k)
}

// Delete implements store.Table.
func (t *table) Delete(ctx context.Context, id string, version int64, events []event.Envelope) error {
	return t.change(ctx, id, version, events, func(x write, previous keys) error {
		if err := x.index(id, previous, keys{}); err != nil {
			return err
		}
		if _, err := x.exec("UPDATE # SET version = version + 1, deleted = 1, keys = '{}', doc = 'null' WHERE id = ?", id); err != nil || len(events) > 0 {
			return err
		}
		_, err := x.exec("DELETE FROM # WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM #_outbox WHERE id = ?1)", id) // otherwise Acknowledge removes it
		return err
	})
}

// change runs f and adds the events if the record has the version.
func (t *table) change(ctx context.Context, id string, version int64, events []event.Envelope, f func(write, keys) error) error {
	written := outbox.Aggregate{ID: id, Events: events, Lease: leaseEnd()} // not later than the stored one
	var waiting int                                                        // other events
	err := t.inTransaction(ctx, func(x write) error {
		var current int64
		var previous keys
		var text []byte
		s, err := x.statement(x.named("SELECT version, sort, keys, (SELECT count(*) FROM #_outbox WHERE id = r.id) FROM # r WHERE id = ? AND NOT deleted"))
		if err == nil {
			err = s.QueryRow(id).Scan(&current, &previous.sort, &text, &waiting)
		}
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return store.ErrNotFound(id)
		case err != nil:
			return failure(err)
		case current != version:
			return store.ErrStale(id)
		case waiting+len(events) > store.MaxWaiting:
			return store.ErrOutboxFull(id)
		}
		if err := wire.Unmarshal(text, &previous); err != nil {
			return err
		}
		if err := f(x, previous); err != nil {
			return err
		}
		return x.addEvents(id, events)
	})
	if err != nil || len(events) == 0 {
		return err
	}
	if waiting > 0 {
		written.Events = nil
	}
	t.written.Send(written)
	return nil
}

// addEvents adds events to the outbox, due after one lease.
func (x write) addEvents(id string, events []event.Envelope) error {
	if len(events) == 0 {
		return nil
	}
	for _, e := range events {
		data, err := wire.Marshal(e)
		if err != nil {
			return err
		}
		if _, err := x.exec("INSERT INTO #_outbox (id, event_id, event) VALUES (?, ?, ?)", id, e.ID, string(data)); err != nil {
			return err
		}
	}
	_, err := x.exec("INSERT INTO #_due (id, at) VALUES (?, ?) ON CONFLICT DO UPDATE SET at = excluded.at", id, leaseEnd().UnixMilli())
	return err
}

func leaseEnd() time.Time { return time.Now().Add(outbox.Lease) }

// Acknowledge implements outbox.Source. It removes the due time of an
// aggregate without events, and the whole aggregate if it is deleted.
func (t *table) Acknowledge(ctx context.Context, events []outbox.Published) error {
	pairs := make([][2]string, len(events))
	for i, e := range events {
		pairs[i] = [2]string{e.ID, e.Event}
	}
	return t.withoutSavepoint(ctx, func(x write) error {
		for _, query := range []string{
			"DELETE FROM #_outbox WHERE n IN (SELECT o.n FROM json_each(?) e CROSS JOIN #_outbox o ON o.id = e.value ->> 0 AND o.event_id = e.value ->> 1)",
			"DELETE FROM #_due AS d WHERE id IN (SELECT value ->> 0 FROM json_each(?)) AND NOT EXISTS (SELECT 1 FROM #_outbox WHERE id = d.id)",
			"DELETE FROM # AS r WHERE id IN (SELECT value ->> 0 FROM json_each(?)) AND deleted AND NOT EXISTS (SELECT 1 FROM #_outbox WHERE id = r.id)",
		} {
			if _, err := x.exec(query, jsonArray(pairs)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Claim implements outbox.Source.
func (t *table) Claim(ctx context.Context, due []outbox.ExpiredLease, until time.Time) (claimed []string, err error) {
	pairs := make([][2]any, len(due))
	for i, d := range due {
		pairs[i] = [2]any{d.ID, d.At.UnixMilli()}
	}
	err = t.withoutSavepoint(ctx, func(x write) error {
		claimed = nil
		query := "UPDATE #_due AS d SET at = ? FROM json_each(?) e WHERE d.id = e.value ->> 0 AND d.at = e.value ->> 1 RETURNING id"
		return x.rows(x.named(query), func(rows *sql.Rows) error {
			var id string
			err := rows.Scan(&id)
			claimed = append(claimed, id)
			return err
		}, until.UnixMilli(), jsonArray(pairs))
	})
	return claimed, err
}
