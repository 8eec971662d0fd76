// Package rest is the HTTP layer of all services: huma on chi, with route policies,
// problem details, rate and concurrency limits, access log, health checks, OpenAPI
// document and graceful shutdown.
package rest

import (
	"cmp"
	"context"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/metrics"
	"github.com/battery-passport/suite/pkg/wire"
)

// Options configure an API.
type Options struct {
	Document Document
	Log      *slog.Logger
	User     func(context.Context) string // returns the id of the signed-in caller
	Group    func(context.Context) string // returns the organisation of the signed-in caller, SelfRegistered or ""; may be nil
	Checks   []Check                      // of the dependencies, for /readyz
	HTTP     Config
	Metrics  prometheus.Registerer // nil: not exported
}

// API is an http.Handler that serves the routes of a service. Handle and Page add
// routes and must not be called after the first request.
type API struct {
	huma        huma.API
	router      *chi.Mux
	routes      map[string]*route // by method and path
	log         *slog.Logger
	user        func(context.Context) string
	group       func(context.Context) string
	spec        func() []byte
	requests    []*huma.Schema               // schemas of all request bodies
	examples    map[string]operationExamples // by operation id
	enums       map[string]any               // values of a member in all schemas, see MemberValues
	notEmpty    []string                     // members, see NotEmpty
	draining    atomic.Bool
	config      Config
	timeouts    Timeouts
	rates       map[RateClass]*rateLimiter
	memberRate  *rateLimiter // of the users of a network
	pools       map[Concurrency]*pool
	proxies     proxyWatch
	unavailable unavailable

	durations *prometheus.HistogramVec
	inFlight  prometheus.Gauge
}

// New returns an API with the routes that every service has: health checks, API
// documentation and descriptions of the problem types.
func New(o Options) *API {
	prepareHuma()
	a := &API{
		router: chi.NewRouter(), routes: map[string]*route{}, log: o.Log, user: o.User, group: o.Group, config: o.HTTP, timeouts: o.HTTP.Timeouts.orDefault(),
		rates: map[RateClass]*rateLimiter{
			CallerRate: newRateLimiter("caller", o.HTTP.RateLimit), PublicRate: newRateLimiter("public", o.HTTP.PublicRateLimit), ServiceRate: newRateLimiter("service", serviceRate),
		},
		memberRate: newRateLimiter("network", memberFactor*o.HTTP.RateLimit),
		pools:      newPools(o.HTTP),
		examples:   parseExamples(o.Document.Examples),
		enums:      map[string]any{},
		durations: promauto.With(o.Metrics).NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_request_duration_seconds", Help: "Duration of HTTP requests by route, including streamed request and response bodies.", Buckets: metrics.DurationBuckets,
		}, []string{"method", "route", "code"}),
		inFlight: promauto.With(o.Metrics).NewGauge(prometheus.GaugeOpts{Name: "http_requests_in_flight", Help: "HTTP requests in flight."}),
	}
	if a.group == nil {
		a.group = func(context.Context) string { return "" }
	}
	if len(o.HTTP.TrustedProxies) > 0 {
		a.router.Use(clientIP(o.HTTP.TrustedProxies))
	}
	a.router.Use(a.identify, a.logAccess, a.paceResponse, a.recover, a.cors, middleware.GetHead)
	noRoute := a.newRoute(unroutedName, unroutedName, unrouted)
	a.router.NotFound(a.protect(noRoute, limitConcurrency(http.HandlerFunc(NotFound))).ServeHTTP)
	a.router.MethodNotAllowed(a.protect(noRoute, limitConcurrency(http.HandlerFunc(a.methodNotAllowed))).ServeHTTP)
	a.huma = a.newHuma(o)
	a.spec = sync.OnceValue(a.marshalSpec)
	a.document(o)
	a.health(o)
	return a
}

func (a *API) newHuma(o Options) huma.API {
	format := huma.Format{Marshal: wire.MarshalWrite, Unmarshal: wire.Unmarshal}
	return huma.NewAPI(huma.Config{
		OpenAPI:       newOpenAPI(o.Document),
		Formats:       map[string]huma.Format{"application/json": format, "json": format},
		DefaultFormat: "application/json",
	}, adapter{humachi.NewAdapter(a.router), a})
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

const bearer = "bearer"

// unroutedName is the name of the route of requests that match no other route.
const unroutedName = "unrouted"

// Unrouted sets the handler for requests that match no route, and its policy.
func (a *API) Unrouted(policy Policy, handler http.Handler) {
	a.router.NotFound(a.protect(a.newRoute(unroutedName, unroutedName, policy), refuseInvalid(limitConcurrency(handler))).ServeHTTP)
}

// NotFound answers a request that matches no route.
func NotFound(w http.ResponseWriter, r *http.Request) {
	WriteProblem(w, r, fault.New(fault.NotFound, "%s was not found", r.URL.Path))
}

// methodNotAllowed lists the methods of the matching pattern with the fewest
// parameters. For /things/new these are the methods of /things/new, not those of
// /things/{id}, which matches too.
func (a *API) methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	fewest := math.MaxInt
	for _, method := range append(methods, http.MethodOptions) {
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
	MethodNotAllowed(w, r, strings.Join(allowed, ", "))
}

// MethodNotAllowed answers a request whose method is not in a list for the header Allow.
func MethodNotAllowed(w http.ResponseWriter, r *http.Request, allowed string) {
	w.Header().Set("Allow", allowed)
	WriteProblem(w, r, fault.New(notAllowed, "method %s is not allowed for this path", r.Method))
}

// match returns the route for a method and the path of a request, or that of requests that
// match no route. Use it for response headers only, not to protect a request: the router may
// run another route.
func (a *API) match(method string, r *http.Request) *route {
	return cmp.Or(a.routes[a.pattern(method, r)], a.routes[unroutedName])
}

func (a *API) pattern(method string, r *http.Request) string {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	path := cmp.Or(r.URL.RawPath, r.URL.Path, "/")
	return method + " " + a.router.Find(chi.NewRouteContext(), method, path)
}
