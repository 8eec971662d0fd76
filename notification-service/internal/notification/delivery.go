package notification

import (
	"context"
	"slices"
	"time"
)

// ChannelName names a channel on which notifications are delivered.
type ChannelName string

// The channels. Every notification is on the list of its recipient.
const (
	List ChannelName = "list"
	Mail ChannelName = "mail"
	File ChannelName = "file" // one file per event, on the record of the first recipient
)

// State is the state of a delivery.
type State string

// The states.
const (
	Pending State = "pending"
	Sent    State = "sent"
	Failed  State = "failed" // permanently
)

// Delivery is the delivery of a notification on one channel.
type Delivery struct {
	Channel  ChannelName `json:"channel" enum:"list,mail,file" doc:"list: shown in the list of the recipient; mail: sent by mail; file: written to a text file"`
	State    State       `json:"status" enum:"pending,sent,failed" doc:"pending: not delivered yet; sent: delivered; failed: given up"`
	Attempts int         `json:"attempts" doc:"number of delivery attempts; outages of the mail server or the folder are not counted"`
	NextTry  time.Time   `json:"nextTry,omitzero" doc:"earliest time of the next attempt"`
	Reason   string      `json:"reason,omitempty" doc:"why the notification was not delivered yet, or why delivery failed"`
	Digest   bool        `json:"digest,omitzero" doc:"true if the mail is part of a digest, because the recipient had reached the limit of mails per hour"`
	SentAt   time.Time   `json:"sentAt,omitzero" doc:"time of delivery"`
}

// newDeliveries returns the deliveries of a new record. If mail is disabled, the mail of a
// record of type Email has failed.
func (s *Service) newDeliveries(r *Record, byMail, byFile bool) []Delivery {
	all := []Delivery{{Channel: List, State: Sent, Attempts: 1, SentAt: r.CreatedAt}}
	if r.Type == Email && !s.hasChannel(Mail) {
		all = append(all, Delivery{Channel: Mail, State: Failed, Reason: "mail is disabled (ENABLE_EMAIL_NOTIFICATIONS)"})
	}
	for _, c := range s.Dispatchers {
		if c.Name == Mail && byMail || c.Name == File && byFile {
			all = append(all, Delivery{Channel: c.Name, State: Pending})
		}
	}
	return all
}

func (s *Service) hasChannel(c ChannelName) bool {
	return slices.ContainsFunc(s.Dispatchers, func(d *Dispatcher) bool { return d.Name == c })
}

// Message is a notification as a channel delivers it.
type Message struct {
	ID        string // unchanged if the message is sent again
	Event     string // the same for all recipients
	To        string // email address; empty: unknown
	Type      Type
	EventType string
	Priority  Priority
	Title     string // one line
	Text      string
	Metadata  string // a JSON object
	At        time.Time

	// Unsubscribe is the link with which the recipient turns off such mails; empty: none.
	Unsubscribe string
}

// message returns the notification as a channel delivers it, without an address. Values of
// events cannot be invisible or act as links.
func (r *Record) message() Message {
	m := Message{
		ID: r.ID, Event: r.Event, Type: r.Type, EventType: r.EventType, Priority: r.Priority,
		Title: r.Title, Text: r.Message, Metadata: r.Metadata, At: r.CreatedAt,
	}
	if r.Type == System {
		m.Text, m.Metadata = defang(m.Text), escapeJSON(m.Metadata)
	}
	return m
}

// Channel delivers messages. Deliver fails with a *task.Refusal if this message was refused; any
// other error is an outage that affects all messages. Deliver has its own timeout.
type Channel interface {
	Deliver(ctx context.Context, m Message) error
}

// BatchChannel is a Channel that delivers many messages for less than one by one.
type BatchChannel interface {
	Channel
	// DeliverMany delivers messages, and returns the error of Deliver for each.
	DeliverMany(ctx context.Context, messages []Message) []error
}
