// Package notification is what people are told of, who is told, and how it
// reaches them.
package notification

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/store"
)

// Type is the kind of a notification.
type Type string

// The types. Those that events make are of the type System.
const (
	Email   Type = "email"
	System  Type = "system"
	Alert   Type = "alert"
	Info    Type = "info"
	Warning Type = "warning"
	Error   Type = "error"
)

// Priority is how much a notification matters.
type Priority string

// The priorities.
const (
	Low      Priority = "low"
	Medium   Priority = "medium"
	High     Priority = "high"
	Critical Priority = "critical"
)

// Status is whether the recipient has read a notification.
type Status string

// The statuses.
const (
	Unread Status = "unread"
	Read   Status = "read"
)

// Names of events that are not declared in package event: those of services to
// come, and those that only an admin sends.
const (
	PassportTransitioned = "passport.transitioned"
	UserLogin            = "user.login"
	SystemAlert          = "system.alert"
	GeneralInfo          = "general.info"
)

// Topics are those whose events make notifications, or tell of people.
func Topics() []string {
	return slices.Concat(event.UserTopics(), event.PassportTopics(), []string{PassportTransitioned}, event.DocumentTopics())
}

// Record is a notification of one recipient. There is one for each event and
// recipient, however often the event comes.
type Record struct {
	ID            string     `json:"id"`
	Event         string     `json:"event"`             // the same in all that come of one event
	Recipient     string     `json:"recipient"`         // user id; empty: it is in nobody's list
	Address       string     `json:"address,omitempty"` // mail goes there, not to the address of the recipient
	Type          Type       `json:"type"`
	EventType     string     `json:"eventType"`
	Title         string     `json:"title"`
	Message       string     `json:"message"`
	Priority      Priority   `json:"priority"`
	Status        Status     `json:"status"`
	Deliveries    []Delivery `json:"deliveries"`
	Metadata      string     `json:"metadata"` // a JSON object, kept as text: its keys are not the database's business
	CreatedAt     time.Time  `json:"createdAt"`
	ReadAt        time.Time  `json:"readAt,omitzero"`
	AwaitsAddress bool       `json:"awaitsAddress,omitzero"` // its mail goes when the recipient's address is known
	Deleted       bool       `json:"deleted,omitzero"`       // out of sight; the record stays, so that the event does not bring it back
	Request       string     `json:"request,omitempty"`      // idempotency.Fingerprint of the one that made it, where it had a key
	Traceparent   string     `json:"traceparent,omitempty"`  // of the request that caused it
}

// Schema declares how notifications are stored: in the list of their recipient,
// and in those of pending deliveries.
func Schema() store.Schema[Record] {
	return store.Schema[Record]{Name: "notifications", Version: 1, Indexes: func(r *Record) store.Indexes {
		in := store.Indexes{Created: r.CreatedAt}
		if r.Recipient != "" && !r.Deleted {
			in.Scopes = append(in.Scopes, ownScope(r.Recipient))
			in.Filters = Filter{Type: r.Type, Status: r.Status, EventType: r.EventType, Priority: r.Priority}.index()
		}
		for _, d := range r.Deliveries {
			switch {
			case d.State != Pending:
			case d.Channel == Mail && r.AwaitsAddress:
				in.Scopes = append(in.Scopes, addressScope(r.Recipient))
			default:
				in.Scopes = append(in.Scopes, pendingScope(d.Channel))
			}
		}
		return in
	}}
}

func ownScope(user string) string     { return "user:" + user }
func addressScope(user string) string { return "address:" + user }

// pendingScope is the list of what waits for a channel. Earlier releases had what
// was to be retried in a list of its own.
func pendingScope(c ChannelName) string { return "due:" + string(c) }
func retryScope(c ChannelName) string   { return "again:" + string(c) }

// delivery returns that on a channel, nil where there is none.
func (r *Record) delivery(c ChannelName) *Delivery {
	for i := range r.Deliveries {
		if r.Deliveries[i].Channel == c {
			return &r.Deliveries[i]
		}
	}
	return nil
}

// tidy empties a deleted record once nothing of it is to be delivered.
func (r *Record) tidy() {
	for _, d := range r.Deliveries {
		if d.State == Pending {
			return
		}
	}
	if r.Deleted {
		r.Title, r.Message, r.Metadata, r.Address = "", "", "{}", ""
	}
}

// derived returns the UUID (version 8) that comes of the parts.
func derived(parts ...string) string {
	b := sha256.Sum256(fmt.Appendf(nil, "%q", parts))
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
