package rest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"mime"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

const ndjsonType = "application/x-ndjson"

// maxNDJSON is the size of a response in bytes after which no further line of the request
// is processed. It is enough for 10,000 results of 25 KiB.
const maxNDJSON = 256 << 20

// NDJSON is the field of an input for a body with one JSON value, or with one JSON value
// on each line (NDJSON). The values are documented as In. The result of each is an Out.
type NDJSON[In, Out any] struct{ exchange }

// Result is the response line for one line of the request.
type Result[Out any] struct {
	Line    int      `json:"line" doc:"line number in the request, starting at 1; empty lines are counted, but have no result"`
	Result  *Out     `json:"result,omitempty" doc:"result for the value on this line"`
	Problem *Problem `json:"problem,omitempty" doc:"why the line was rejected"`
}

// Stream is the output of an operation whose input has an NDJSON.
type Stream struct{ Body func(huma.Context) }

// Process calls f for the JSON value of the body, or for each line as it arrives. A line
// that fails gets a problem instead of a result and does not stop the others. A value must not
// be larger than limit bytes. f gets one valid JSON value. If the response is larger than
// maxNDJSON, it ends with a problem for the first line that was not processed.
func (n *NDJSON[In, Out]) Process(ctx context.Context, limit int64, f func(context.Context, wire.Value) (Out, error)) (*Stream, error) {
	if t, _, err := mime.ParseMediaType(n.request.Header.Get("Content-Type")); err == nil && t == ndjsonType {
		body, sent, err := n.open(math.MaxInt64)
		return &Stream{func(hc huma.Context) {
			defer discard(n.response, sent)
			n.stream(hc.Context(), body, limit, f)
		}}, err
	}
	data, err := readJSON(n.response, n.request, limit, []string{jsonType, ndjsonType})
	if err == nil {
		err = stateOf(ctx).resume(ctx)
	}
	if err != nil {
		return nil, err
	}
	out, err := f(ctx, data)
	if err != nil {
		return nil, err
	}
	return &Stream{func(hc huma.Context) {
		n.response.Header().Set("Content-Type", jsonType)
		if err := wire.MarshalWrite(n.response, out); err != nil {
			Annotate(hc.Context(), slog.Any("write_err", err)) // the client has disconnected
		}
	}}, nil
}

// stream writes a result for each line, until the client disconnects. It flushes when it
// must wait for the next line.
func (n *NDJSON[In, Out]) stream(ctx context.Context, body io.Reader, limit int64, f func(context.Context, wire.Value) (Out, error)) {
	control := n.fullDuplex(ctx)
	n.response.Header().Set("Content-Type", ndjsonType)
	in := bufio.NewReaderSize(body, 64<<10)
	out := bufio.NewWriterSize(n.response, 64<<10)
	sent := 0
	var err error
	for number := 1; err == nil && ctx.Err() == nil; number++ {
		var line []byte
		line, err = readLine(in, limit)
		if number == 1 {
			line = bytes.TrimPrefix(line, byteOrderMark)
		}
		if line = bytes.TrimSpace(line); len(line) > 0 || err != nil && err != io.EOF {
			if sent > maxNDJSON {
				line, err = nil, errResponseTooLarge
			}
			size, failed := n.processLine(ctx, out, number, line, err, f)
			if sent += size; failed != nil {
				return
			}
		}
		if fault.Is(err, fault.TooLarge) && !errors.Is(err, io.EOF) && !errors.Is(err, errResponseTooLarge) {
			err = nil // readLine has skipped the rest of the line
		}
		if in.Buffered() == 0 || err != nil {
			if out.Flush() != nil {
				return
			}
			control.Flush()
		}
	}
}

// maxDiscard is the number of bytes of a rejected body that are read.
const maxDiscard = 1 << 20

// discard reads the rest of a body. If it is too long or cannot be read, the connection is
// closed after the response, so that the rest is not taken for the next request. A full-duplex
// connection panics if net/http reaches the end of the body after the handler has returned.
func discard(w http.ResponseWriter, body io.Reader) {
	if _, err := io.CopyN(io.Discard, body, maxDiscard); err == io.EOF {
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(past) // a test recorder has none
	for {
		inner, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		w = inner.Unwrap()
	}
	// A body above its limit makes net/http close the connection, but not before the client has
	// had time to read the response.
	_, _ = http.MaxBytesReader(w, io.NopCloser(strings.NewReader("x")), 0).Read(make([]byte, 1))
}

// errResponseTooLarge is the error of the first line after maxNDJSON.
var errResponseTooLarge = fault.New(fault.TooLarge, "the response has reached its limit of %d MiB: send this line and those after it in another request", maxNDJSON>>20)

// processLine writes the result for a line, or for the error that readLine returned
// instead of it. It returns the size of the result, or an error of the connection.
func (n *NDJSON[In, Out]) processLine(ctx context.Context, w io.Writer, number int, line []byte, err error, f func(context.Context, wire.Value) (Out, error)) (int, error) {
	out := Result[Out]{Line: number}
	switch {
	case err == nil, err == io.EOF: // io.EOF: the last line does not end with a newline
		if line, err = checkJSON(line, number); err != nil {
			break
		}
		var result Out
		if result, err = f(ctx, line); err == nil {
			out.Result = &result
		}
	case !fault.Is(err, fault.TooLarge):
		err = readError(err)
	}
	if err != nil {
		out.Problem = newProblem(ctx, err)
	}
	data, err := wire.Marshal(out)
	if err != nil {
		panic(err) // not possible: all types can be marshalled
	}
	return w.Write(append(data, '\n'))
}

// readLine returns the next line, and io.EOF with the last. It skips a line that is too
// long and fails with fault.TooLarge.
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
			Description: fmt.Sprintf("for one JSON value, its result; for NDJSON, one line per line of the request. A response of %d MiB ends with a problem for the first line that was not processed", maxNDJSON>>20), Content: map[string]*huma.MediaType{jsonType: out, ndjsonType: line},
		}
	}
}
