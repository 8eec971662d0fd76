// Package rest is the HTTP shell of a service: huma on chi with one way to
// route, refuse, log, page, document and stop.
package rest

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/swaggest/swgui/v5emb"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/metrics"
	"github.com/battery-passport/suite/pkg/wire"
)

// Version is that of the API documents.
const Version = "1.0.0"

// defaultMaxRequests is for a Config that says nothing, as in a test.
const defaultMaxRequests = 256

// Options say what the service is.
type Options struct {
	Title       string // as "Passport Service"
	Description string
	Log         *slog.Logger
	User        func(context.Context) string // id of the caller, for the access log
	Checks      []Check                      // of what it depends on
	HTTP        Config
	Metrics     *metrics.Registry
}

// API is the HTTP face of a service. Routes are added by Handle, before the
// first request; serving is safe for concurrent use.
type API struct {
	huma     huma.API
	router   *chi.Mux
	log      *slog.Logger
	user     func(context.Context) string
	spec     func() []byte
	draining atomic.Bool
	config   Config
	patience Patience
	callers  *quota // of each user, or of each address without a login
	public   *quota // of each address, at what is public
	turns    *turns
	apart    map[string]*turns // by path, of operations that are bounded by themselves

	seconds  *metrics.Histogram
	inFlight metrics.Gauge
}

// New returns an API with its health, documentation and problem pages.
func New(o Options) *API {
	prepareHuma()
	a := &API{
		router: chi.NewRouter(), log: o.Log, user: o.User, config: o.HTTP, patience: o.HTTP.Patience.orDefault(),
		callers: newQuota("caller", o.HTTP.RateLimit), public: newQuota("public", o.HTTP.PublicRate),
		apart:    map[string]*turns{},
		turns:    newTurns(cmp.Or(o.HTTP.MaxRequests, defaultMaxRequests)),
		seconds:  o.Metrics.Seconds("http_request_duration_seconds", "Time to answer, by route; bodies that are streamed count until their end.", "method", "route", "code"),
		inFlight: o.Metrics.Gauge("http_requests_in_flight", "Requests that are being answered."),
	}
	if len(o.HTTP.TrustedProxies) > 0 {
		a.router.Use(behind(o.HTTP.TrustedProxies))
	}
	a.router.Use(a.identify, a.access, a.recover, foreign(o.HTTP.Origins), a.shed, a.prompt, compressed, query, middleware.GetHead)
	a.router.NotFound(func(w http.ResponseWriter, r *http.Request) {
		writeProblem(w, r, fault.New(fault.NotFound, "there is nothing at %s", r.URL.Path))
	})
	a.router.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		writeProblem(w, r, fault.New(fault.NotAllowed, "%s is not possible here", r.Method))
	})
	schemas := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	schemas.RegisterTypeAlias(reflect.TypeFor[wire.Value](), reflect.TypeFor[map[string]any]()) // not base64, as other bytes
	format := huma.Format{Marshal: wire.MarshalWrite, Unmarshal: wire.Unmarshal}
	a.huma = humachi.New(a.router, huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info:    &huma.Info{Title: o.Title, Version: Version, Description: o.Description},
			Components: &huma.Components{
				Schemas:         schemas,
				SecuritySchemes: map[string]*huma.SecurityScheme{bearer: {Type: "http", Scheme: "bearer", BearerFormat: "JWT"}},
			},
		},
		Formats:                      map[string]huma.Format{"application/json": format, "json": format},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
	})
	a.spec = sync.OnceValue(func() []byte {
		data, err := json.MarshalIndent(a.huma.OpenAPI(), "", "  ")
		if err != nil {
			panic(err) // the document is made of our own types
		}
		return append(data, '\n')
	})
	a.document(o)
	a.health(o)
	return a
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.router.ServeHTTP(w, r) }

// Routes returns all that is answered, as "GET /api/x": also what no operation is.
func (a *API) Routes() (all []string) {
	_ = chi.Walk(a.router, func(method, path string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		all = append(all, method+" "+path)
		return nil
	})
	return all
}

// Spec returns the OpenAPI document as indented JSON.
func (a *API) Spec() []byte { return a.spec() }

// Define puts a schema in the place of that of a type in the OpenAPI document,
// once the operations are there.
func (a *API) Define(name string, schema map[string]any) {
	a.huma.OpenAPI().Components.Schemas.Map()[name] = &huma.Schema{Extensions: schema}
}

// document serves /openapi.json, /docs and a page for each type of problem.
func (a *API) document(o Options) {
	page := v5emb.New(o.Title, "/openapi.json", "/docs")
	docs := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", itsOwn)
		page.ServeHTTP(w, r)
	})
	a.router.Method(http.MethodGet, "/docs", docs)
	a.router.Method(http.MethodGet, "/docs/*", docs)
	a.router.Get("/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(a.Spec())
	})
	a.router.Get(problems+"{kind}", problemPage)
}

const bearer = "bearer"

// An Option changes one operation.
type Option func(*huma.Operation)

