package notification

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/idempotency"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/wire"
)

// Draft is a notification to be sent by an admin.
type Draft struct {
	Type           Type       `json:"type" enum:"email,system,alert,info,warning,error" doc:"email: sent by mail, and listed for the recipient or, if you give only an address, for you; all other types: listed for the recipient or, without a recipient, for all users"`
	EventType      string     `json:"eventType" enum:"passport.created,passport.published,passport.updated,passport.deleted,passport.importFinished,document.uploaded,document.updated,document.deleted,user.registered,user.login,system.alert,general.info" doc:"event that the notification is about; general.info is for any other message"`
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
	if err = s.recordSent(ctx, r, d); err == nil { // an entry without a notification is harmless
		err = s.send(ctx, r, d, owner)
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

// send adds the notification of a draft for its owner or, without a recipient, for all
// accounts.
func (s *Service) send(ctx context.Context, r Record, d Draft, owner string) error {
	a, err := s.account(ctx, owner)
	if err != nil {
		return err
	}
	byMail := func(AccountProjection) bool { return d.Type == Email }
	if !d.toAll() {
		return s.add(ctx, s.recordsFor(ctx, r, recipients{{AccountProjection: a}}, byMail))
	}
	for page, err := range s.Accounts.Pages(ctx, store.Query{Scopes: []string{store.All}, Order: store.OldestFirst, Limit: store.MaxLimit}) {
		to := recipients{{AccountProjection: a}} // the first recipient has the text file
		for _, row := range page.Rows {
			to.add(row.Doc)
		}
		if err == nil {
			err = s.add(ctx, s.recordsFor(ctx, r, to, byMail))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// toAll reports whether the draft is sent to all accounts.
func (d Draft) toAll() bool { return d.Recipient == "" && d.Type != Email }

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
	title, message, now := d.Title, strings.ReplaceAll(d.Message, "\r\n", "\n"), s.now()
	defaultTitle, defaultMessage, err := render(d.EventType, payload{}, now, s.Dates)
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
		Priority: d.Priority, Status: Unread, Metadata: "{}", CreatedAt: now,
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
