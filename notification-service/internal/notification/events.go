package notification

import (
	"context"
	"slices"
	"strings"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/trace"
	"github.com/battery-passport/suite/pkg/wire"
)

// Handle turns an event into notifications, once however often it comes. It
// fails with fault.Malformed or fault.Invalid when the event is wrong, which
// no further try makes right.
func (s *Service) Handle(ctx context.Context, e event.Envelope) error {
	p, err := read(e)
	if err != nil {
		return err
	}
	switch e.Type {
	case event.UserRegistered{}.Topic(), event.UserUpdated{}.Topic():
		account, err := accountOf(e, p)
		if err != nil {
			return err
		}
		if err := s.upsertAccount(ctx, account); err != nil {
			return err
		}
		if e.Type == (event.UserUpdated{}).Topic() {
			return nil // the original has no words for it
		}
	}
	concerned, err := s.concerned(ctx, e.Type, p)
	if err != nil {
		return err
	}
	return s.notify(ctx, e, p, concerned)
}

// concerned returns whom an event is about, and keeps it for later events of
// the same subject: the account itself, or who created the passport or uploaded
// the document, or else who did what happened. It is empty where none is told.
func (s *Service) concerned(ctx context.Context, eventType string, p payload) (string, error) {
	key := subjectKey(eventType)
	if key == "userId" {
		return p.string(key), nil
	}
	subject := key + ":" + p.string(key)
	for _, owner := range ownerKeys {
		if user := p.string(owner); user != "" && key != "" {
			_, err := s.Owners.Insert(ctx, subject, OwnerProjection{UserID: user})
			if fault.Is(err, fault.Conflict) {
				err = nil
			}
			return user, err
		}
	}
	row, err := s.Owners.Get(ctx, subject)
	if !fault.Is(err, fault.NotFound) {
		return row.Doc.UserID, err
	}
	for _, actor := range actorKeys {
		if user := p.string(actor); user != "" {
			return user, nil
		}
	}
	return "", nil
}

// notify adds a notification for the account concerned and for every admin.
// Those that exist already stay as they are.
func (s *Service) notify(ctx context.Context, e event.Envelope, p payload, concerned string) error {
	title, message, err := render(e.Type, p, s.now())
	if err != nil {
		return err
	}
	metadata, err := metadataOf(e, p)
	if err != nil {
		return err
	}
	var recipients []string
	if concerned != "" {
		recipients = append(recipients, concerned)
	}
	err = s.accounts(ctx, auth.Admin, func(admins []string) error {
		recipients = append(recipients, admins...)
		return nil
	})
	if err != nil {
		return err
	}
	return s.add(ctx, Record{
		Event: derived(e.Source, e.ID), Type: System, EventType: oneLine(e.Type), Title: title, Message: message,
		Priority: Medium, Status: Unread, Metadata: metadata, CreatedAt: e.Time.UTC(),
	}, recipients, true)
}

// add inserts the record for each recipient, the first with the file of the
// event. Without recipients the file alone is written. It is idempotent: of
// records that exist, the tasks are enqueued that do not exist yet.
func (s *Service) add(ctx context.Context, r Record, recipients []string, byMail bool) error {
	if len(recipients) == 0 {
		recipients, byMail = []string{""}, false
	}
	r.Traceparent = trace.FromContext(ctx)
	var records []*Record
	for i, user := range recipients {
		one := r
		one.ID, one.Recipient = derived(r.Event, user), user
		if slices.ContainsFunc(records, func(r *Record) bool { return r.ID == one.ID }) {
			continue
		}
		one.Deliveries = s.deliveries(&one, byMail, i == 0)
		records = append(records, &one)
	}
	if err := s.awaitAddresses(ctx, records); err != nil {
		return err
	}
	if err := s.insert(ctx, records); err != nil {
		return err
	}
	if err := s.enqueue(ctx, records...); err != nil {
		return err
	}
	for _, r := range records {
		if err := s.releaseLearned(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// insert stores records. Those that exist already are left as they are: the event
// was delivered before.
func (s *Service) insert(ctx context.Context, records []*Record) error {
	writes := make([]store.Write[Record], len(records))
	for i, r := range records {
		writes[i] = store.Write[Record]{ID: r.ID, Doc: *r}
	}
	errs, err := s.Records.InsertMany(ctx, writes)
	if err != nil {
		return err
	}
	for _, err := range errs {
		if err != nil && !fault.Is(err, fault.Conflict) {
			return err
		}
	}
	return nil
}

// releaseLearned sends the mail of a record whose address became known while
// the record was inserted.
func (s *Service) releaseLearned(ctx context.Context, r *Record) error {
	if !r.AwaitsAddress {
		return nil
	}
	row, err := s.Accounts.Get(ctx, r.Recipient)
	if fault.Is(err, fault.NotFound) || err == nil && row.Doc.Email == "" {
		return nil
	}
	if err != nil {
		return err
	}
	return s.release(ctx, r.Recipient)
}

// metadataOf is what the original keeps with a notification: what the event is
// about, who did it, and the event itself.
func metadataOf(e event.Envelope, p payload) (string, error) {
	m := map[string]wire.Value{"eventData": e.Data}
	for key, value := range p {
		if slices.Contains(ownerKeys, key) || slices.Contains(actorKeys, key) || key != "" && key == subjectKey(e.Type) {
			m[key] = value
		}
	}
	data, err := wire.Marshal(m)
	return strings.TrimSpace(string(data)), err
}
