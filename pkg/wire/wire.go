// Package wire is the one JSON codec of the suite: what is stored, sent and
// hashed is written and read here.
//
// It is stricter than encoding/json: names match by case, a duplicate member
// or invalid UTF-8 is an error, and times are RFC 3339 UTC with milliseconds.
package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/battery-passport/suite/pkg/fault"
)

// Value is a piece of JSON as text. It is a struct field's type where the
// content is kept as it is.
type Value = jsontext.Value

// TimeLayout is how every time is written: RFC 3339, UTC, milliseconds.
const TimeLayout = "2006-01-02T15:04:05.000Z07:00"

var options = json.JoinOptions(
	json.Deterministic(true),
	json.WithMarshalers(json.MarshalToFunc(func(enc *jsontext.Encoder, t time.Time) error {
		return enc.WriteToken(jsontext.String(t.UTC().Format(TimeLayout)))
	})),
)

// Marshal returns v as JSON, members of maps in order of their names.
func Marshal(v any) ([]byte, error) { return json.Marshal(v, options) }

// MarshalWrite writes v as JSON to w.
func MarshalWrite(w io.Writer, v any) error { return json.MarshalWrite(w, v, options) }

// Unmarshal reads the JSON in data into v. Unknown members are passed over.
func Unmarshal(data []byte, v any) error { return json.Unmarshal(data, v, options) }

// Canonical returns v as JSON in the form of RFC 8785, the one that is hashed.
func Canonical(v any) (Value, error) {
	data, err := Marshal(v)
	if err != nil {
		return nil, err
	}
	value := Value(data)
	return value, value.Canonicalize()
}

const (
	maxDepth   = 16  // of nesting; nothing of the suite goes deeper than ten
	maxPointer = 512 // of what has a longer one, the byte alone is told
)

// Check tells whether data is exactly one JSON value, without duplicate members
// and invalid UTF-8, and nested at most 16 deep. What it finds is
// fault.Malformed and says where.
func Check(data []byte) error {
	dec := jsontext.NewDecoder(bytes.NewReader(data))
	for first := true; first || dec.StackDepth() > 0; first = false {
		if _, err := dec.ReadToken(); err != nil {
			return malformed(err)
		}
		if dec.StackDepth() > maxDepth {
			return fault.New(fault.Malformed, "the body is nested too deep").
				With(fault.Detail{Path: string(dec.StackPointer()), Code: "depth", Message: fmt.Sprintf("is nested deeper than %d", maxDepth)})
		}
	}
	switch _, err := dec.ReadToken(); {
	case err == nil:
		return fault.New(fault.Malformed, "the body holds more than one JSON value").
			With(fault.Detail{Code: "syntax", Message: fmt.Sprintf("a second value ends at byte %d", dec.InputOffset())})
	case !errors.Is(err, io.EOF):
		return malformed(err)
	}
	return nil
}

func malformed(err error) error {
	detail := fault.Detail{Code: "syntax", Message: err.Error()}
	if errors.Is(err, io.EOF) {
		detail.Message = "the body is empty"
	}
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		if len(e.JSONPointer) <= maxPointer {
			detail.Path = string(e.JSONPointer)
		}
		detail.Message = fmt.Sprintf("%v at byte %d", e.Err, e.ByteOffset)
		if errors.Is(err, jsontext.ErrDuplicateName) {
			detail.Code, detail.Message = "duplicate", "the member is given twice"
		}
	}
	return fault.New(fault.Malformed, "the body is not valid JSON").With(detail).Because(err)
}
