package notification

import (
	"context"
	"slices"
	"strings"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/trace"
	"github.com/battery-passport/suite/pkg/wire"
)

// Handle creates the notifications for an event. It is idempotent. It fails with
// fault.Malformed or fault.Invalid if the event is wrong; retrying does not help then.
func (s *Service) Handle(ctx context.Context, e event.Envelope) error {
	p, err := parsePayload(e)
	if err == nil {
		err = checkOrigin(e, p)
	}
	if err != nil {
		return err
	}
	switch e.Type {
	case event.OrganisationUpdated{}.Topic():
		return s.upsertOrganisation(ctx, e, p)
	case event.UserRegistered{}.Topic(), event.UserUpdated{}.Topic(), event.UserDeleted{}.Topic():
		account, err := parseAccount(e, p)
		if err != nil {
			return err
		}
		if err := s.upsertAccount(ctx, e, account); err != nil {
			return err
		}
		if e.Type != (event.UserRegistered{}).Topic() {
			return nil // these event types have no notification
		}
	}
	if p.string(importKey) != "" && subjectKey(e.Type) != importKey {
		_, err := s.owner(ctx, subjectKey(e.Type), p) // the event at the end of the import has the notification
		return err
	}
	return s.notify(ctx, e, p)
}

// notify adds a notification for each recipient of an event. Existing notifications do not
// change.
func (s *Service) notify(ctx context.Context, e event.Envelope, p payload) error {
	title, message, err := render(e.Type, p, s.now(), s.Dates)
	if err != nil {
		return err
	}
	metadata, err := newMetadata(e, p)
	if err != nil {
		return err
	}
	to, err := s.eventRecipients(ctx, e, p)
	if err != nil {
		return err
	}
	return s.add(ctx, Record{
		Event: deriveID(e.Source, e.ID), Type: System, EventType: e.Type, Title: title, Message: message,
		Priority: Medium, Status: Unread, Metadata: metadata, CreatedAt: e.Time.UTC(),
	}, to, func(a AccountProjection) bool { return a.mailed(e.Type) })
}

// add inserts a copy of the record for each recipient and enqueues its deliveries. The
// first copy also has the text file of the event; without recipients, only the file is
// written. byMail reports whether a recipient gets a mail. It is idempotent: for existing
// records, it enqueues the missing tasks.
func (s *Service) add(ctx context.Context, r Record, to recipients, byMail func(AccountProjection) bool) error {
	if len(to) == 0 {
		to = recipients{{}}
	}
	r.Traceparent = trace.FromContext(ctx)
	var records []*Record
	for i, recipient := range to {
		record := r
		record.ID, record.Recipient, record.Audiences = deriveID(r.Event, recipient.ID), recipient.ID, recipient.audiences
		record.Deliveries = s.newDeliveries(&record, recipient.ID != "" && byMail(recipient.AccountProjection), i == 0)
		if mail := record.delivery(Mail); mail != nil && mail.State == Pending && record.Address == "" && recipient.Email == "" {
			record.AwaitsAddress, mail.Reason = true, addressUnknown
		}
		records = append(records, &record)
	}
	if err := s.insert(ctx, records); err != nil {
		return err
	}
	if err := s.enqueue(ctx, records...); err != nil {
		return err
	}
	for _, r := range records {
		if err := s.releaseIfKnown(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// insert stores records. It skips existing records: the event was handled before.
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

// releaseIfKnown releases the mail of a record if its address became known while the record
// was inserted.
func (s *Service) releaseIfKnown(ctx context.Context, r *Record) error {
	if !r.AwaitsAddress {
		return nil
	}
	a, err := s.account(ctx, r.Recipient)
	if err != nil || a.Email == "" {
		return err
	}
	return s.release(ctx, r.Recipient)
}

// newMetadata returns the metadata of a notification: the id of the subject, the users in
// the event, and the event itself as eventData.
func newMetadata(e event.Envelope, p payload) (string, error) {
	m := map[string]wire.Value{"eventData": e.Data}
	for key, value := range p {
		if slices.Contains(ownerKeys, key) || slices.Contains(actorKeys, key) || key != "" && key == subjectKey(e.Type) {
			m[key] = value
		}
	}
	data, err := wire.Marshal(m)
	return strings.TrimSpace(string(data)), err
}
