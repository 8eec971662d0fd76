package rest

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

const (
	defaultMaxBody = 64 << 10 // bytes
	jsonType       = "application/json"
)

// jsonBody reads and checks a body before huma does: huma answers 500 to a body
// that ends early, and accepts duplicate members.
type jsonBody struct {
	limit    int64 // bytes
	accepted []string
	raw      bool // the handler validates it
}

// JSONBody is for inputs with a Body that is validated against its schema. It may
// have limit bytes; 0 is 64 KiB.
func JSONBody(limit int64) Option {
	return func(o *operation) {
		o.json = &jsonBody{limit: cmp.Or(limit, defaultMaxBody), accepted: []string{jsonType}}
		o.MaxBodyBytes, o.BodyReadTimeout = o.json.limit+1, -1 // huma gets what was read
		Errors(http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)(o)
	}
}

// RawJSONBody is for inputs with a Body of type JSON, which the handler reads
// itself. Further media types may be accepted.
func RawJSONBody(limit int64, accepted ...string) Option {
	return func(o *operation) {
		JSONBody(limit)(o)
		o.json.raw, o.SkipValidateBody = true, true
		o.json.accepted = append(o.json.accepted, accepted...)
	}
}

// JSON is a body that its handler reads itself. It is documented as T, and known
// to be one JSON value.
type JSON[T any] struct{ wire.Value }

// Schema implements huma.SchemaProvider.
func (JSON[T]) Schema(r huma.Registry) *huma.Schema { return r.Schema(reflect.TypeFor[T](), true, "") }

func (b *jsonBody) read(next http.Handler) http.Handler {
	return refuse(next, func(w http.ResponseWriter, r *http.Request) error {
		data, err := readJSON(w, r, b.limit, b.accepted)
		if err == nil && !b.raw {
			err = checkNumbers(data)
		}
		r.Body = io.NopCloser(bytes.NewReader(data))
		return err
	})
}

func readJSON(w http.ResponseWriter, r *http.Request, limit int64, accepted []string) ([]byte, error) {
	if given := r.Header.Get("Content-Type"); given != "" {
		if t, _, err := mime.ParseMediaType(given); err != nil || !slices.Contains(accepted, t) {
			return nil, unsupported(given, accepted...)
		}
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		return nil, readError(err)
	}
	return data, wire.Check(data)
}

func unsupported(given string, accepted ...string) *fault.Error {
	want := strings.Join(accepted, " or ")
	return fault.New(fault.Unsupported, "Content-Type must be %s, got %q", want, given).
		With(fault.Detail{Path: "header:Content-Type", Code: "enum", Message: "must be " + want})
}

// readError says why a body ends where it does.
func readError(err error) error {
	if err == nil || err == io.EOF { // which within another error is an early one
		return err
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge(e.Limit)
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return fault.New(timeout, "the body took too long to arrive").Because(err)
	}
	return fault.New(fault.Malformed, "the body ends early").Because(err)
}

func tooLarge(limit int64) error {
	return fault.New(fault.TooLarge, "the body is larger than %d bytes", limit)
}

// checkNumbers finds the numbers that no float64 holds, at which huma would give
// up on the body as a whole.
func checkNumbers(data []byte) error {
	var details []fault.Detail
	for dec := jsontext.NewDecoder(bytes.NewReader(data)); ; {
		token, err := dec.ReadToken()
		if err != nil { // the end: data is valid JSON
			break
		}
		if token.Kind() != '0' {
			continue
		}
		if _, err := strconv.ParseFloat(token.String(), 64); err != nil {
			details = append(details, fault.Detail{Path: string(dec.StackPointer()), Code: "range", Message: "is too large a number"})
		}
	}
	return invalidUnless(details)
}
