package passport

import (
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/idempotency"
)

// Limits of the texts in an event, in bytes of JSON. Together they keep each event below
// 16 KiB, whatever the passport contains: the names of all public fields have 10 KB.
const (
	maxEventName       = 1_000
	maxEventIdentifier = 3_000 // no published identifier is longer
)

func (p *Passport) created() event.Envelope {
	return event.New(source, p.ID, p.CreatedAt, event.PassportCreated{
		PassportID: p.ID, BatteryIdentifier: p.eventIdentifier(), Organisation: p.Head.Owner.Organisation, ModelName: shorten(p.text(modelName), maxEventName),
		ManufacturerName: shorten(p.text(manufacturerName), maxEventName), CreatedBy: p.CreatedBy, CreatedAt: p.CreatedAt, ImportID: p.importID,
	})
}

func (p *Passport) updated(fields []string) event.Envelope {
	payload := event.PassportUpdated{
		PassportID: p.ID, BatteryIdentifier: p.eventIdentifier(), Organisation: p.Head.Owner.Organisation,
		UpdatedFields: fields, CurrentState: string(p.Head.State), UpdatedBy: p.Head.CreatedBy, UpdatedAt: p.Head.CreatedAt, ImportID: p.importID,
	}
	if slices.Contains(fields, "state") {
		payload.State = string(p.Head.State)
	}
	return event.New(source, p.ID, p.Head.CreatedAt, payload)
}

func (p *Passport) published() event.Envelope {
	return event.New(source, p.ID, p.Head.CreatedAt, event.PassportPublished{
		PassportID: p.ID, BatteryIdentifier: p.eventIdentifier(), Organisation: p.Head.Owner.Organisation, ModelName: shorten(p.text(modelName), maxEventName),
		ManufacturerName: shorten(p.text(manufacturerName), maxEventName), PublishedBy: p.Head.CreatedBy, PublishedAt: p.Head.CreatedAt, ImportID: p.importID,
	})
}

func (p *Passport) deleted(by string, at time.Time) event.Envelope {
	return event.New(source, p.ID, at, event.PassportDeleted{
		PassportID: p.ID, BatteryIdentifier: p.eventIdentifier(), Organisation: p.Head.Owner.Organisation, DeletedBy: by, DeletedAt: at,
	})
}

// snapshot returns the event that describes the passport at its stored version. Its id is
// the same each time.
func (p *Passport) snapshot(version int64) event.Envelope {
	e := event.New(source, p.ID, p.Head.CreatedAt, event.PassportSnapshot{
		PassportID: p.ID, BatteryIdentifier: p.eventIdentifier(), Organisation: p.Head.Owner.Organisation, State: string(p.Head.State),
		CreatedBy: p.CreatedBy, CreatedAt: p.CreatedAt, UpdatedAt: p.Head.CreatedAt,
	})
	e.ID, e.Sequence = idempotency.ID(e.Type, p.ID, strconv.FormatInt(version, 10)), version
	return e
}

func (p *Passport) eventIdentifier() string { return shorten(p.BatteryIdentifier, maxEventIdentifier) }

// shorten cuts a text that has more bytes of JSON than the limit, and marks the cut.
func shorten(text string, limit int) string {
	for i, r := range text {
		if limit -= jsonSize(r); limit < 0 {
			return text[:i] + "…"
		}
	}
	return text
}

// jsonSize returns how many bytes a character of a JSON string has at most.
func jsonSize(r rune) int {
	switch {
	case r < ' ':
		return len(`\u0000`)
	case r == '"' || r == '\\':
		return 2
	}
	return utf8.RuneLen(r)
}
