package rest

import (
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/battery-passport/suite/pkg/fault"
)

const urlEncodedType = "application/x-www-form-urlencoded"

// ResponseError is an error that is sent as it is, instead of a problem: for operations whose
// errors another standard defines. It is encoded as JSON.
type ResponseError interface {
	error
	GetStatus() int
	GetHeaders() http.Header
}

// ErrorResponse documents the response for a status as T instead of a problem.
func ErrorResponse[T any](status int, description string) Option {
	return func(o *operation) {
		previous := o.finish
		o.finish = func(op *huma.Operation, schemas huma.Registry) {
			if previous != nil {
				previous(op, schemas)
			}
			op.Responses[strconv.Itoa(status)] = &huma.Response{Description: description, Content: map[string]*huma.MediaType{
				jsonType: {Schema: schemas.Schema(reflect.TypeFor[T](), true, "")},
			}}
		}
	}
}

// Form is the field of an input for a form in the body. It is documented as T, and checked by
// the handler.
type Form[T any] struct{ exchange }

func (Form[T]) describe(o *operation) {
	Errors(http.StatusBadRequest)(o)
	describeForm[T](o, urlEncodedType)
}

// describeForm documents a body that is a T.
func describeForm[T any](o *operation, mediaType string) {
	o.finish = func(op *huma.Operation, schemas huma.Registry) {
		form := &huma.MediaType{Schema: schemas.Schema(reflect.TypeFor[T](), true, "")}
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{mediaType: form}}
	}
}

// Values returns the fields of the form, and whether the URL has a query. It fails with
// fault.Unsupported for another media type, with fault.TooLarge, and with fault.Malformed.
func (f *Form[T]) Values() (values url.Values, hasQuery bool, err error) {
	given := f.request.Header.Get("Content-Type")
	if t, _, err := mime.ParseMediaType(given); err != nil || t != urlEncodedType {
		return nil, false, unsupported(f.response, given, urlEncodedType)
	}
	data, err := readBody(f.response, f.request, defaultMaxBody)
	if err != nil {
		return nil, false, err
	}
	if values, err = url.ParseQuery(string(data)); err != nil {
		return nil, false, fault.New(fault.Malformed, "the form cannot be parsed").Because(err)
	}
	return values, f.request.URL.RawQuery != "", nil
}
