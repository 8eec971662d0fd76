// Package rest is the HTTP shell of a service: huma on chi, with one way to
// route, protect, log, document and stop.
package rest

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"math"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/swaggest/swgui/v5emb"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/metrics"
	"github.com/battery-passport/suite/pkg/wire"
)

// Version is that of the API documents.
const Version = "1.0.0"

// defaultMaxRequests is for a zero Config, as in tests.
const defaultMaxRequests = 256

// Options describe the service.
type Options struct {
	Title       string // such as "Passport Service"
	Description string
	Log         *slog.Logger
	User        func(context.Context) string // id of the caller
	Checks      []Check                      // of what it depends on
	HTTP        Config
	Metrics     prometheus.Registerer // nil: none
}

// API is the HTTP face of a service. Routes are added by Handle and Page, before
// the first request; serving is safe for concurrent use.
type API struct {
	huma     huma.API
	router   *chi.Mux
	routes   map[string]*route // by method and path
	log      *slog.Logger
	user     func(context.Context) string
	spec     func() []byte
	draining atomic.Bool
	config   Config
	timeouts Timeouts
	callers  *rateLimiter
	public   *rateLimiter
	slots    *concurrencyLimiter

	seconds  *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

// New returns an API with its health, documentation and problem pages.
func New(o Options) *API {
	prepareHuma()
	a := &API{
		router: chi.NewRouter(), routes: map[string]*route{}, log: o.Log, user: o.User, config: o.HTTP, timeouts: o.HTTP.Timeouts.orDefault(),
		callers: newRateLimiter("caller", o.HTTP.RateLimit), public: newRateLimiter("public", o.HTTP.PublicRateLimit),
		slots: newConcurrencyLimiter(cmp.Or(o.HTTP.MaxRequests, defaultMaxRequests)),
		seconds: promauto.With(o.Metrics).NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_request_duration_seconds", Help: "Time to answer, by route; bodies that are streamed count until their end.", Buckets: metrics.DurationBuckets,
		}, []string{"method", "route", "code"}),
		inFlight: promauto.With(o.Metrics).NewGauge(prometheus.GaugeOpts{Name: "http_requests_in_flight", Help: "Requests that are being answered."}),
	}
	if len(o.HTTP.TrustedProxies) > 0 {
		a.router.Use(clientIP(o.HTTP.TrustedProxies))
	}
	a.router.Use(a.identify, a.logAccess, a.paceResponse, a.recover, a.cors, middleware.GetHead)
	nowhere := a.newRoute("unrouted", "unrouted", unrouted)
	a.router.NotFound(a.protect(nowhere, http.HandlerFunc(notFound)).ServeHTTP)
	a.router.MethodNotAllowed(a.protect(nowhere, http.HandlerFunc(a.methodNotAllowed)).ServeHTTP)
	a.huma = a.newHuma(o)
	a.spec = sync.OnceValue(func() []byte {
		data, err := json.MarshalIndent(a.huma.OpenAPI(), "", "  ")
		if err != nil {
			panic(err) // the document consists of our own types
		}
		return append(data, '\n')
	})
	a.document(o)
	a.health(o)
	return a
}

func (a *API) newHuma(o Options) huma.API {
	schemas := huma.NewMapRegistry("#/components/schemas/", schemaName)
	schemas.RegisterTypeAlias(reflect.TypeFor[wire.Value](), reflect.TypeFor[map[string]any]()) // not base64, as other bytes
	format := huma.Format{Marshal: wire.MarshalWrite, Unmarshal: wire.Unmarshal}
	return huma.NewAPI(huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info:    &huma.Info{Title: o.Title, Version: Version, Description: o.Description},
			Components: &huma.Components{
				Schemas:         schemas,
				SecuritySchemes: map[string]*huma.SecurityScheme{bearer: {Type: "http", Scheme: "bearer", BearerFormat: "JWT"}},
			},
		},
		Formats:       map[string]huma.Format{"application/json": format, "json": format},
		DefaultFormat: "application/json",
	}, adapter{humachi.NewAdapter(a.router), a})
}

// schemaName names List[Passport] PassportList and Result[Report] ReportResult. Other
// types are named as in huma.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for _, generic := range []string{"List", "Result"} {
		if item, ok := strings.CutPrefix(name, generic); ok && item != "" {
			return item + generic
		}
	}
	return name
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.router.ServeHTTP(w, r) }

// Routes returns the pattern of every route, operations and pages.
func (a *API) Routes() (all []string) {
	_ = chi.Walk(a.router, func(method, path string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		all = append(all, method+" "+path)
		return nil
	})
	return all
}

// Spec returns the OpenAPI document as indented JSON.
func (a *API) Spec() []byte { return a.spec() }

// Schema replaces the schema of a type in the OpenAPI document, once the
// operations are registered.
func (a *API) Schema(name string, schema map[string]any) {
	a.huma.OpenAPI().Components.Schemas.Map()[name] = &huma.Schema{Extensions: schema}
}

const bearer = "bearer"

// document serves /openapi.json, /docs and a page for each type of problem.
func (a *API) document(o Options) {
	page, docs := v5emb.New(o.Title, "/openapi.json", "/docs"), Probe
	docs.CSP, docs.Query = docsCSP, LenientQuery
	Page(a, "GET /docs", docs, page)
	Page(a, "GET /docs/*", docs, page)
	Page(a, "GET /openapi.json", Probe, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(a.Spec())
	}))
	Page(a, "GET "+problems+"{kind}", Probe, http.HandlerFunc(problemPage))
}

func notFound(w http.ResponseWriter, r *http.Request) {
	writeProblem(w, r, fault.New(fault.NotFound, "there is nothing at %s", r.URL.Path))
}

// methodNotAllowed lists the methods of the pattern with the fewest parameters: PUT
// /things/{id} also matches /things/new, but is no method of it.
func (a *API) methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	fewest := math.MaxInt
	for _, method := range methods {
		pattern := a.pattern(method, r)
		parameters := strings.Count(pattern, "{")
		if a.routes[pattern] == nil || parameters > fewest {
			continue
		}
		if parameters < fewest {
			fewest, allowed = parameters, nil
		}
		allowed = append(allowed, method)
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	writeProblem(w, r, fault.New(notAllowed, "%s is not possible here", r.Method))
}

// match returns the route that a method would reach at the path of a request, or
// nil. It decides nothing but headers: a request is protected by the route that
// the router runs.
func (a *API) match(method string, r *http.Request) *route { return a.routes[a.pattern(method, r)] }

func (a *API) pattern(method string, r *http.Request) string {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	path := cmp.Or(r.URL.RawPath, r.URL.Path, "/")
	return method + " " + a.router.Find(chi.NewRouteContext(), method, path)
}