// Status sets the status of success where it is not 200.
func Status(status int) Option { return func(op *huma.Operation) { op.DefaultStatus = status } }

// MaxBody sets the size in bytes above which a body is refused, 64 KiB where it
// is not set.
func MaxBody(size int64) Option { return func(op *huma.Operation) { op.MaxBodyBytes = size } }

// Fails adds statuses of failure to those that all such operations have.
func Fails(statuses ...int) Option {
	return func(op *huma.Operation) { op.Errors = append(op.Errors, statuses...) }
}

// Describe adds a description to the summary.
func Describe(text string) Option { return func(op *huma.Operation) { op.Description = text } }

// JSON is a body that its handler reads itself: it is documented as T, and
// only known to be one JSON value.
type JSON[T any] struct{ wire.Value }

// Schema implements huma.SchemaProvider.
func (JSON[T]) Schema(r huma.Registry) *huma.Schema { return r.Schema(reflect.TypeFor[T](), true, "") }

func (JSON[T]) raw() {}

// Quiet has the requests logged at the level of debugging, for what is asked all
// the time by those who say themselves when the answer is not good.
func Quiet(op *huma.Operation) {
	op.Middlewares = append(op.Middlewares, func(hc huma.Context, next func(huma.Context)) {
		hc.Context().Value(contextKey{}).(*entry).quiet = true
		next(hc)
	})
}

// Handle adds an operation. The route is a method and a path, as "GET /api/x";
// I and O are the structs of huma. What handler fails with is answered as a
// problem: a fault as it says, anything else as 500 without its text.
func Handle[I, O any](a *API, route string, guard Guard, handler func(context.Context, *I) (*O, error), summary string, options ...Option) {
	method, path, _ := strings.Cut(route, " ")
	op := huma.Operation{
		Method: method, Path: path, Summary: summary,
		OperationID: strings.ReplaceAll(strings.ToLower(summary), " ", "-"),
		Tags:        []string{tag(path)},
		Responses:   map[string]*huma.Response{"431": headerTooLarge},
		Metadata:    map[string]any{},
	}
	for _, o := range options {
		o(&op)
	}
	statuses := []int{http.StatusInternalServerError, http.StatusServiceUnavailable, http.StatusUnprocessableEntity}
	op.Middlewares = append(op.Middlewares, a.limits(&op, guard == nil)...)
	if guard != nil {
		op.Security = []map[string][]string{{bearer: {}}}
		statuses = append(statuses, http.StatusUnauthorized, http.StatusForbidden)
		op.Middlewares = append(op.Middlewares, a.guarded(guard))
	}
	if strings.Contains(path, "{") {
		statuses = append(statuses, http.StatusNotFound)
	}
	statuses = append(statuses, fit(&op, reflect.TypeFor[I](), reflect.TypeFor[O]())...)
	op.Errors = append(op.Errors, statuses...)
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err != nil {
			return nil, newProblem(ctx, err)
		}
		return out, nil
	})
	if form, ok := reflect.TypeFor[I]().FieldByName(formField); ok {
		a.documentForm(path, form)
	}
	if lines, ok := reflect.TypeFor[I]().FieldByName(linesField); ok {
		a.documentLines(path, lines)
	}
}

// headerTooLarge comes before any operation is known, and not as a problem.
var headerTooLarge = &huma.Response{
	Description: "the address and the headers are too large", Content: map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}},
}

// fit fits an operation to its input and output, and returns the statuses of
// failure that come with them.
func fit(op *huma.Operation, in, out reflect.Type) (statuses []int) {
	if again, ok := in.FieldByName("Again"); ok && again.Type == reflect.TypeFor[Again]() {
		op.Middlewares = append(op.Middlewares, oneKey)
	}
	if body, ok := in.FieldByName("Body"); ok {
		statuses = append(statuses, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
		op.Middlewares = append(op.Middlewares, jsonBody(op, body))
	}
	if _, ok := in.FieldByName(formField); ok {
		statuses = append(statuses, http.StatusBadRequest, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	if _, ok := in.FieldByName(linesField); ok {
		statuses = append(statuses, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	if strings.HasPrefix(op.Path, publicPath) {
		statuses = append(statuses, http.StatusGone)
	}
	if _, ok := in.FieldByName("IfMatch"); ok {
		statuses = append(statuses, http.StatusBadRequest, http.StatusPreconditionFailed)
	}
	if _, ok := in.FieldByName("IfNoneMatch"); ok {
		op.Responses["304"] = &huma.Response{Description: "what has the ETag at hand has not changed"}
	}
	if _, ok := in.FieldByName("Cursor"); ok {
		statuses = append(statuses, http.StatusBadRequest)
	}
	if out == reflect.TypeFor[Download]() {
		statuses = append(statuses, documentDownload(op))
	}
	return statuses
}

// tag groups the operations of the document by what they are about.
func tag(path string) string {
	if rest, ok := strings.CutPrefix(path, "/api/"); ok {
		noun, _, _ := strings.Cut(rest, "/")
		return noun
	}
	return "service"
}
