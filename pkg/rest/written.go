package rest

import (
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
)

// Written is the output of an operation whose response is a T in JSON that was encoded
// before, for example by another request.
type Written[T any] struct{ Body func(huma.Context) }

// Respond returns the output that serve writes. serve must set an ETag and handle
// If-None-Match.
func Respond[T any](serve http.HandlerFunc) *Written[T] {
	return &Written[T]{func(hc huma.Context) {
		r, w := humachi.Unwrap(hc)
		serve(w, r)
	}}
}

// document implements documented.
func (Written[T]) document(op *huma.Operation, schemas huma.Registry) {
	op.Responses["200"] = &huma.Response{
		Description: http.StatusText(http.StatusOK),
		Headers:     map[string]*huma.Param{"ETag": {Schema: &huma.Schema{Type: huma.TypeString, Description: "entity tag for If-None-Match; a version number is for If-Match, too"}}},
		Content:     map[string]*huma.MediaType{"application/json": {Schema: schemas.Schema(reflect.TypeFor[T](), true, "")}},
	}
}

// documented is implemented by outputs that document their responses.
type documented interface {
	document(*huma.Operation, huma.Registry)
}
