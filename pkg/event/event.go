// Package event defines the events that services send each other: the envelope
// and one payload type per topic.
//
// Payloads may gain fields but never lose or change them. The golden files in
// testdata fix the wire format. The JSON Schemas in docs/events and the AsyncAPI
// document docs/asyncapi.json are generated from the payload types.
package event

import (
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/pkg/trace"
	"github.com/battery-passport/suite/pkg/wire"
)

// Envelope is one event with its CloudEvents 1.0 attributes. The outbox of an
// aggregate stores events in this form until they are published.
type Envelope struct {
	ID       string     `json:"id"`       // unique; the same on every delivery
	Source   string     `json:"source"`   // the service that wrote it, such as "/passport-service"
	Type     string     `json:"type"`     // also the topic, such as "passport.created"
	Key      string     `json:"key"`      // id of the aggregate; events with the same key keep their order
	Time     time.Time  `json:"time"`     // when it happened
	Sequence int64      `json:"sequence"` // version of the aggregate, set by the store
	Data     wire.Value `json:"data"`     // the payload
	// Traceparent is the W3C trace context of the request that caused the event,
	// set by the store; empty when no request did.
	Traceparent string `json:"traceparent,omitempty"`
	// Topic is the topic that a received event was read from; empty for others.
	Topic string `json:"-"`
}

// Payload is the content of one type of event.
type Payload interface {
	// Topic is the topic the event goes to, which is also its type.
	Topic() string
}

// New returns an envelope for a payload about the aggregate whose id is key. The
// store sets the sequence when it writes the event.
func New(source, key string, at time.Time, p Payload) Envelope {
	data, err := wire.Marshal(p)
	if err != nil {
		panic(fmt.Sprintf("event: payload %T cannot be encoded as JSON: %v", p, err)) // a bug in the payload type
	}
	return Envelope{
		ID: uuid.Must(uuid.NewV7()).String(), Source: source, Type: p.Topic(), Key: key, Time: at, Data: data,
	}
}

// SchemaURL returns the URL of the JSON Schema for the payload of a type of event. The file
// is also in docs/events.
func SchemaURL(eventType string) string { return schemas + eventType + ".schema.json" }

const schemas = "https://raw.githubusercontent.com/battery-passport/suite/main/docs/events/"

// A Header is one header of a Kafka message.
type Header struct{ Key, Value string }

// Headers returns the attributes of e as message headers in the binary mode of the
// CloudEvents Kafka binding. The message key is e.Key and the value is e.Data, so
// a consumer without CloudEvents support reads plain JSON.
func (e Envelope) Headers() []Header {
	headers := []Header{
		{"ce_specversion", "1.0"},
		{"ce_id", e.ID},
		{"ce_source", e.Source},
		{"ce_type", e.Type},
		{"ce_subject", e.Key},
		{"ce_time", e.Time.UTC().Format(wire.TimeLayout)},
		{"ce_sequence", strconv.FormatInt(e.Sequence, 10)},
		{"ce_dataschema", SchemaURL(e.Type)},
		{"content-type", "application/json"},
	}
	if e.Traceparent != "" { // the first is for tracers, the second is the CloudEvents distributed tracing extension
		headers = append(headers, Header{trace.Header, e.Traceparent}, Header{"ce_traceparent", e.Traceparent})
	}
	return headers
}

// Parse returns the envelope of a Kafka message. The message's topic, key and time
// replace missing headers, so plain JSON without headers is an event too.
func Parse(topic, key string, at time.Time, headers []Header, data []byte) Envelope {
	e := Envelope{Topic: topic, Type: topic, Key: key, Time: at, Data: data}
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
			e.Sequence, _ = strconv.ParseInt(h.Value, 10, 64) // 0 (unknown) if it is not a number
		case trace.Header:
			e.Traceparent = h.Value
		}
	}
	return e
}
