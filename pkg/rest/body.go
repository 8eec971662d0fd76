package rest

import (
	"bytes"
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
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

const (
	defaultMaxBody = 64 << 10
	jsonType       = "application/json"
)

// jsonBody reads the body of an operation before huma does: huma would answer
// 500 to a body that ends early, and lets duplicate members pass.
func jsonBody(op *huma.Operation, body reflect.StructField) func(huma.Context, func(huma.Context)) {
	limit := op.MaxBodyBytes
	if limit == 0 {
		limit = defaultMaxBody
	}
	op.MaxBodyBytes, op.BodyReadTimeout = limit+1, -1 // it is read, and within bounds, when huma gets it
	accepted := []string{jsonType}
	if t := body.Tag.Get("contentType"); t != "" {
		accepted = append(accepted, t)
	}
	_, op.SkipValidateBody = reflect.Zero(body.Type).Interface().(interface{ raw() })
	return func(hc huma.Context, next func(huma.Context)) {
		r, w := humachi.Unwrap(hc)
		data, err := readJSON(w, r, limit, accepted)
		if err == nil && !op.SkipValidateBody {
			err = checkNumbers(data)
		}
		if err != nil {
			writeProblem(w, r, err)
			return
		}
		next(bodyContext{hc, bytes.NewReader(data)})
	}
}

type humaContext huma.Context // so that the field does not hide the method Context

// bodyContext is a huma.Context with a body of its own.
type bodyContext struct {
	humaContext
	body io.Reader
}

func (c bodyContext) BodyReader() io.Reader { return c.body }

// Unwrap is what humachi.Unwrap looks for.
func (c bodyContext) Unwrap() huma.Context { return c.humaContext }

func readJSON(w http.ResponseWriter, r *http.Request, limit int64, accepted []string) ([]byte, error) {
	if given := r.Header.Get("Content-Type"); given != "" {
		if t, _, err := mime.ParseMediaType(given); err != nil || !slices.Contains(accepted, t) {
			return nil, fault.New(fault.Unsupported, "the body has to be %s, and is said to be %s", strings.Join(accepted, " or "), given).
				With(fault.Detail{Path: "header:Content-Type", Code: "enum", Message: "has to be " + strings.Join(accepted, " or ")})
		}
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, tooLarge(limit)
		}
		if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
			return nil, fault.New(fault.Timeout, "the body took too long to arrive")
		}
		return nil, fault.New(fault.Malformed, "the body ends early").Because(err)
	}
	return data, wire.Check(data)
}

func tooLarge(limit int64) error {
	return fault.New(fault.TooLarge, "the body is larger than %d bytes", limit)
}

// checkNumbers finds the numbers that no float64 holds, with which huma would
// give up on the body as a whole.
func checkNumbers(data []byte) error {
	var details []fault.Detail
	for dec := jsontext.NewDecoder(bytes.NewReader(data)); ; {
		token, err := dec.ReadToken()
		if err != nil { // the end; what else there could be was found before
			break
		}
		if token.Kind() != '0' {
			continue
		}
		if _, err := strconv.ParseFloat(token.String(), 64); err != nil {
			details = append(details, fault.Detail{Path: string(dec.StackPointer()), Code: "range", Message: "is too large a number"})
		}
	}
	if details == nil {
		return nil
	}
	return fault.New(fault.Invalid, "the request is not valid").With(details...)
}
