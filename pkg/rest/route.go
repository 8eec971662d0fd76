package rest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
)

// operation is an API operation while it is registered.
type operation struct {
	huma.Operation
	noAccessLog bool
	parameters  []string // that an option stands for
	json        *jsonBody
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

// Idempotent is for inputs with an IdempotencyKey.
func Idempotent(o *operation) { o.parameters = append(o.parameters, keyHeader) }

// Conditional is for inputs with a Precondition.
func Conditional(o *operation) {
	o.parameters = append(o.parameters, "If-Match")
	Errors(http.StatusBadRequest, http.StatusPreconditionFailed)(o)
}

// Revalidated is for inputs with an If-None-Match header.
func Revalidated(o *operation) {
	o.parameters = append(o.parameters, "If-None-Match")
	o.Responses["304"] = &huma.Response{Description: "what has the ETag at hand has not changed"}
}

// Paged is for inputs with Paging.
func Paged(o *operation) {
	o.parameters = append(o.parameters, "cursor")
	Errors(http.StatusBadRequest)(o)
}

// Handle registers an API operation. The route is a method and a path, such as
// "GET /api/things"; I and O are input and output structs of huma. An error of
// handler is answered as a problem: a fault as it is, anything else as 500
// without its text. Handle panics when the policy is incomplete, or when the
// options do not fit the input.
func Handle[I, O any](a *API, pattern string, policy Policy, handler func(context.Context, *I) (*O, error), summary string, options ...Option) {
	method, path, _ := strings.Cut(pattern, " ")
	o := &operation{Operation: huma.Operation{
		Method: method, Path: path, Summary: summary,
		OperationID: strings.ReplaceAll(strings.ToLower(summary), " ", "-"),
		Tags:        []string{tag(path)},
		Responses:   map[string]*huma.Response{"431": headerTooLarge},
	}}
	for _, option := range options {
		option(o)
	}
	rt := a.newRoute(pattern, o.OperationID, policy)
	rt.noAccessLog = o.noAccessLog
	o.RejectUnknownQueryParameters = policy.Query == StrictQuery
	Errors(http.StatusInternalServerError, http.StatusServiceUnavailable, http.StatusUnprocessableEntity)(o)
	if policy.Audience.guard != nil {
		o.Security = []map[string][]string{{bearer: {}}}
		Errors(http.StatusUnauthorized, http.StatusForbidden)(o)
	}
	if rt.rates != nil {
		Errors(http.StatusTooManyRequests)(o)
	}
	if strings.Contains(path, "{") {
		Errors(http.StatusNotFound)(o)
	}
	target := &adapter{Adapter: a.huma.Adapter(), route: func(next http.Handler) http.Handler { return a.protect(rt, o.middleware(next)) }, api: a}
	huma.Register(registrar{a.huma, target}, o.Operation, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err != nil {
			return nil, newProblem(ctx, err)
		}
		return out, nil
	})
	o.check(target.op)
	rt.parameters = target.op.Parameters
	if o.finish != nil {
		o.finish(target.op, a.huma.OpenAPI().Components.Schemas)
	}
}

// middleware is what the options put in front of the handler.
func (o *operation) middleware(next http.Handler) http.Handler {
	if slices.Contains(o.parameters, keyHeader) {
		next = oneKey(next)
	}
	if o.json != nil {
		next = o.json.read(next)
	}
	return next
}

// check panics when the input has a body or a parameter without the option that
// gives it its meaning, or the other way round.
func (o *operation) check(op *huma.Operation) {
	fail := func(what string) {
		panic(fmt.Sprintf("rest: %s %s: option and input differ: %s", op.Method, op.Path, what))
	}
	if (op.RequestBody != nil) != (o.json != nil) {
		fail("JSONBody")
	}
	for _, name := range []string{keyHeader, "If-Match", "If-None-Match", "cursor"} {
		has := slices.ContainsFunc(op.Parameters, func(p *huma.Param) bool { return p.Name == name })
		if has != slices.Contains(o.parameters, name) {
			fail(name)
		}
	}
}

// registrar is a huma.API that registers one operation behind its policy.
type registrar struct {
	huma.API
	adapter *adapter
}

func (r registrar) Adapter() huma.Adapter { return r.adapter }

type adapter struct {
	huma.Adapter
	api   *API
	route func(http.Handler) http.Handler
	op    *huma.Operation
}

// Handle implements huma.Adapter.
func (a *adapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	a.op = op
	humachi.NewAdapter(a.api.router.With(a.route)).Handle(op, handler)
}

// Page registers any other handler under the same rules: a page, an image, a
// redirect. Its policy is all that protects it.
func Page(a *API, pattern string, policy Policy, handler http.Handler) {
	method, path, _ := strings.Cut(pattern, " ")
	a.router.Method(method, path, a.protect(a.newRoute(pattern, path, policy), handler))
}

// headerTooLarge is answered by package http, before a route is known.
var headerTooLarge = &huma.Response{
	Description: "the address and the headers are too large", Content: map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}},
}

func tag(path string) string {
	if segments := strings.Split(path, "/"); len(segments) > 2 {
		return segments[2]
	}
	return "service"
}
