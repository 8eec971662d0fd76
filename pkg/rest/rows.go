package rest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

// Rows is the field of an input for a file of rows, which the handler reads as it arrives.
// The response is NDJSON: its lines are documented as Line, and the last one as End.
type Rows[Line, End any] struct {
	exchange
	body *rowsBody
}

// ContentType returns the media type of the body and its parameters, or "" if it is not valid.
func (r *Rows[Line, End]) ContentType() (string, map[string]string) {
	t, params, err := mime.ParseMediaType(r.request.Header.Get("Content-Type"))
	if err != nil {
		return "", nil
	}
	return t, params
}

// MediaType is ContentType for an operation with the accepted types. It fails with
// fault.Unsupported for other ones.
func (r *Rows[Line, End]) MediaType(accepted ...string) (string, map[string]string, error) {
	t, params := r.ContentType()
	if !slices.Contains(accepted, t) {
		return "", nil, unsupported(r.response, r.request.Header.Get("Content-Type"), accepted...)
	}
	return t, params, nil
}

// Open returns a reader of the body, which must not be larger than limit bytes. Its errors
// are faults. It fails with fault.TooLarge or fault.Unsupported.
func (r *Rows[Line, End]) Open(limit int64) (io.Reader, error) {
	if r.request.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	unpacked, sent, err := r.open(limit)
	r.body = &rowsBody{Reader: unpacked, sent: sent}
	return r.body, err
}

// rowsBody is a body that another goroutine may abort.
type rowsBody struct {
	io.Reader
	sent *pacedReader
}

func (b *rowsBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil && err != io.EOF && b.sent.isAborted() {
		return n, context.Canceled
	}
	return n, readError(err)
}

// RunRows reads the body of an input with Rows and sends the lines of the response with send,
// which fails with context.Canceled if the client has disconnected, and with a fault if the
// response cannot wait for the client any longer. abort makes the current and all later
// calls of Read of the body fail. RunRows returns the last line of the response, and why
// it ended early, for the log.
type RunRows func(ctx context.Context, abort func(), send func(line any) error) (last any, err error)

// Respond returns the output that calls run. A client may read the response after it has sent
// the whole body: until then lines wait in a file. If run panics, the response has no last line.
func (r *Rows[Line, End]) Respond(run RunRows) *Stream {
	return &Stream{func(hc huma.Context) {
		ctx, w := hc.Context(), r.response
		defer discard(w, r.body.sent)
		r.fullDuplex(ctx)
		w.Header().Set("Content-Type", ndjsonType)
		out := newSpool(w, stateOf(ctx).slot)
		last, err := run.do(ctx, r.body.sent.abort, func(line any) error { return out.write(marshalLine(line)) })
		if err != nil && !errors.Is(err, context.Canceled) {
			LogError(ctx, err)
		}
		if err := out.close(last, stateOf(ctx).timeouts.Transfer); err != nil {
			Annotate(ctx, slog.Any("write_err", err))
		}
	}}
}

// do calls run. It fails with fault.Panic if run panics.
func (run RunRows) do(ctx context.Context, abort func(), send func(line any) error) (last []byte, err error) {
	defer fault.Recover(&err)
	line, err := run(ctx, abort, send)
	return marshalLine(line), err
}

func marshalLine(line any) []byte {
	data, err := wire.Marshal(line)
	if err != nil {
		panic(err) // not possible: all types can be marshalled
	}
	return append(data, '\n')
}

// Consumes documents the media types of the body of an input with Rows.
func Consumes(mediaTypes map[string]string) Option {
	return func(o *operation) {
		finish := o.finish
		o.finish = func(op *huma.Operation, schemas huma.Registry) {
			finish(op, schemas)
			for _, t := range slices.Sorted(maps.Keys(mediaTypes)) {
				schema := &huma.Schema{Description: mediaTypes[t]} // a JSON value
				if t != jsonType {
					schema.Type, schema.Format = huma.TypeString, "binary"
				}
				op.RequestBody.Content[t] = &huma.MediaType{Schema: schema}
			}
		}
	}
}

func (Rows[Line, End]) describe(o *operation) {
	Errors(http.StatusBadRequest, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)(o)
	o.finish = func(op *huma.Operation, schemas huma.Registry) {
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{}}
		line := &huma.MediaType{Schema: &huma.Schema{OneOf: []*huma.Schema{schemas.Schema(reflect.TypeFor[Line](), true, ""), schemas.Schema(reflect.TypeFor[End](), true, "")}}}
		op.Responses["200"] = &huma.Response{Description: "NDJSON: a line for each row, and the summary as the last line", Content: map[string]*huma.MediaType{ndjsonType: line}}
	}
}
