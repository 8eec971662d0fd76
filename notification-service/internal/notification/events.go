package notification

import (
	"context"
	"slices"
	"strings"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
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
		person, err := personOf(e, p)
		if err != nil {
			return err
		}
		if err := s.learn(ctx, person); err != nil {
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
	return s.announce(ctx, e, p, concerned)
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
			_, err := s.Subjects.Insert(ctx, subject, Subject{UserID: user})
			if fault.Is(err, fault.Conflict) {
				err = nil
			}
			return user, err
		}
	}
	row, err := s.Subjects.Get(ctx, subject)
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

// announce makes a record for the person concerned and for every admin. Those
// that are there already stay as they are.
func (s *Service) announce(ctx context.Context, e event.Envelope, p payload, concerned string) error {
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
	err = s.people(ctx, auth.Admin, func(admins []string) error {
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
// event. Where there is none the file alone is written.
func (s *Service) add(ctx context.Context, r Record, recipients []string, byMail bool) error {
	if len(recipients) == 0 {
		recipients, byMail = []string{""}, false
	}
	var records []store.Write[Record] // a recipient that is given twice has the first
	for i, user := range recipients {
		one := r
		one.ID, one.Recipient = derived(r.Event, user), user
		one.Deliveries = s.deliveries(&one, byMail, i == 0)
		records = append(records, store.Write[Record]{ID: one.ID, Doc: one})
	}
	errs, err := s.Records.InsertMany(ctx, records)
	if err != nil {
		return err
	}
	for _, err := range errs {
		if err != nil && !fault.Is(err, fault.Conflict) {
			return err
		}
	}
	for _, c := range s.Couriers {
		c.Wake()
	}
	return nil
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
