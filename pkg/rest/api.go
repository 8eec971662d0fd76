// Package rest is the HTTP layer of all services: huma on chi, with route policies,
// problem details, rate and concurrency limits, access log, health checks, OpenAPI
// document and graceful shutdown.
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

// Version is the version in the OpenAPI documents.
const Version = "1.0.0"

// defaultMaxRequests applies to a zero Config, which tests use.
const defaultMaxRequests = 256

// Options configure an API.
type Options struct {
	Title       string // such as "Passport Service"
	Description string
	Log         *slog.Logger
	User        func(context.Context) string // returns the id of the signed-in caller
	Checks      []Check                      // of the dependencies, for /readyz
	HTTP        Config
	Metrics     prometheus.Registerer // nil: not exported
}

// API is an http.Handler that serves the routes of a service. Handle and Page add
// routes and must not be called after the first request.
type API struct {
	huma       huma.API
	router     *chi.Mux
	routes     map[string]*route // by method and path
	log        *slog.Logger
	user       func(context.Context) string
	spec       func() []byte
	draining   atomic.Bool
	config     Config
	timeouts   Timeouts
	callerRate *rateLimiter
	publicRate *rateLimiter
	slots      *concurrencyLimiter

	durations *prometheus.HistogramVec
	inFlight  prometheus.Gauge
}

// New returns an API with the routes that every service has: health checks, API
// documentation and descriptions of the problem types.
func New(o Options) *API {
	prepareHuma()
	a := &API{
		router: chi.NewRouter(), routes: map[string]*route{}, log: o.Log, user: o.User, config: o.HTTP, timeouts: o.HTTP.Timeouts.orDefault(),
		callerRate: newRateLimiter("caller", o.HTTP.RateLimit), publicRate: newRateLimiter("public", o.HTTP.PublicRateLimit),
		slots: newConcurrencyLimiter(cmp.Or(o.HTTP.MaxRequests, defaultMaxRequests)),
		durations: promauto.With(o.Metrics).NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_request_duration_seconds", Help: "Duration of HTTP requests by route, including streamed request and response bodies.", Buckets: metrics.DurationBuckets,
		}, []string{"method", "route", "code"}),
		inFlight: promauto.With(o.Metrics).NewGauge(prometheus.GaugeOpts{Name: "http_requests_in_flight", Help: "HTTP requests in flight."}),
	}
	if len(o.HTTP.TrustedProxies) > 0 {
		a.router.Use(clientIP(o.HTTP.TrustedProxies))
	}
	a.router.Use(a.identify, a.logAccess, a.paceResponse, a.recover, a.cors, middleware.GetHead)
	noRoute := a.newRoute("unrouted", "unrouted", unrouted)
	a.router.NotFound(a.protect(noRoute, http.HandlerFunc(notFound)).ServeHTTP)
	a.router.MethodNotAllowed(a.protect(noRoute, http.HandlerFunc(a.methodNotAllowed)).ServeHTTP)
	a.huma = a.newHuma(o)
	a.spec = sync.OnceValue(func() []byte {
		data, err := json.MarshalIndent(a.huma.OpenAPI(), "", "  ")
		if err != nil {
			panic(err) // not possible: the document has only types that can be marshalled
		}
		return append(data, '\n')
	})
	a.document(o)
	a.health(o)
	return a
}

func (a *API) newHuma(o Options) huma.API {
	schemas := huma.NewMapRegistry("#/components/schemas/", schemaName)
	schemas.RegisterTypeAlias(reflect.TypeFor[wire.Value](), reflect.TypeFor[map[string]any]()) // without it, huma documents a []byte as base64
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

// schemaName returns "PassportList" for List[Passport] and "ReportResult" for
// Result[Report]. For other types it returns the default name of huma.
func schemaName(t reflect.Type, hint string) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	name := huma.DefaultSchemaNamer(t, hint)
	for _, generic := range []string{"List", "Result"} {
		if strings.HasPrefix(t.Name(), generic+"[") {
			return strings.TrimPrefix(name, generic) + generic
		}
	}
	return name
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.router.ServeHTTP(w, r) }

// Routes returns the patterns of all routes.
func (a *API) Routes() (all []string) {
	_ = chi.Walk(a.router, func(method, path string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		all = append(all, method+" "+path)
		return nil
	})
	return all
}

// Spec returns the OpenAPI document as indented JSON.
func (a *API) Spec() []byte { return a.spec() }

// Schema replaces the schema with this name in the OpenAPI document. It must be called
// after the operations are registered.
func (a *API) Schema(name string, schema map[string]any) {
	a.huma.OpenAPI().Components.Schemas.Map()[name] = &huma.Schema{Extensions: schema}
}

const bearer = "bearer"

// document serves /openapi.json, /docs and a description of each problem type.
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
	writeProblem(w, r, fault.New(fault.NotFound, "%s was not found", r.URL.Path))
}

// methodNotAllowed lists the methods of the matching pattern with the fewest
// parameters. For /things/new these are the methods of /things/new, not those of
// /things/{id}, which matches too.
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
	writeProblem(w, r, fault.New(notAllowed, "method %s is not allowed for this path", r.Method))
}

// match returns the route for a method and the path of a request, or nil. Use it for
// response headers only, not to protect a request: the router may run another route.
func (a *API) match(method string, r *http.Request) *route { return a.routes[a.pattern(method, r)] }

func (a *API) pattern(method string, r *http.Request) string {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	path := cmp.Or(r.URL.RawPath, r.URL.Path, "/")
	return method + " " + a.router.Find(chi.NewRouteContext(), method, path)
}
