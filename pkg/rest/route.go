package rest

import (
	"cmp"
	"context"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
)

// operation is an API operation while it is registered.
type operation struct {
	huma.Operation
	route       *route
	noAccessLog bool
	json        *jsonBody // nil: no JSON body
	hasKey      bool      // the input has an IdempotencyKey
	// finish completes the documentation once huma has read the types.
	finish func(op *huma.Operation, schemas huma.Registry)
}

// An Option describes one operation.
type Option func(*operation)

// Status sets the status of success where it is not 200.
func Status(status int) Option { return func(o *operation) { o.DefaultStatus = status } }

// Errors adds statuses of failure to those that follow from the other options.
func Errors(statuses ...int) Option {
	return func(o *operation) { o.Operation.Errors = append(o.Operation.Errors, statuses...) }
}

// Description adds a description to the summary.
func Description(text string) Option { return func(o *operation) { o.Operation.Description = text } }

// Group puts the operation with others in the documentation. The default is the
// second segment of the path.
func Group(name string) Option { return func(o *operation) { o.Tags = []string{name} } }

// NoAccessLog logs the requests at debug level, for what machines ask every few
// seconds.
func NoAccessLog(o *operation) { o.noAccessLog = true }

// Handle registers an API operation. The pattern is a method and a path, such as
// "GET /api/things"; id is the operation id of the OpenAPI document, in camelCase;
// I and O are input and output structs of huma. An error of handler is answered as
// a problem: a fault as it is, anything else as 500 without its text. Handle panics
// when the policy is incomplete, or when the options do not fit the input.
func Handle[I, O any](a *API, pattern string, policy Policy, handler func(context.Context, *I) (*O, error), id, summary string, options ...Option) {
	method, path, _ := strings.Cut(pattern, " ")
	o := &operation{Operation: huma.Operation{
		Method: method, Path: path, Summary: summary, OperationID: id,
		Tags: []string{"service"}, Responses: map[string]*huma.Response{"431": headerTooLarge},
		RejectUnknownQueryParameters: policy.Query == StrictQuery,
	}}
	if segments := strings.Split(path, "/"); len(segments) > 2 {
		o.Tags[0] = segments[2]
	}
	o.derive(reflect.TypeFor[I](), reflect.TypeFor[O]())
	for _, option := range options {
		option(o)
	}
	if o.json != nil {
		o.MaxBodyBytes = o.json.limit + 1
	}
	o.route = a.newRoute(pattern, o.OperationID, policy)
	o.route.noAccessLog = o.noAccessLog
	o.addErrors()
	o.Metadata = map[string]any{"": o}
	huma.Register(a.huma, o.Operation, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err != nil {
			return nil, newProblem(ctx, err)
		}
		return out, nil
	})
}

// derive adds the errors, responses and checks that follow from the types of input
// and output.
func (o *operation) derive(input, output reflect.Type) {
	for _, f := range reflect.VisibleFields(input) {
		switch cmp.Or(f.Tag.Get("header"), f.Tag.Get("query")) {
		case keyHeader:
			o.hasKey = true
		case "cursor":
			Errors(http.StatusBadRequest)(o)
		case "If-Match":
			Errors(http.StatusBadRequest, http.StatusPreconditionFailed)(o)
		case "If-None-Match":
			o.Responses["304"] = notModified
		}
		if f.Name == "Body" {
			o.addJSONBody(f)
		}
		if body, ok := reflect.Zero(f.Type).Interface().(describer); ok {
			body.describe(o)
		}
	}
	if output == reflect.TypeFor[Download]() {
		describeDownload(o)
	}
}

// describer is implemented by the types of bodies that are streamed.
type describer interface{ describe(*operation) }

// adapter is how huma adds operations to the router.
type adapter struct {
	huma.Adapter
	api *API
}

// Handle implements huma.Adapter. It puts the policy and the options in front of
// the handler, and completes the documentation that huma read off the types.
func (a adapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	o := op.Metadata[""].(*operation)
	o.route.parameters = op.Parameters
	if o.finish != nil {
		o.finish(op, a.api.huma.OpenAPI().Components.Schemas)
	}
	protect := func(next http.Handler) http.Handler { return a.api.protect(o.route, o.middleware(next)) }
	humachi.NewAdapter(a.api.router.With(protect)).Handle(op, handler)
}

// addErrors adds the statuses of failure that follow from the route.
func (o *operation) addErrors() {
	Errors(http.StatusInternalServerError, http.StatusServiceUnavailable, http.StatusUnprocessableEntity)(o)
	if o.route.policy.Audience.guard != nil {
		o.Security = []map[string][]string{{bearer: {}}}
		Errors(http.StatusUnauthorized, http.StatusForbidden)(o)
	}
	if o.route.rates != nil {
		Errors(http.StatusTooManyRequests)(o)
	}
	if strings.Contains(o.Path, "{") {
		Errors(http.StatusNotFound)(o)
	}
}

// middleware is what the options put in front of the handler.
func (o *operation) middleware(next http.Handler) http.Handler {
	if o.hasKey {
		next = oneKey(next)
	}
	if o.json != nil {
		next = o.json.read(next)
	}
	return next
}

// Page registers any other handler under the same rules: a page, an image, a
// redirect. Its policy is all that protects it.
func Page(a *API, pattern string, policy Policy, handler http.Handler) {
	method, path, _ := strings.Cut(pattern, " ")
	a.router.Method(method, path, a.protect(a.newRoute(pattern, path, policy), handler))
}

var notModified = &huma.Response{Description: "not modified: the ETag in If-None-Match is current"}

// headerTooLarge is answered by package http, before a route is known.
var headerTooLarge = &huma.Response{
	Description: "the address and the headers are too large", Content: map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}},
}
