package notification

import (
	"context"
	"slices"
	"strings"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/trace"
	"github.com/battery-passport/suite/pkg/wire"
)

// maxRecords is the number of records of several events that are inserted together. Those of
// one event may be more.
const maxRecords = 1000

// parsedEvent is an event that is not wrong, with its payload.
type parsedEvent struct {
	event.Envelope
	payload payload
}

// Handle creates the notifications for events, in their order, and returns how many events it
// has handled. It is idempotent. An error concerns the next event: fault.Malformed or
// fault.Invalid if it is wrong; retrying does not help then.
func (s *Service) Handle(ctx context.Context, events []event.Envelope) (handled int, err error) {
	for handled < len(events) {
		n, err := s.handleTogether(ctx, events[handled:])
		if handled += n; err != nil {
			return handled, err
		}
	}
	return handled, nil
}

// handleTogether handles the first event and those after it, up to the next event that is wrong
// or that changes an account or organisation, because such a change affects the recipients of
// later events.
func (s *Service) handleTogether(ctx context.Context, events []event.Envelope) (handled int, err error) {
	var all []parsedEvent
	for i, e := range events {
		if i > 0 && aboutAccounts(e.Type) {
			break
		}
		var p payload
		if p, err = s.parse(ctx, e); err != nil {
			break
		}
		all = append(all, parsedEvent{e, p})
	}
	if failed := s.notify(ctx, all); failed != nil {
		return 0, failed
	}
	return len(all), err
}

// parse checks an event, and applies it to the projection of its account or organisation.
func (s *Service) parse(ctx context.Context, e event.Envelope) (payload, error) {
	p, err := parsePayload(e)
	if err == nil {
		err = checkOrigin(e, p)
	}
	if err != nil {
		return nil, err
	}
	switch e.Type {
	case event.OrganisationUpdated{}.Topic():
		return p, s.upsertOrganisation(ctx, e, p)
	case event.UserRegistered{}.Topic(), event.UserUpdated{}.Topic(), event.UserDeleted{}.Topic():
		account, err := parseAccount(e, p)
		if err != nil {
			return nil, err
		}
		return p, s.upsertAccount(ctx, e, account)
	}
	return p, nil
}

// hasNotification reports whether people are notified of an event. For the passports of an
// import, only the event at the end of the import has a notification.
func (e parsedEvent) hasNotification() bool {
	switch e.Type {
	case event.OrganisationUpdated{}.Topic(), event.UserUpdated{}.Topic(), event.UserDeleted{}.Topic():
		return false
	}
	return e.payload.string(importKey) == "" || subjectKey(e.Type) == importKey
}

// notify adds a notification for each recipient of the events. Existing notifications do not
// change.
func (s *Service) notify(ctx context.Context, events []parsedEvent) error {
	l := newLookup(s)
	if err := l.storeOwners(ctx, events); err != nil {
		return err
	}
	var records []newRecord
	isRepeated := map[string]bool{}
	for _, e := range events {
		id := deriveID(e.Source, e.ID)
		if !e.hasNotification() || isRepeated[id] {
			continue
		}
		isRepeated[id] = true
		more, err := l.newRecords(ctx, e)
		if err != nil {
			return err
		}
		if len(records)+len(more) > maxRecords {
			if err := s.addWithFiles(ctx, records); err != nil {
				return err
			}
			records = nil
		}
		records = append(records, more...)
	}
	return s.addWithFiles(ctx, records)
}

// newRecords returns the records for the recipients of an event.
func (l *lookup) newRecords(ctx context.Context, e parsedEvent) ([]newRecord, error) {
	title, message, err := render(e.Type, e.payload, l.now(), l.Dates)
	if err != nil {
		return nil, err
	}
	metadata, err := newMetadata(e.Envelope, e.payload)
	if err != nil {
		return nil, err
	}
	to, err := l.eventRecipients(ctx, e.Envelope, e.payload)
	if err != nil {
		return nil, err
	}
	return l.recordsFor(trace.NewContext(ctx, e.Traceparent), Record{
		Event: deriveID(e.Source, e.ID), Type: System, EventType: e.Type, Title: title, Message: message,
		Priority: Medium, Status: Unread, Metadata: metadata, CreatedAt: e.Time.UTC(),
	}, to, func(a AccountProjection) bool { return a.mailed(e.Type) }), nil
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
