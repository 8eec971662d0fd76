package notification

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/idempotency"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
	"github.com/battery-passport/suite/pkg/wire"
)

// MaxCount is the maximum number of notifications that Stats counts.
const MaxCount = 1000

// Service manages notifications. It is safe for concurrent use. Callers, including admins,
// see only their own notifications; those of others are fault.NotFound. All methods fail
// with fault.Unavailable if the store does not respond.
type Service struct {
	Records     *store.Collection[Record]
	Accounts    *store.Collection[AccountProjection]
	Owners      *store.Collection[OwnerProjection]
	Tasks       *task.Queue
	Dispatchers []*Dispatcher // one per channel, except for the list
	Now         func() time.Time
	NewID       func() string
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

// List returns a page of the caller's notifications, newest first.
func (s *Service) List(ctx context.Context, f Filter, cursor string, limit int) (store.Page[Record], error) {
	return s.Records.List(ctx, store.Query{Scopes: []string{ownScope(auth.Caller(ctx).UserID)}, Filters: f.index(), Cursor: cursor, Limit: limit})
}

// Get returns a notification of the caller.
func (s *Service) Get(ctx context.Context, id string) (Record, error) {
	row, err := s.Records.Get(ctx, id)
	if fault.Is(err, fault.NotFound) || err == nil && !row.Doc.visible(ctx) {
		return Record{}, notFound(id)
	}
	return row.Doc, err
}

func (r *Record) visible(ctx context.Context) bool {
	return !r.Deleted && r.Recipient != "" && r.Recipient == auth.Caller(ctx).UserID
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
	for cursor := ""; ; {
		page, err := s.List(ctx, Filter{}, cursor, store.MaxLimit)
		if err != nil {
			return Stats{}, err
		}
		for _, row := range page.Rows {
			if stats.Total == MaxCount {
				return stats, nil
			}
			stats.Total++
			stats.ByStatus[row.Doc.Status]++
			stats.ByType[row.Doc.Type]++
			stats.Unread = stats.ByStatus[Unread]
		}
		if cursor = page.Next; cursor == "" {
			stats.Complete = true
			return stats, nil
		}
	}
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
	for cursor := ""; ; {
		page, err := s.List(ctx, Filter{Status: Unread}, cursor, store.MaxLimit)
		if err != nil {
			return marked, err
		}
		for _, row := range page.Rows {
			if _, err := s.MarkRead(ctx, row.ID); err != nil && !fault.Is(err, fault.NotFound) {
				return marked, err
			}
			marked++
		}
		if cursor = page.Next; cursor == "" {
			return marked, nil
		}
	}
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
		if !r.visible(ctx) {
			return store.Change{}, notFound(id)
		}
		return store.Change{}, change(r)
	})
	if fault.Is(err, fault.NotFound) {
		return Record{}, notFound(id)
	}
	return row.Doc, err
}

// Draft is a notification to be sent by an admin.
type Draft struct {
	Type           Type       `json:"type" enum:"email,system,alert,info,warning,error" doc:"email: sent by mail, and listed for the recipient or, if you give only an address, for you; all other types: listed for the recipient or, without a recipient, for all users"`
	EventType      string     `json:"eventType" enum:"passport.created,passport.published,passport.updated,passport.deleted,document.uploaded,document.deleted,user.registered,user.login,system.alert,general.info" doc:"event that the notification is about; general.info is for any other message"`
	Title          string     `json:"title,omitempty" maxLength:"200" doc:"one line of text; optional for user.login, system.alert and general.info, which have a default"`
	Message        string     `json:"message,omitempty" maxLength:"10000" doc:"text of any number of lines; optional in the same cases as title"`
	Recipient      string     `json:"recipient,omitempty" maxLength:"200" doc:"id of the account that gets the notification"`
	RecipientEmail string     `json:"recipientEmail,omitempty" maxLength:"254" doc:"email address to use instead of that of the recipient; only for type email"`
	Priority       Priority   `json:"priority,omitempty" enum:"low,medium,high,critical" default:"medium" doc:"priority of the notification"`
	Metadata       wire.Value `json:"metadata,omitempty" doc:"JSON object with any content, returned with the notification"`
}

