package audit

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
	"github.com/battery-passport/suite/pkg/wire"
)

// Log stores the entries. It is safe for concurrent use once its fields are set.
//
// The newest entry of a record is stored in the record, together with its change; Next
// moves the previous one to the log. So no entry is lost when the process is killed.
type Log struct {
	Entries *store.Collection[Entry]
	Now     func() time.Time
	Log     *slog.Logger

	// AppendNewest are functions that append the newest entries of the records that a
	// filter selects, in case the process was killed before Append.
	AppendNewest []func(ctx context.Context, f Filter) error

	mu      sync.Mutex
	pending map[string]Entry // counted entries that are not stored yet, by id
}

// New returns the log in db.
func New(db store.DB, now func() time.Time, log *slog.Logger) *Log {
	return &Log{Entries: store.Open(db, Schema()), Now: now, Log: log}
}

// Next completes the entry of a change with time, caller and origin, replaces *last by it,
// and returns the record of the previous one, to store with the change.
func (l *Log) Next(ctx context.Context, last *Entry, e Entry) []store.HistoryRecord {
	var history []store.HistoryRecord
	if last.Action != "" {
		history = append(history, store.HistoryOf(l.Entries, last.id(), *last))
	}
	*last = l.complete(ctx, e)
	return history
}

func (l *Log) complete(ctx context.Context, e Entry) Entry {
	o := OriginOf(ctx)
	e.At, e.By, e.From, e.RequestID = l.Now().UTC().Truncate(time.Millisecond), auth.Caller(ctx).UserID, o.Address, o.RequestID
	e.Provider = o.Provider
	return e
}

// Append appends the newest entry of a record at once. If that fails, the next change of
// the record or a list of its entries does it.
func (l *Log) Append(ctx context.Context, e Entry) {
	if err := l.Ensure(ctx, e); err != nil {
		l.Log.WarnContext(ctx, "audit entry not appended yet, will retry", "entry", e.id(), "err", err)
	}
}

// Ensure appends an entry, unless the log contains it. It ignores the zero entry, which the
// records of releases without audit have.
func (l *Log) Ensure(ctx context.Context, e Entry) error {
	if e.Action == "" {
		return nil
	}
	_, err := l.Entries.Insert(ctx, e.id(), e)
	if fault.Is(err, fault.Conflict) {
		return nil
	}
	return err
}

// Filter selects entries; an empty member selects all.
type Filter struct {
	Account      string
	By           string // id of the account that made the change
	Organisation string
	Client       string
	Action       Action
	From, Until  time.Time // At is From or later, and before Until
}

// List returns a page of the entries, newest first. For an account or an organisation the
// list is complete; without, the newest entry of a record is missing if the process was
// killed before Append. It fails with fault.Malformed if the cursor belongs to another
// list.
func (l *Log) List(ctx context.Context, f Filter, cursor string, limit int) (store.Page[Entry], error) {
	if cursor == "" {
		l.Flush(ctx)
		for _, appendNewest := range l.AppendNewest {
			if err := appendNewest(ctx, f); err != nil {
				return store.Page[Entry]{}, err
			}
		}
	}
	return l.Entries.List(ctx, store.Query{
		Scopes: []string{store.All}, Cursor: cursor, Limit: limit, From: f.From, Until: f.Until,
		Filters: map[string]string{filterAccount: f.Account, filterBy: f.By, filterOrganisation: f.Organisation, filterAction: string(f.Action), filterClient: f.Client},
	})
}

const reindexInterval = 24 * time.Hour

// Tasks returns the background tasks of the log: one writes the current indexes of the
// entries of earlier releases, one page per run.
func (l *Log) Tasks() []task.Kind {
	return []task.Kind{{Name: "audit.reindex", Every: reindexInterval, Run: func(ctx context.Context, t task.Task) error {
		var cursor string
		if t.Data != nil {
			if err := wire.Unmarshal(t.Data, &cursor); err != nil {
				return err
			}
		}
		page, err := l.Entries.Reindex(ctx, store.ReindexQuery[Entry]{Scope: store.All, Cursor: cursor})
		if err != nil || page.Next == "" {
			return err
		}
		return task.Continue(page.Next)
	}}}
}
