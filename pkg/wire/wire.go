// Package wire is the JSON codec for everything that the suite stores, sends and
// hashes.
//
// It is stricter than encoding/json: names are case-sensitive, duplicate members and
// invalid UTF-8 are errors, and times are RFC 3339 UTC with milliseconds.
package wire

import (
	"io"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Value is JSON text. It is the type of struct fields whose content is encoded and
// decoded unchanged.
type Value = jsontext.Value

// TimeLayout is the layout of all times: RFC 3339 with milliseconds, in UTC.
const TimeLayout = "2006-01-02T15:04:05.000Z07:00"

var options = json.JoinOptions(
	json.Deterministic(true),
	json.WithMarshalers(json.MarshalToFunc(func(enc *jsontext.Encoder, t time.Time) error {
		return enc.WriteToken(jsontext.String(t.UTC().Format(TimeLayout)))
	})),
)

// Marshal returns v as JSON, with the members of maps sorted by name.
func Marshal(v any) ([]byte, error) { return json.Marshal(v, options) }

// MarshalWrite writes v as JSON to w.
func MarshalWrite(w io.Writer, v any) error { return json.MarshalWrite(w, v, options) }

// Unmarshal decodes the JSON in data into v. Unknown members are ignored.
func Unmarshal(data []byte, v any) error { return json.Unmarshal(data, v, options) }

// Canonical returns v as canonical JSON (RFC 8785), for hashes.
func Canonical(v any) (Value, error) {
	data, err := Marshal(v)
	if err != nil {
		return nil, err
	}
	value := Value(data)
	return value, value.Canonicalize()
}
