package notification

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// ChannelName is a way in which a notification reaches people.
type ChannelName string

// The channels. Every notification is in the list of its recipient.
const (
	List ChannelName = "list"
	Mail ChannelName = "mail"
	File ChannelName = "file" // one for each event, with the record of who is concerned
)

// State is how far a delivery has come.
type State string

// The states.
const (
	Pending State = "pending"
	Sent    State = "sent"
	Failed  State = "failed" // for good
)

// Delivery is how a notification fares on one channel.
type Delivery struct {
	Channel  ChannelName `json:"channel" enum:"list,mail,file"`
	State    State       `json:"status" enum:"pending,sent,failed"`
	Attempts int         `json:"attempts" doc:"how often it was handed over; while the other side is away it is not"`
	NextTry  time.Time   `json:"nextTry,omitzero"`
	Reason   string      `json:"reason,omitempty" doc:"why it is not sent yet, or failed"`
	SentAt   time.Time   `json:"sentAt,omitzero"`
}

// deliveries are those of a new record. One of the type Email that no mail can
// be made of says so.
func (s *Service) deliveries(r *Record, byMail, byFile bool) []Delivery {
	all := []Delivery{{Channel: List, State: Sent, Attempts: 1, SentAt: r.CreatedAt}}
	if r.Type == Email && !s.sends(Mail) {
		all = append(all, Delivery{Channel: Mail, State: Failed, Reason: "mail is not switched on here (ENABLE_EMAIL_NOTIFICATIONS)"})
	}
	for _, c := range s.Dispatchers {
		if c.Name == Mail && byMail || c.Name == File && byFile {
			all = append(all, Delivery{Channel: c.Name, State: Pending})
		}
	}
	return all
}

func (s *Service) sends(c ChannelName) bool {
	return slices.ContainsFunc(s.Dispatchers, func(d *Dispatcher) bool { return d.Name == c })
}

// Message is what a channel carries.
type Message struct {
	ID        string // the same when it is sent again
	Event     string // the same for all recipients
	To        string // mail address; empty where it is not known
	Type      Type
	EventType string
	Priority  Priority
	Title     string // one line
	Text      string
	Metadata  string // a JSON object
	At        time.Time
}

// Channel carries messages. Deliver fails with a *Refusal when the other side
// does not take this message; any other error means that no message gets
// through at present. It has a deadline of its own.
type Channel interface {
	Deliver(ctx context.Context, m Message) error
}

// Refusal is why the other side does not take a message.
type Refusal struct {
	Final  bool // it never will
	Reason string
}

func (r *Refusal) Error() string {
	if r.Final {
		return fmt.Sprintf("refused for good: %s", r.Reason)
	}
	return fmt.Sprintf("refused for now: %s", r.Reason)
}
