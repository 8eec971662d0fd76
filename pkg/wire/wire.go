// Package wire is the JSON codec for everything that the suite stores, sends and
// hashes.
//
// It is stricter than encoding/json: names are case-sensitive, duplicate members and
// invalid UTF-8 are errors, and times are RFC 3339 UTC with milliseconds.
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

const (
	// MaxDepth limits the nesting of bodies. Documents of the suite have ten levels at most.
	MaxDepth   = 16
	maxPointer = 512 // bytes of the JSON Pointer in an error; a longer one is omitted
)

// Check is CheckDepth with at most MaxDepth levels.
func Check(data []byte) error { return CheckDepth(data, MaxDepth) }

// CheckDepth fails with fault.Malformed unless data is exactly one JSON value without
// duplicate members and invalid UTF-8, and with at most maxDepth levels. The error names the
// position.
func CheckDepth(data []byte, maxDepth int) error {
	dec := jsontext.NewDecoder(bytes.NewReader(data))
	for first := true; first || dec.StackDepth() > 0; first = false {
		if _, err := dec.ReadToken(); err != nil {
			return malformed(err)
		}
		if dec.StackDepth() > maxDepth {
			return fault.New(fault.Malformed, "the body is nested too deeply").
				With(fault.Detail{Path: string(dec.StackPointer()), Code: "depth", Message: fmt.Sprintf("must not be nested deeper than %d levels", maxDepth)})
		}
	}
	switch _, err := dec.ReadToken(); {
	case err == nil:
		return fault.New(fault.Malformed, "the body contains more than one JSON value").
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
			detail.Code, detail.Message = "duplicate", "the member must not be repeated"
		}
	}
	return fault.New(fault.Malformed, "the body is not valid JSON").With(detail).Because(err)
}
