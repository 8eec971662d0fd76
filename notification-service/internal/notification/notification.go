// Package notification turns events into notifications for users, and dispatches them to
// the channels list, mail and text file.
package notification

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/store"
)

// Type is the type of a notification.
type Type string

// The types. Notifications of events have the type System.
const (
	Email   Type = "email"
	System  Type = "system"
	Alert   Type = "alert"
	Info    Type = "info"
	Warning Type = "warning"
	Error   Type = "error"
)

// Priority is the priority of a notification.
type Priority string

// The priorities.
const (
	Low      Priority = "low"
	Medium   Priority = "medium"
	High     Priority = "high"
	Critical Priority = "critical"
)

// Status is the reading status of a notification.
type Status string

// The statuses.
const (
	Unread Status = "unread"
	Read   Status = "read"
)

// Event types that are not declared in package event: those of future services, and those
// that only an admin sends.
const (
	UserLogin   = "user.login"
	SystemAlert = "system.alert"
	GeneralInfo = "general.info"
)

// Topics returns the topics whose events create notifications or describe accounts.
func Topics() []string {
	return slices.Concat(event.UserTopics(), event.OrganisationTopics(), event.PassportTopics(), event.ImportTopics(), event.DocumentTopics())
}

// Record is a notification for one recipient. There is one record for each event and
// recipient, even if the event is delivered several times.
type Record struct {
	ID            string     `json:"id"`
	Event         string     `json:"event"`             // shared by all records of an event
	Recipient     string     `json:"recipient"`         // user id; empty: not in any list
	Address       string     `json:"address,omitempty"` // if set, mail goes here instead of to the recipient's own address
	Type          Type       `json:"type"`
	EventType     string     `json:"eventType"`
	Title         string     `json:"title"`
	Message       string     `json:"message"`
	Priority      Priority   `json:"priority"`
	Status        Status     `json:"status"`
	Deliveries    []Delivery `json:"deliveries"`
	Metadata      string     `json:"metadata"` // a JSON object, stored as text because its keys may not be valid in the database
	CreatedAt     time.Time  `json:"createdAt"`
	ReadAt        time.Time  `json:"readAt,omitzero"`
	AwaitsAddress bool       `json:"awaitsAddress,omitzero"` // the mail waits until the recipient's address is known
	Deleted       bool       `json:"deleted,omitzero"`       // hidden; the record stays so that a repeated event does not create it again
	Request       string     `json:"request,omitempty"`      // idempotency.Fingerprint of the request, if it had a key
	Traceparent   string     `json:"traceparent,omitempty"`  // of the request that caused the event
	Audiences     []Audience `json:"audiences,omitempty"`    // to which the recipient must belong; empty: it is addressed to the recipient
}

// Schema is the store schema of notifications. A record is in the list of its recipient and
// in the lists of its pending deliveries.
func Schema() store.Schema[Record] {
	return store.Schema[Record]{Name: "notifications", Version: 2, Indexes: func(r *Record) store.Indexes {
		in := store.Indexes{Created: r.CreatedAt}
		if r.Recipient != "" && !r.Deleted {
			in.Scopes = append(in.Scopes, r.scopes()...)
			in.Filters = Filter{Type: r.Type, Status: r.Status, EventType: r.EventType, Priority: r.Priority}.index()
		}
		for _, d := range r.Deliveries {
			switch {
			case d.State != Pending:
			case d.Channel == Mail && r.AwaitsAddress:
				in.Scopes = append(in.Scopes, addressScope(r.Recipient))
			case d.Digest:
				in.Scopes = append(in.Scopes, digestScope(r.digestKey()))
			default:
				in.Scopes = append(in.Scopes, pendingScope(d.Channel))
			}
		}
		return in
	}}
}

func ownScope(user string) string     { return "user:" + user }
func addressScope(user string) string { return "address:" + user }

// digestScope is the list of the mails to a recipient that wait for a digest.
func digestScope(key string) string { return "digest:" + key }

// pendingScope is the list of pending deliveries on a channel. Earlier releases stored
// deliveries to be retried in the list retryScope.
func pendingScope(c ChannelName) string { return "due:" + string(c) }
func retryScope(c ChannelName) string   { return "again:" + string(c) }

// delivery returns the delivery on a channel, or nil.
func (r *Record) delivery(c ChannelName) *Delivery {
	for i := range r.Deliveries {
		if r.Deliveries[i].Channel == c {
			return &r.Deliveries[i]
		}
	}
	return nil
}

// clearDeleted removes the content of a deleted record after its last delivery.
func (r *Record) clearDeleted() {
	for _, d := range r.Deliveries {
		if d.State == Pending {
			return
		}
	}
	if r.Deleted {
		r.Title, r.Message, r.Metadata, r.Address = "", "", "{}", ""
	}
}

// deriveID returns a UUID (version 8) derived from the parts.
func deriveID(parts ...string) string {
	b := sha256.Sum256(fmt.Appendf(nil, "%q", parts))
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
