// Package event holds what the services say to each other: the envelope, and
// the payload of each event.
//
// A payload only ever grows. What is on the wire is pinned by testdata.
package event

import (
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/pkg/trace"
	"github.com/battery-passport/suite/pkg/wire"
)

// Envelope is one event with its CloudEvents 1.0 attributes. It is also the
// form in which an event waits in the outbox of its aggregate.
type Envelope struct {
	ID       string     `json:"id"`       // unique; a repeated delivery carries the same
	Source   string     `json:"source"`   // the service, as "/passport-service"
	Type     string     `json:"type"`     // what happened; also the topic
	Key      string     `json:"key"`      // id of the aggregate; events of one key keep their order
	Time     time.Time  `json:"time"`     // when it happened
	Sequence int64      `json:"sequence"` // version of the aggregate, set by the store
	Data     wire.Value `json:"data"`     // the payload
	// Traceparent is the W3C trace context of the request that caused the event,
	// set by the store; empty when no request did.
	Traceparent string `json:"traceparent,omitempty"`
}

// Payload is the content of one type of event.
type Payload interface {
	// Topic is the topic the event goes to, which is also its type.
	Topic() string
}

// New wraps a payload that tells of the aggregate with the given id. The store
// sets the sequence when it writes the event.
func New(source, key string, at time.Time, p Payload) Envelope {
	data, err := wire.Marshal(p)
	if err != nil {
		panic(fmt.Sprintf("event: payload %T is no JSON: %v", p, err)) // a mistake in the type itself
	}
	return Envelope{
		ID: uuid.Must(uuid.NewV7()).String(), Source: source, Type: p.Topic(), Key: key, Time: at, Data: data,
	}
}

// A Header is one header of a message on the wire.
type Header struct{ Key, Value string }

// Headers are the attributes of e in the binary mode of the CloudEvents Kafka
// binding. The message's key is e.Key and its value e.Data, so that a consumer
// that knows nothing of CloudEvents reads plain JSON.
func (e Envelope) Headers() []Header {
	headers := []Header{
		{"ce_specversion", "1.0"},
		{"ce_id", e.ID},
		{"ce_source", e.Source},
		{"ce_type", e.Type},
		{"ce_subject", e.Key},
		{"ce_time", e.Time.UTC().Format(wire.TimeLayout)},
		{"ce_sequence", strconv.FormatInt(e.Sequence, 10)},
		{"content-type", "application/json"},
	}
	if e.Traceparent != "" { // for tracers, and as the CloudEvents extension for distributed tracing
		headers = append(headers, Header{trace.Header, e.Traceparent}, Header{"ce_traceparent", e.Traceparent})
	}
	return headers
}

// Parse puts an envelope together from a message as it comes from the wire. The
// topic, the key and the time of the message stand in for headers that are
// missing, so that plain JSON is an event too.
func Parse(topic, key string, at time.Time, headers []Header, data []byte) Envelope {
	e := Envelope{Type: topic, Key: key, Time: at, Data: data}
	for _, h := range headers {
		switch h.Key {
		case "ce_id":
			e.ID = h.Value
		case "ce_source":
			e.Source = h.Value
		case "ce_type":
			e.Type = h.Value
		case "ce_time":
			if t, err := time.Parse(time.RFC3339, h.Value); err == nil {
				e.Time = t
			}
		case "ce_sequence":
			e.Sequence, _ = strconv.ParseInt(h.Value, 10, 64) // 0, unknown, where it is no number
		case trace.Header:
			e.Traceparent = h.Value
		}
	}
	return e
}
