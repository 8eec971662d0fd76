package rest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
)

// operation is an API operation during its registration.
type operation struct {
	huma.Operation
	route       *route
	schemas     huma.Registry // of the document
	noAccessLog bool
	json        *jsonBody       // nil: no JSON body
	hasBody     bool            // of any type
	hasKey      bool            // the input has an IdempotencyKey
	statuses    []int           // of errors
	ids         map[string]bool // parameters that are UUIDs
	enums       []func(*huma.Param)
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
	return func(o *operation) { o.statuses = append(o.statuses, statuses...) }
}

// Accepted documents the status 202 with a body of type T, for requests that are not complete yet.
func Accepted[T any](description string) Option {
	return func(o *operation) {
		schema := o.schemas.Schema(reflect.TypeFor[T](), true, "")
		o.Responses["202"] = &huma.Response{Description: description, Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}}
	}
}

// Description adds a description to the summary.
func Description(text string) Option { return func(o *operation) { o.Operation.Description = text } }

// Group sets the OpenAPI tag that groups the operation. The default is the second segment
// of the path or, for public/things, "public things".
func Group(name string) Option { return func(o *operation) { o.Tags = []string{name} } }

// Produces documents the media types of a file in a successful response.
func Produces(mediaTypes ...string) Option {
	return func(o *operation) {
		content := map[string]*huma.MediaType{}
		for _, t := range mediaTypes {
			if content[t] = (&huma.MediaType{Schema: binary()}); strings.HasSuffix(t, "json") {
				content[t].Schema = &huma.Schema{Description: "a JSON value, in NDJSON one per line"}
			}
		}
		o.Responses["200"] = &huma.Response{Description: "the file", Content: content}
	}
}

// Enum adds values to the enum of a parameter, and a text to its description, for values
// that are data.
func Enum(parameter string, values []string, description string) Option {
	return func(o *operation) {
		o.enums = append(o.enums, func(p *huma.Param) {
			if p.Name != parameter {
				return
			}
			for _, v := range values {
				p.Schema.Enum = append(p.Schema.Enum, v)
			}
			p.Schema.PrecomputeMessages()
			p.Description += description
			p.Schema.Description = p.Description
		})
	}
}

// hidden leaves the operation out of the OpenAPI document.
func hidden(o *operation) { o.Hidden = true }

// NoAccessLog logs the requests at debug level. It is for routes that machines poll every
// few seconds.
func NoAccessLog(o *operation) { o.noAccessLog = true }

// Handle registers an API operation. The pattern is a method and a path, such as
// "GET /api/things"; id is the operation id of the OpenAPI document, in camelCase;
// I and O are input and output structs of huma; the tag id marks a parameter as a UUID. An error of the handler becomes a
// problem: the kind, message and details of a fault are sent, the text of any other error
// is not. Handle panics if the policy is incomplete, if the request body is neither a Body
// nor streamed, or if MaxBody is used without a Body.
func Handle[I, O any](a *API, pattern string, policy Policy, handler func(context.Context, *I) (*O, error), id, summary string, options ...Option) {
	method, path, _ := strings.Cut(pattern, " ")
	o := &operation{Operation: huma.Operation{
		Method: method, Path: path, Summary: summary, OperationID: id,
		Responses: map[string]*huma.Response{}, Security: []map[string][]string{},
	}, schemas: a.huma.OpenAPI().Components.Schemas, ids: map[string]bool{}}
	if segments := strings.Split(path, "/"); len(segments) > 2 {
		if o.Tags = segments[2:3]; segments[2] == "public" && len(segments) > 3 {
			o.Tags = []string{"public " + segments[3]}
		}
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
	o.addErrors(a)
	o.Metadata = map[string]any{"": o}
	huma.Register(a.huma, o.Operation, func(ctx context.Context, in *I) (*O, error) {
		if err := invalidUnless(stateOf(ctx).invalid); err != nil {
			return nil, newProblem(ctx, err)
		}
		out, err := handler(ctx, in)
		if conditional, ok := any(in).(interface{ explain(error) error }); ok {
			err = conditional.explain(err)
		}
		if own, ok := errors.AsType[ResponseError](err); ok {
			return nil, own
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
		if f.Tag.Get("id") != "" {
			o.ids[cmp.Or(f.Tag.Get("path"), f.Tag.Get("query"))] = true
		}
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
	if out, ok := reflect.Zero(output).Interface().(documented); ok {
		o.finish = out.document
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
	o.route.isOperation, o.route.parameters, o.route.query = true, op.Parameters, queryNames(op.Parameters)
	if op.RequestBody != nil && o.json == nil && o.finish == nil {
		panic(fmt.Sprintf("rest: %s %s: the request body must be a field named Body", op.Method, op.Path))
	}
	if o.finish != nil {
		o.finish(op, a.api.huma.OpenAPI().Components.Schemas)
	}
	for _, p := range op.Parameters {
		for _, extend := range o.enums {
			extend(p)
		}
	}
	o.documentIDs(op)
	if op.RequestBody != nil {
		for _, media := range op.RequestBody.Content {
			a.api.requests = append(a.api.requests, media.Schema)
		}
	}
	a.api.examples[op.OperationID].addTo(op)
	o.hasBody = op.RequestBody != nil
	protect := func(next http.Handler) http.Handler {
		return a.api.protect(o.route, o.middleware(limitConcurrency(next)))
	}
	humachi.NewAdapter(a.api.router.With(protect)).Handle(op, handler)
}

// addErrors documents the error statuses that follow from the policy and the path.
func (o *operation) addErrors(a *API) {
	Errors(http.StatusBadRequest, http.StatusInternalServerError, http.StatusServiceUnavailable, http.StatusUnprocessableEntity, http.StatusRequestHeaderFieldsTooLarge)(o)
	if o.route.policy.CORS != AnyOrigin {
		Errors(http.StatusForbidden)(o)
	}
	if !o.route.policy.AnyHost {
		Errors(http.StatusMisdirectedRequest)(o)
	}
	if o.route.policy.Audience.isRestricted() {
		o.Security = []map[string][]string{{bearer: {}}}
		Errors(http.StatusUnauthorized, http.StatusForbidden)(o)
	}
	if o.route.rates != nil {
		Errors(http.StatusTooManyRequests)(o)
	}
	if strings.Contains(o.Path, "{") {
		Errors(http.StatusNotFound)(o)
	}
	for _, status := range o.statuses {
		o.Responses[strconv.Itoa(status)] = a.problemResponse(status)
	}
}

// middleware wraps the handler in the checks of the operation.
func (o *operation) middleware(next http.Handler) http.Handler {
	if o.hasKey {
		next = oneKey(next)
	}
	switch {
	case o.json != nil:
		next = o.json.read(next)
	case !o.hasBody:
		next = refuseBody(next)
	}
	return next
}

// Page registers a handler that is not an API operation, such as an HTML page, an image or
// a redirect. Its policy applies as for Handle.
func Page(a *API, pattern string, policy Policy, handler http.Handler) {
	method, path, _ := strings.Cut(pattern, " ")
	a.router.Method(method, path, a.protect(a.newRoute(pattern, path, policy), refuseInvalid(limitConcurrency(handler))))
}

var notModified = &huma.Response{Description: "not modified since the response that the client has"}
