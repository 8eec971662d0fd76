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

// Handle creates the notifications for an event. It is idempotent. It fails with
// fault.Malformed or fault.Invalid if the event is wrong; retrying does not help then.
func (s *Service) Handle(ctx context.Context, e event.Envelope) error {
	p, err := parsePayload(e)
	if err != nil {
		return err
	}
	switch e.Type {
	case event.UserRegistered{}.Topic(), event.UserUpdated{}.Topic():
		account, err := parseAccount(e, p)
		if err != nil {
			return err
		}
		if err := s.upsertAccount(ctx, account); err != nil {
			return err
		}
		if e.Type == (event.UserUpdated{}).Topic() {
			return nil // this event type has no notification
		}
	}
	user, err := s.resolveUser(ctx, e.Type, p)
	if err != nil {
		return err
	}
	return s.notify(ctx, e, p, user)
}

// resolveUser returns the user whom an event concerns: the account itself, the creator of
// the passport, or the uploader of the document. It stores creators and uploaders, because
// later events do not name them. If neither is known, it returns the user who acted, or an
// empty string.
func (s *Service) resolveUser(ctx context.Context, eventType string, p payload) (string, error) {
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

// notify adds a notification for the user, unless that is empty, and for all admins.
// Existing notifications do not change.
func (s *Service) notify(ctx context.Context, e event.Envelope, p payload, user string) error {
	title, message, err := render(e.Type, p, s.now())
	if err != nil {
		return err
	}
	metadata, err := newMetadata(e, p)
	if err != nil {
		return err
	}
	var recipients []string
	if user != "" {
		recipients = append(recipients, user)
	}
	err = s.eachAccountPage(ctx, auth.Admin, func(admins []string) error {
		recipients = append(recipients, admins...)
		return nil
	})
	if err != nil {
		return err
	}
	return s.add(ctx, Record{
		Event: deriveID(e.Source, e.ID), Type: System, EventType: oneLine(e.Type), Title: title, Message: message,
		Priority: Medium, Status: Unread, Metadata: metadata, CreatedAt: e.Time.UTC(),
	}, recipients, true)
}

// add inserts a copy of the record for each recipient and enqueues its deliveries. The
// first copy also has the text file of the event; without recipients, only the file is
// written. It is idempotent: for existing records, it enqueues the missing tasks.
func (s *Service) add(ctx context.Context, r Record, recipients []string, byMail bool) error {
	if len(recipients) == 0 {
		recipients, byMail = []string{""}, false
	}
	r.Traceparent = trace.FromContext(ctx)
	var records []*Record
	for i, user := range recipients {
		record := r
		record.ID, record.Recipient = deriveID(r.Event, user), user
		if slices.ContainsFunc(records, func(r *Record) bool { return r.ID == record.ID }) {
			continue
		}
		record.Deliveries = s.newDeliveries(&record, byMail, i == 0)
		records = append(records, &record)
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
	row, err := s.Accounts.Get(ctx, r.Recipient)
	if fault.Is(err, fault.NotFound) || err == nil && row.Doc.Email == "" {
		return nil
	}
	if err != nil {
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
