package rest

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
)

// operation is an API operation during its registration.
type operation struct {
	huma.Operation
	route       *route
	noAccessLog bool
	json        *jsonBody // nil: no JSON body
	hasKey      bool      // the input has an IdempotencyKey
	// finish completes the documentation after huma has derived it from the types.
	finish func(op *huma.Operation, schemas huma.Registry)
}

// Option changes an operation.
type Option func(*operation)

// Status sets the status code of a successful response. The default is 200.
func Status(status int) Option { return func(o *operation) { o.DefaultStatus = status } }

// Errors documents further error statuses. Those that follow from the policy and the
// types of input and output are documented automatically.
func Errors(statuses ...int) Option {
	return func(o *operation) { o.Operation.Errors = append(o.Operation.Errors, statuses...) }
}

// Description adds a description to the summary.
func Description(text string) Option { return func(o *operation) { o.Operation.Description = text } }

// Group sets the OpenAPI tag that groups the operation. The default is the second segment
// of the path.
func Group(name string) Option { return func(o *operation) { o.Tags = []string{name} } }

// NoAccessLog logs the requests at debug level. It is for routes that machines poll every
// few seconds.
func NoAccessLog(o *operation) { o.noAccessLog = true }

// Handle registers an API operation. The pattern is a method and a path, such as
// "GET /api/things"; id is the operation id of the OpenAPI document, in camelCase;
// I and O are input and output structs of huma. An error of the handler becomes a
// problem: the kind, message and details of a fault are sent, the text of any other error
// is not. Handle panics if the policy is incomplete, if the request body is neither a Body
// nor streamed, or if MaxBody is used without a Body.
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
		if conditional, ok := any(in).(interface{ explain(error) error }); ok {
			err = conditional.explain(err)
		}
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

// adapter adds the operations of huma to the router.
type adapter struct {
	huma.Adapter
	api *API
}

// Handle implements huma.Adapter. It wraps the handler in the policy and the checks of the
// operation, and completes the documentation that huma has derived.
func (a adapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	o := op.Metadata[""].(*operation)
	o.route.parameters = op.Parameters
	if op.RequestBody != nil && o.json == nil && o.finish == nil {
		panic(fmt.Sprintf("rest: %s %s: the request body must be a field named Body", op.Method, op.Path))
	}
	if o.finish != nil {
		o.finish(op, a.api.huma.OpenAPI().Components.Schemas)
	}
	protect := func(next http.Handler) http.Handler { return a.api.protect(o.route, o.middleware(next)) }
	humachi.NewAdapter(a.api.router.With(protect)).Handle(op, handler)
}

// addErrors documents the error statuses that follow from the policy and the path.
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

// middleware wraps the handler in the checks of the operation.
func (o *operation) middleware(next http.Handler) http.Handler {
	if o.hasKey {
		next = oneKey(next)
	}
	if o.json != nil {
		next = o.json.read(next)
	}
	return next
}

// Page registers a handler that is not an API operation, such as an HTML page, an image or
// a redirect. Its policy applies as for Handle.
func Page(a *API, pattern string, policy Policy, handler http.Handler) {
	method, path, _ := strings.Cut(pattern, " ")
	a.router.Method(method, path, a.protect(a.newRoute(pattern, path, policy), handler))
}

var notModified = &huma.Response{Description: "not modified since the response that the client has"}

// headerTooLarge documents a response that package http sends before routing.
var headerTooLarge = &huma.Response{
	Description: "the URL and the headers are too large", Content: map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}},
}
