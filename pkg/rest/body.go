package rest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

const (
	defaultMaxBody = 64 << 10 // bytes
	jsonType       = "application/json"
)

// jsonBody reads and checks a body before huma does: huma responds with 500 to a body
// that ends early, and accepts duplicate members.
type jsonBody struct {
	limit    int64 // bytes
	accepted []string
	raw      bool // not validated against its schema; the handler does it
	empty    bool // an empty body means {}
}

// EmptyBody makes an empty body mean {}, so that the handler can say which members are missing. It
// panics during registration if the input has no Body.
func EmptyBody(o *operation) {
	if o.json == nil {
		panic(fmt.Sprintf("rest: %s %s: EmptyBody needs an input with a Body", o.Method, o.Path))
	}
	o.json.empty = true
}

// MaxBody limits the JSON body of a request to n bytes. The default is 64 KiB. It
// panics during registration if the input has no Body.
func MaxBody(n int64) Option {
	return func(o *operation) {
		if o.json == nil {
			panic(fmt.Sprintf("rest: %s %s: MaxBody needs an input with a Body", o.Method, o.Path))
		}
		o.json.limit = n
	}
}

// addJSONBody is for inputs with a Body. A contentType tag names a media type that
// is accepted in addition to application/json.
func (o *operation) addJSONBody(body reflect.StructField) {
	_, o.SkipValidateBody = reflect.Zero(body.Type).Interface().(interface{ unvalidated() })
	o.json = &jsonBody{limit: defaultMaxBody, accepted: []string{jsonType}, raw: o.SkipValidateBody}
	if t := body.Tag.Get("contentType"); t != "" {
		o.json.accepted = append(o.json.accepted, t)
	}
	o.BodyReadTimeout = -1 // jsonBody has read the body before huma does
	Errors(http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)(o)
}

// JSON is a Body that the handler decodes itself. It is one valid JSON value, which
// is documented as T but not validated.
type JSON[T any] struct{ wire.Value }

func (JSON[T]) unvalidated() {}

// Schema implements huma.SchemaProvider.
func (JSON[T]) Schema(r huma.Registry) *huma.Schema { return r.Schema(reflect.TypeFor[T](), true, "") }

func (b *jsonBody) read(next http.Handler) http.Handler {
	return refuse(next, func(w http.ResponseWriter, r *http.Request) error {
		data, err := b.data(w, r)
		if err == nil && !b.raw {
			err = checkNumbers(data)
		}
		if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind == fault.Invalid {
			return f.With(stateOf(r.Context()).invalid...)
		}
		r.Body = io.NopCloser(bytes.NewReader(data))
		r.Header.Set("Content-Type", jsonType) // huma does not know accepted types in upper case
		return err
	})
}

func (b *jsonBody) data(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if b.empty && r.ContentLength == 0 {
		return []byte("{}"), nil
	}
	return readJSON(w, r, b.limit, b.accepted)
}

func readJSON(w http.ResponseWriter, r *http.Request, limit int64, accepted []string) ([]byte, error) {
	given := r.Header.Get("Content-Type")
	t, params, err := mime.ParseMediaType(given)
	if wrong := err != nil || !slices.Contains(accepted, t); wrong && (given != "" || r.ContentLength != 0) {
		return nil, unsupported(w, given, accepted...)
	}
	if r.ContentLength == 0 {
		return checkJSON(nil, 1)
	}
	data, err := readBody(w, r, limit)
	if err != nil {
		return nil, err
	}
	if err := checkEncoding(data, params["charset"]); err != nil {
		return nil, err
	}
	return checkJSON(data, 1)
}

// readBody returns the unpacked body, which must not be larger than limit bytes. While it reads, the
// request holds a transfer. It fails as newPacedReader, unpack and readError do.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	state := stateOf(r.Context())
	sent, err := newPacedReader(w, r, state.timeouts.Read)
	if err != nil {
		return nil, err
	}
	defer state.leave()
	body, err := unpack(w, r, sent, limit)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(body)
	return data, readError(err)
}

// exchange is a request whose body the handler reads, and its response.
type exchange struct {
	request  *http.Request
	response http.ResponseWriter
}

// Resolve implements huma.Resolver.
func (e *exchange) Resolve(hc huma.Context) []error {
	e.request, e.response = humachi.Unwrap(hc)
	return nil
}

// open returns a reader of the unpacked body, which must not be larger than limit bytes, and the
// reader of the body as it is sent. It fails as newPacedReader and unpack do.
func (e *exchange) open(limit int64) (io.Reader, *pacedReader, error) {
	sent, err := newPacedReader(e.response, e.request, stateOf(e.request.Context()).timeouts.Transfer)
	if err != nil {
		return nil, nil, err
	}
	body, err := unpack(e.response, e.request, sent, limit)
	return body, sent, err
}

// fullDuplex permits the handler to write the response before it has read the body.
func (e *exchange) fullDuplex(ctx context.Context) *http.ResponseController {
	control := http.NewResponseController(e.response)
	if err := control.EnableFullDuplex(); err != nil {
		Annotate(ctx, slog.Any("err", err)) // HTTP/2 is always full duplex; a test recorder has no connection
	}
	return control
}

// checkJSON returns data without its byte order mark. It fails with fault.Malformed unless data is
// one JSON value in UTF-8. The errors count lines from line, the number of the first line of data in
// the body.
func checkJSON(data []byte, line int) ([]byte, error) {
	if err := checkEncoding(data, ""); err != nil {
		return nil, err
	}
	data = bytes.TrimPrefix(data, byteOrderMark)
	return data, wire.CheckLine(data, line, wire.MaxDepth)
}

func unsupported(w http.ResponseWriter, given string, accepted ...string) *fault.Error {
	w.Header().Set("Accept", strings.Join(accepted, ", "))
	want := strings.Join(accepted, ", ")
	if last := len(accepted) - 1; last > 0 {
		want = strings.Join(accepted[:last], ", ") + " or " + accepted[last]
	}
	return fault.New(fault.Unsupported, "Content-Type must be %s, got %q", want, given).
		With(fault.Detail{Path: "header:Content-Type", Code: "enum", Message: "must be " + want})
}

// readError turns an error of reading a request body into a fault.
func readError(err error) error {
	if err == nil || err == io.EOF { // a wrapped io.EOF means that the body ends early
		return err
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge(e.Limit)
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return fault.New(timeout, "the request body was sent too slowly").Because(err)
	}
	return fault.New(fault.Malformed, "the request body is incomplete").Because(err)
}

func tooLarge(limit int64) error {
	return fault.New(fault.TooLarge, "the request body must not be larger than %d bytes", limit)
}

// checkNumbers reports the numbers that a float64 cannot hold. Without it, huma would
// reject the whole body without naming them.
func checkNumbers(data []byte) error {
	var details []fault.Detail
	for dec := jsontext.NewDecoder(bytes.NewReader(data)); ; {
		token, err := dec.ReadToken()
		if err != nil { // io.EOF, because data is valid JSON
			break
		}
		if token.Kind() != '0' {
			continue
		}
		if _, err := strconv.ParseFloat(token.String(), 64); err != nil {
			details = append(details, fault.Detail{Path: string(dec.StackPointer()), Code: "range", Message: "the number is too large"})
		}
	}
	return invalidUnless(details)
}
