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

// Counted is the most notifications that Stats counts.
const Counted = 1000

// Service is what can be done with notifications. It is safe for concurrent
// use. Everybody sees their own, admins too: a notification that is another's
// is fault.NotFound. Methods fail with fault.Unavailable when the store does
// not answer.
type Service struct {
	Records     *store.Collection[Record]
	Accounts    *store.Collection[AccountProjection]
	Owners      *store.Collection[OwnerProjection]
	Tasks       *task.Queue
	Dispatchers []*Dispatcher // of the channels other than the list
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

// index returns the filter as the store indexes it.
func (f Filter) index() map[string]string {
	return map[string]string{"type": string(f.Type), "status": string(f.Status), "eventType": f.EventType, "priority": string(f.Priority)}
}

// List returns a page of the caller's notifications, the newest first.
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

func notFound(id string) error { return fault.New(fault.NotFound, "there is no notification %s", id) }

// Stats are numbers of the caller's notifications.
type Stats struct {
	Total    int            `json:"total"`
	Unread   int            `json:"unread"`
	ByStatus map[Status]int `json:"byStatus"`
	ByType   map[Type]int   `json:"byType"`
	Complete bool           `json:"complete" doc:"false where there are more than the newest 1000, which alone are counted"`
}

// Stats counts the caller's notifications, up to the newest 1000.
func (s *Service) Stats(ctx context.Context) (Stats, error) {
	stats := Stats{ByStatus: map[Status]int{Unread: 0, Read: 0}, ByType: map[Type]int{}}
	for cursor := ""; ; {
		page, err := s.List(ctx, Filter{}, cursor, store.MaxLimit)
		if err != nil {
			return Stats{}, err
		}
		for _, row := range page.Rows {
			if stats.Total == Counted {
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

// MarkRead marks a notification as read. The time of the first reading stays.
func (s *Service) MarkRead(ctx context.Context, id string) (Record, error) {
	return s.change(ctx, id, func(r *Record) error {
		if r.Status == Read {
			return store.ErrNoChange
		}
		r.Status, r.ReadAt = Read, s.now()
		return nil
	})
}

// MarkAllRead marks all of the caller's notifications as read and returns how
// many were not.
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

// Delete takes a notification out of the caller's list. What of it is still to
// be delivered is.
func (s *Service) Delete(ctx context.Context, id string) error {
	_, err := s.change(ctx, id, func(r *Record) error {
		r.Deleted = true
		r.tidy()
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

// Draft is a notification that an admin sends.
type Draft struct {
	Type           Type       `json:"type" enum:"email,system,alert,info,warning,error" doc:"email goes by mail to one recipient; any other is put in the list of the recipient, or of everybody"`
	EventType      string     `json:"eventType" enum:"passport.created,passport.published,passport.updated,passport.deleted,document.uploaded,document.deleted,user.registered,user.login,system.alert,general.info"`
	Title          string     `json:"title,omitempty" maxLength:"200" doc:"one line; may be left out for user.login, system.alert and general.info, which have words of their own"`
	Message        string     `json:"message,omitempty" maxLength:"10000" doc:"as title"`
	Recipient      string     `json:"recipient,omitempty" maxLength:"200" doc:"id of an account"`
	RecipientEmail string     `json:"recipientEmail,omitempty" maxLength:"254" doc:"address of a mail, where it is not that of the recipient"`
	Priority       Priority   `json:"priority,omitempty" enum:"low,medium,high,critical" default:"medium"`
	Metadata       wire.Value `json:"metadata,omitempty" doc:"an object of your own"`
}

// Create sends a notification: to the recipient, by mail where its type is
// email, and else to everybody known. It returns the record of the recipient,
// or that of the caller. It fails with fault.Invalid.
//
// With a key it sends once, and again tells that it was sent before: what was
// left undone then is done now. It fails with fault.Invalid too when the key was
// used for another draft.
func (s *Service) Create(ctx context.Context, d Draft, key string) (sent Record, again bool, err error) {
	if err := s.check(ctx, d); err != nil {
		return Record{}, false, err
	}
	r, err := s.recordOf(d)
	if err != nil {
		return Record{}, false, err
	}
	caller := auth.Caller(ctx).UserID
	owner := cmp.Or(d.Recipient, caller)
	if key != "" {
		r.Event, r.Request = idempotency.ID("notification", caller, key), d.sum()
		if again, err = s.claim(ctx, r); err != nil {
			return Record{}, false, err
		}
	}
	if d.Recipient == "" && d.Type != Email {
		err = s.accounts(ctx, "", func(everybody []string) error {
			return s.add(ctx, r, append([]string{caller}, everybody...), false)
		})
	} else {
		err = s.add(ctx, r, []string{owner}, d.Type == Email)
	}
	if err != nil {
		return Record{}, false, err
	}
	row, err := s.Records.Get(ctx, derived(r.Event, owner))
	if err == nil && key != "" {
		err = idempotency.Check(row.Doc.Request, r.Request) // releases before made it without a claim
	}
	return row.Doc, again, err
}

// claim stores which draft a key is for, and tells whether that was there. It is
// a record in nobody's list, whose id comes of the caller and the key alone: the
// recipient is a part of the draft.
func (s *Service) claim(ctx context.Context, r Record) (again bool, err error) {
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

// sum is that of a draft, however its JSON was written.
func (d Draft) sum() string {
	if d.Metadata != nil {
		d.Metadata = d.Metadata.Clone()
		_ = d.Metadata.Canonicalize() // it was checked to be an object
	}
	data, err := wire.Marshal(d)
	if err != nil {
		panic(err) // it was read from JSON
	}
	return idempotency.Fingerprint(string(data))
}

// recordOf is what a draft becomes, for no recipient yet.
func (s *Service) recordOf(d Draft) (Record, error) {
	title, message := d.Title, strings.ReplaceAll(d.Message, "\r\n", "\n")
	ownTitle, ownMessage, err := render(d.EventType, payload{}, s.now())
	if err != nil {
		return Record{}, err
	}
	if title == "" {
		title = ownTitle
	}
	if message == "" {
		message = ownMessage
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

// check tells all that is wrong with a draft, beyond what its schema says.
func (s *Service) check(ctx context.Context, d Draft) error {
	var details []fault.Detail
	add := func(wrong bool, path, code, format string, args ...any) {
		if wrong {
			details = append(details, fault.Detail{Path: path, Code: code, Message: fmt.Sprintf(format, args...)})
		}
	}
	own := d.EventType == UserLogin || d.EventType == SystemAlert || d.EventType == GeneralInfo
	add(!own && strings.TrimSpace(d.Title) == "", "/title", "required", "is needed for %s", d.EventType)
	add(!own && strings.TrimSpace(d.Message) == "", "/message", "required", "is needed for %s", d.EventType)
	add(hasControl(d.Title), "/title", "format", "has a control character, or more than one line")
	add(hasControl(strings.NewReplacer("\r\n", "", "\n", "", "\t", "").Replace(d.Message)), "/message", "format", "has a control character")
	add(d.Metadata != nil && d.Metadata.Kind() != '{', "/metadata", "type", "has to be an object")
	add(d.Type == Email && d.Recipient == "" && d.RecipientEmail == "", "/recipient", "required", "is needed for mail, or recipientEmail")
	add(d.Type != Email && d.RecipientEmail != "", "/recipientEmail", "unknownField", "is for the type email")
	if d.RecipientEmail != "" {
		details = append(details, checkAddress("/recipientEmail", d.RecipientEmail)...)
	}
	if d.Recipient != "" {
		_, err := s.Accounts.Get(ctx, d.Recipient)
		add(fault.Is(err, fault.NotFound), "/recipient", "unknown", "is no account that is known here")
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
	}
	if details != nil {
		return fault.New(fault.Invalid, "the notification was not sent").With(details...)
	}
	return nil
}