// Create sends a notification to its recipient or, without a recipient, to all accounts.
// It returns the record of the recipient or, without a recipient, of the caller. It fails
// with fault.Invalid.
//
// If key is not empty, a repeated call with the same key does not send again, but
// completes a call that was interrupted; replayed is true. It fails with fault.Invalid if
// the key was used for another draft.
func (s *Service) Create(ctx context.Context, d Draft, key string) (sent Record, replayed bool, err error) {
	if err := s.check(ctx, d); err != nil {
		return Record{}, false, err
	}
	r, err := s.newRecord(d)
	if err != nil {
		return Record{}, false, err
	}
	caller := auth.Caller(ctx).UserID
	owner := cmp.Or(d.Recipient, caller)
	if key != "" {
		r.Event, r.Request = idempotency.ID("notification", caller, key), d.fingerprint()
		if replayed, err = s.claimKey(ctx, r); err != nil {
			return Record{}, false, err
		}
	}
	if d.Recipient == "" && d.Type != Email {
		err = s.eachAccountPage(ctx, "", func(ids []string) error {
			return s.add(ctx, r, append([]string{caller}, ids...), false)
		})
	} else {
		err = s.add(ctx, r, []string{owner}, d.Type == Email)
	}
	if err != nil {
		return Record{}, false, err
	}
	row, err := s.Records.Get(ctx, deriveID(r.Event, owner))
	if err == nil && key != "" {
		err = idempotency.Check(row.Doc.Request, r.Request) // earlier releases stored no claim
	}
	return row.Doc, replayed, err
}

// claimKey stores that a key belongs to a draft, and reports whether it did before. The claim
// is a record without recipient, whose id is derived from the caller and the key: the key
// must be refused for a draft with another recipient, too.
func (s *Service) claimKey(ctx context.Context, r Record) (replayed bool, err error) {
	claim := Record{ID: r.Event, Event: r.Event, Request: r.Request, Metadata: "{}", CreatedAt: r.CreatedAt}
	_, err = s.Records.Insert(ctx, claim.ID, claim)
	if !fault.Is(err, fault.Conflict) {
		return false, err
	}
	row, err := s.Records.Get(ctx, claim.ID)
	if err != nil {
		return false, err
	}
	return true, idempotency.Check(row.Doc.Request, r.Request)
}

// fingerprint identifies the content of a draft, independent of its JSON formatting.
func (d Draft) fingerprint() string {
	if d.Metadata != nil {
		d.Metadata = d.Metadata.Clone()
		_ = d.Metadata.Canonicalize() // check has verified that it is an object
	}
	data, err := wire.Marshal(d)
	if err != nil {
		panic(err) // not possible: a draft is decoded from JSON
	}
	return idempotency.Fingerprint(string(data))
}

// newRecord returns the record for a draft, without a recipient.
func (s *Service) newRecord(d Draft) (Record, error) {
	title, message := d.Title, strings.ReplaceAll(d.Message, "\r\n", "\n")
	defaultTitle, defaultMessage, err := render(d.EventType, payload{}, s.now())
	if err != nil {
		return Record{}, err
	}
	if title == "" {
		title = defaultTitle
	}
	if message == "" {
		message = defaultMessage
	}
	r := Record{
		Event: s.NewID(), Address: d.RecipientEmail, Type: d.Type, EventType: d.EventType, Title: title, Message: message,
		Priority: d.Priority, Status: Unread, Metadata: "{}", CreatedAt: s.now(),
	}
	if r.Priority == "" {
		r.Priority = Medium
	}
	if d.Metadata != nil {
		r.Metadata = string(d.Metadata)
	}
	return r, nil
}

// check reports the errors in a draft that its JSON schema does not cover.
func (s *Service) check(ctx context.Context, d Draft) error {
	var details []fault.Detail
	add := func(wrong bool, path, code, format string, args ...any) {
		if wrong {
			details = append(details, fault.Detail{Path: path, Code: code, Message: fmt.Sprintf(format, args...)})
		}
	}
	hasDefault := d.EventType == UserLogin || d.EventType == SystemAlert || d.EventType == GeneralInfo
	add(!hasDefault && strings.TrimSpace(d.Title) == "", "/title", "required", "is missing; it is required for %s", d.EventType)
	add(!hasDefault && strings.TrimSpace(d.Message) == "", "/message", "required", "is missing; it is required for %s", d.EventType)
	add(hasControl(d.Title), "/title", "format", "must be one line without control characters")
	add(hasControl(strings.NewReplacer("\r\n", "", "\n", "", "\t", "").Replace(d.Message)), "/message", "format", "must not have control characters")
	add(d.Metadata != nil && d.Metadata.Kind() != '{', "/metadata", "type", "must be a JSON object")
	add(d.Type == Email && d.Recipient == "" && d.RecipientEmail == "", "/recipient", "required", "is missing; the type email needs recipient or recipientEmail")
	add(d.Type != Email && d.RecipientEmail != "", "/recipientEmail", "unknownField", "is only allowed for the type email")
	if d.RecipientEmail != "" {
		details = append(details, checkAddress("/recipientEmail", d.RecipientEmail)...)
	}
	if d.Recipient != "" {
		_, err := s.Accounts.Get(ctx, d.Recipient)
		add(fault.Is(err, fault.NotFound), "/recipient", "unknown", "account %s not found", d.Recipient)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
	}
	if details != nil {
		return fault.New(fault.Invalid, "the notification is not valid").With(details...)
	}
	return nil
}
