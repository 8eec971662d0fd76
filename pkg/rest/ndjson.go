package rest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

const ndjsonType = "application/x-ndjson"

// NDJSON is the field of an input that stands for a body of one JSON value, or of
// many with one on each line. Each is answered with an Out.
type NDJSON[In, Out any] struct {
	request *http.Request
	answer  http.ResponseWriter
}

// Result is the answer to one line.
type Result[Out any] struct {
	Line    int      `json:"line" doc:"number of the line, from 1 on; empty ones count and are not answered"`
	Result  *Out     `json:"result,omitempty"`
	Problem *Problem `json:"problem,omitempty" doc:"why this line has no result"`
}

// Stream is the output of an operation on NDJSON.
type Stream struct{ Body func(huma.Context) }

// Resolve implements huma.Resolver.
func (l *NDJSON[In, Out]) Resolve(hc huma.Context) []error {
	l.request, l.answer = humachi.Unwrap(hc)
	return nil
}

// Process calls f for the body, or for each of its lines as it comes: what is
// wrong with a line is told in its place, and the others go on. No value may
// have more than limit bytes. f is given what is one valid JSON value.
func (l *NDJSON[In, Out]) Process(ctx context.Context, limit int64, f func(context.Context, wire.Value) (Out, error)) (*Stream, error) {
	if t, _, err := mime.ParseMediaType(l.request.Header.Get("Content-Type")); err == nil && t == ndjsonType {
		return &Stream{func(hc huma.Context) { l.stream(hc.Context(), limit, f) }}, nil
	}
	data, err := readJSON(l.answer, l.request, limit, []string{jsonType, ndjsonType})
	if err != nil {
		return nil, err
	}
	out, err := f(ctx, data)
	if err != nil {
		return nil, err
	}
	return &Stream{func(hc huma.Context) { l.write(hc.Context(), jsonType, out) }}, nil
}

func (l *NDJSON[In, Out]) write(ctx context.Context, contentType string, v any) {
	l.answer.Header().Set("Content-Type", contentType)
	if err := wire.MarshalWrite(l.answer, v); err != nil {
		Annotate(ctx, slog.Any("write_err", err)) // the client has gone
	}
}

// stream answers each line. An answer goes out when no further line is at hand.
func (l *NDJSON[In, Out]) stream(ctx context.Context, limit int64, f func(context.Context, wire.Value) (Out, error)) {
	control := http.NewResponseController(l.answer)
	if err := control.EnableFullDuplex(); err != nil {
		Annotate(ctx, slog.Any("err", err)) // it is HTTP/2, or a recorder: they are as they are
	}
	l.answer.Header().Set("Content-Type", ndjsonType)
	in := bufio.NewReaderSize(newPacedReader(l.answer, l.request, l.request.Body), 64<<10)
	out := bufio.NewWriterSize(l.answer, 64<<10)
	var err error
	for n := 1; err == nil; n++ {
		var line []byte
		line, err = readLine(in, limit)
		if line = bytes.TrimSpace(line); len(line) > 0 || err != nil && err != io.EOF {
			l.one(ctx, out, n, line, err, f)
		}
		if fault.Is(err, fault.TooLarge) && !errors.Is(err, io.EOF) {
			err = nil // the rest of the line was passed over
		}
		if in.Buffered() == 0 || err != nil {
			out.Flush()
			control.Flush()
		}
	}
}

// one answers one line, or what came in its place.
func (l *NDJSON[In, Out]) one(ctx context.Context, w io.Writer, n int, line []byte, err error, f func(context.Context, wire.Value) (Out, error)) {
	answer := Result[Out]{Line: n}
	switch {
	case err == nil, err == io.EOF: // the last line has no end of its own
		if err = wire.Check(line); err != nil {
			break
		}
		var result Out
		if result, err = f(ctx, line); err == nil {
			answer.Result = &result
		}
	case !fault.Is(err, fault.TooLarge):
		err = readError(err)
	}
	if err != nil {
		answer.Problem = newProblem(ctx, err)
	}
	data, err := wire.Marshal(answer)
	if err != nil {
		panic(err) // it is made of our own types
	}
	w.Write(append(data, '\n'))
}

// readLine returns the next line, and io.EOF with the last. One that is too
// long is passed over, and is fault.TooLarge.
func readLine(r *bufio.Reader, limit int64) ([]byte, error) {
	var line []byte
	for long := false; ; {
		piece, err := r.ReadSlice('\n')
		if long = long || int64(len(line)+len(piece)) > limit+1; !long {
			line = append(line, piece...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		case long:
			return nil, errors.Join(tooLarge(limit), err)
		}
		return line, err
	}
}

func (NDJSON[In, Out]) describe(o *operation) {
	Errors(http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)(o)
	o.finish = func(op *huma.Operation, schemas huma.Registry) {
		in := &huma.MediaType{Schema: schemas.Schema(reflect.TypeFor[In](), true, "")}
		out := &huma.MediaType{Schema: schemas.Schema(reflect.TypeFor[Out](), true, "")}
		line := &huma.MediaType{Schema: schemas.Schema(reflect.TypeFor[Result[Out]](), true, "")}
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{jsonType: in, ndjsonType: in}}
		op.Responses["200"] = &huma.Response{
			Description: "for one JSON value, its result; for NDJSON, one line per line of the request", Content: map[string]*huma.MediaType{jsonType: out, ndjsonType: line},
		}
	}
}
