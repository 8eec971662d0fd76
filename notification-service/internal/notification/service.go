package notification

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
)

// MaxCount is the maximum number of notifications that Stats counts.
const MaxCount = 1000

// Service manages notifications. It is safe for concurrent use. Callers, including admins,
// see only their own notifications; those of others are fault.NotFound. All methods fail
// with fault.Unavailable if the store does not respond.
type Service struct {
	Records       *store.Collection[Record]
	Accounts      *store.Collection[AccountProjection]
	Organisations *store.Collection[OrganisationProjection]
	Owners        *store.Collection[OwnerProjection]
	Budgets       *store.Collection[MailBudget]
	Audit         *store.Collection[AuditEntry]
	Tasks         *task.Queue
	Dispatchers   []*Dispatcher // one per channel, except for the list
	Files         BatchChannel  // text files, also in Dispatchers for those that could not be written at once; nil: none
	MailPerHour   int           // mails to a recipient in any hour
	PublicURL     string        // of the service, for links in mails; empty: mails have none
	Secrets       *store.Collection[Secret]
	Dates         DateStyle
	Now           func() time.Time
	NewID         func() string
	Log           *slog.Logger

	linkKey atomic.Pointer[[]byte] // of links to unsubscribe; nil: not read yet
}

func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

// Filter selects notifications. Empty fields match all.
type Filter struct {
	Type      Type
	Status    Status
	EventType string
	Priority  Priority
}

// index returns the values of the store index.
func (f Filter) index() map[string]string {
	return map[string]string{"type": string(f.Type), "status": string(f.Status), "eventType": f.EventType, "priority": string(f.Priority)}
}

// query returns the query of the caller's notifications, newest first.
func (f Filter) query(ctx context.Context) store.Query {
	return store.Query{Scopes: scopesOf(auth.Caller(ctx)), Filters: f.index(), Limit: store.MaxLimit}
}

// List returns a page of the caller's notifications, newest first.
func (s *Service) List(ctx context.Context, f Filter, cursor string, limit int) (store.Page[Record], error) {
	q := f.query(ctx)
	q.Cursor, q.Limit = cursor, limit
	return s.Records.List(ctx, q)
}

// Get returns a notification of the caller.
func (s *Service) Get(ctx context.Context, id string) (Record, error) {
	row, err := s.Records.Get(ctx, id)
	if fault.Is(err, fault.NotFound) || err == nil && !row.Doc.visible(auth.Caller(ctx)) {
		return Record{}, notFound(id)
	}
	return row.Doc, err
}

func notFound(id string) error { return fault.New(fault.NotFound, "notification %s not found", id) }

// Stats are counts of the caller's notifications.
type Stats struct {
	Total    int            `json:"total" doc:"number of notifications, at most 1000"`
	Unread   int            `json:"unread" doc:"number of unread notifications"`
	ByStatus map[Status]int `json:"byStatus" doc:"number of notifications by status"`
	ByType   map[Type]int   `json:"byType" doc:"number of notifications by type"`
	Complete bool           `json:"complete" doc:"false if there are more than 1000 notifications; only the newest 1000 are counted"`
}

// Stats counts the newest 1000 notifications of the caller.
func (s *Service) Stats(ctx context.Context) (Stats, error) {
	stats := Stats{ByStatus: map[Status]int{Unread: 0, Read: 0}, ByType: map[Type]int{}}
	for row, err := range s.Records.All(ctx, Filter{}.query(ctx)) {
		if err != nil {
			return Stats{}, err
		}
		if stats.Total == MaxCount {
			return stats, nil
		}
		stats.Total++
		stats.ByStatus[row.Doc.Status]++
		stats.ByType[row.Doc.Type]++
		stats.Unread = stats.ByStatus[Unread]
	}
	stats.Complete = true
	return stats, nil
}

// MarkRead marks a notification as read. ReadAt is the time of the first call.
func (s *Service) MarkRead(ctx context.Context, id string) (Record, error) {
	return s.change(ctx, id, func(r *Record) error {
		if r.Status == Read {
			return store.ErrNoChange
		}
		r.Status, r.ReadAt = Read, s.now()
		return nil
	})
}

// MarkAllRead marks all notifications of the caller as read. It returns the number of those
// that were unread.
func (s *Service) MarkAllRead(ctx context.Context) (int, error) {
	marked := 0
	for row, err := range s.Records.All(ctx, Filter{Status: Unread}.query(ctx)) {
		if err == nil {
			_, err = s.MarkRead(ctx, row.ID)
		}
		if err != nil && !fault.Is(err, fault.NotFound) {
			return marked, err
		}
		marked++
	}
	return marked, nil
}

// Delete removes a notification from the caller's list. Pending deliveries are still made.
func (s *Service) Delete(ctx context.Context, id string) error {
	_, err := s.change(ctx, id, func(r *Record) error {
		r.Deleted = true
		r.clearDeleted()
		return nil
	})
	return err
}

func (s *Service) change(ctx context.Context, id string, change func(*Record) error) (Record, error) {
	row, err := s.Records.Update(ctx, id, func(r *Record) (store.Change, error) {
		if !r.visible(auth.Caller(ctx)) {
			return store.Change{}, notFound(id)
		}
		return store.Change{}, change(r)
	})
	if fault.Is(err, fault.NotFound) {
		return Record{}, notFound(id)
	}
	return row.Doc, err
}
