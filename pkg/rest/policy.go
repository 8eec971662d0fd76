package rest

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5/middleware"
)

// Policy holds all rules for a route except its handler. Every field but Compress must be
// set: copy one of the policies below and change it.
type Policy struct {
	Audience    Audience
	RateLimit   RateLimit
	Concurrency Concurrency
	Cache       string // Cache-Control of successful responses; errors are never stored
	CORS        CORS
	CSP         string // Content-Security-Policy
	Compress    bool   // never for responses with secrets: their length would reveal them (BREACH)
	Query       Query
}

// Audience is Everyone, or the callers that a guard accepts.
type Audience struct {
	everyone bool
	guard    Guard
}

// Everyone is the audience of routes that need no login.
var Everyone = Audience{everyone: true}

// Guard checks the Authorization header of a request. It returns a context with the
// caller, or a fault; with a fault, the context may be nil or name the rejected caller.
type Guard func(ctx context.Context, authorization string) (context.Context, error)

// RateLimit limits the requests of each caller. A caller is a user or, without a login, a
// network.
type RateLimit struct {
	Class     RateClass
	PerMinute int // additional limit for this route; 0: none
}

type (
	// RateClass names a limit that several routes share.
	RateClass string
	// Concurrency selects the pool of slots for requests in flight. A caller may take a
	// quarter of a pool.
	Concurrency string
	// CORS selects the origins whose web pages may use a route. Credentials such as
	// cookies are never allowed.
	CORS string
	// Query selects how unknown query parameters are handled.
	Query string
)

// The values of a Policy.
const (
	CallerRate RateClass = "caller" // Config.RateLimit
	PublicRate RateClass = "public" // Config.PublicRateLimit
	NoRate     RateClass = "none"

	SharedSlots Concurrency = "shared"    // Config.MaxRequests, shared with other routes
	OwnSlots    Concurrency = "own"       // a pool of the same size for this route alone
	Unbounded   Concurrency = "unbounded" // no limit

	ListedOrigins CORS = "listed" // Config.Origins
	AnyOrigin     CORS = "any"    // web pages of any origin may read

	StrictQuery  Query = "strict"  // unknown, repeated and empty parameters are errors
	LenientQuery Query = "lenient" // these are ignored
)

// Values of Policy.Cache and Policy.CSP.
const (
	NoStore = "no-store"
	// Revalidate is for responses with an ETag: only the client may store them, and it
	// must check that they are current.
	Revalidate = "private, no-cache"
	// DataCSP is for data: it loads nothing and cannot be shown in a frame.
	DataCSP = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
	// FileCSP is for uploaded files: scripts in them do not run.
	FileCSP = "sandbox; " + DataCSP
	docsCSP = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)

var (
	// Open is for API operations without a login, such as logging in.
	Open = Policy{
		Audience: Everyone, RateLimit: RateLimit{Class: CallerRate}, Concurrency: SharedSlots,
		Cache: NoStore, CORS: ListedOrigins, CSP: DataCSP, Query: StrictQuery,
	}
	// Public is for API operations that everyone may read, from web pages of any origin.
	Public = Policy{
		Audience: Everyone, RateLimit: RateLimit{Class: PublicRate}, Concurrency: SharedSlots,
		Cache: NoStore, CORS: AnyOrigin, CSP: DataCSP, Compress: true, Query: StrictQuery,
	}
	// Probe is for information about the service, such as health checks. It has no limits.
	Probe = Policy{
		Audience: Everyone, RateLimit: RateLimit{Class: NoRate}, Concurrency: Unbounded,
		Cache: NoStore, CORS: ListedOrigins, CSP: DataCSP, Query: StrictQuery,
	}
	// unrouted is for requests that match no route.
	unrouted = Policy{
		Audience: Everyone, RateLimit: RateLimit{Class: NoRate}, Concurrency: SharedSlots,
		Cache: NoStore, CORS: ListedOrigins, CSP: DataCSP, Query: LenientQuery,
	}
)

// SignedIn returns the policy for API operations whose callers must pass the guard.
func SignedIn(guard Guard) Policy {
	p := Open
	p.Audience = Audience{guard: guard}
	return p
}

// check returns an error if a field of p is not set.
func (p Policy) check() error {
	for _, field := range []struct {
		name string
		set  bool
	}{
		{"Audience", p.Audience.everyone != (p.Audience.guard != nil)}, {"RateLimit", p.RateLimit.Class != ""}, {"Concurrency", p.Concurrency != ""},
		{"Cache", p.Cache != ""}, {"CORS", p.CORS != ""}, {"CSP", p.CSP != ""}, {"Query", p.Query != ""},
	} {
		if !field.set {
			return fmt.Errorf("its policy has no %s", field.name)
		}
	}
	return nil
}

// route is a method and a path with a policy.
type route struct {
	name        string // for the RateLimit headers
	policy      Policy
	noAccessLog bool
	parameters  []*huma.Param
	rates       []*rateLimiter
	slots       *concurrencyLimiter // nil: unbounded
}

// newRoute panics if the policy is incomplete: no route may be served by accident.
func (a *API) newRoute(pattern, name string, policy Policy) *route {
	if err := policy.check(); err != nil {
		panic(fmt.Sprintf("rest: %s cannot be registered: %v", pattern, err))
	}
	rt := &route{name: name, policy: policy}
	switch policy.RateLimit.Class {
	case CallerRate:
		rt.rates = append(rt.rates, a.callerRate)
	case PublicRate:
		rt.rates = append(rt.rates, a.publicRate)
	}
	if n := policy.RateLimit.PerMinute; n > 0 {
		rt.rates = append(rt.rates, newRateLimiter(name, n))
	}
	switch policy.Concurrency {
	case SharedSlots:
		rt.slots = a.slots
	case OwnSlots:
		rt.slots = newConcurrencyLimiter(a.slots.total)
	}
	a.routes[pattern] = rt
	return rt
}

// protect returns a handler that applies the policy of a route.
func (a *API) protect(rt *route, next http.Handler) http.Handler {
	next = a.authorize(rt, next)
	if rt.policy.Query == StrictQuery {
		next = strictQuery(next)
	}
	if rt.policy.Compress {
		next = middleware.Compress(5, "application/json", "application/problem+json", "text/html", "text/css", "image/svg+xml")(next)
	}
	if rt.slots != nil {
		next = limitConcurrency(rt.slots, next)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stateOf(r.Context()).route = rt
		w.Header().Set("Cache-Control", rt.policy.Cache)
		w.Header().Set("Content-Security-Policy", rt.policy.CSP)
		next.ServeHTTP(w, r)
	})
}

// authorize runs the guard and charges the rate limits of the caller.
func (a *API) authorize(rt *route, next http.Handler) http.Handler {
	guard := rt.policy.Audience.guard
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, err := Network(r.Context()), error(nil)
		if guard != nil {
			var ctx context.Context
			if ctx, err = guard(r.Context(), r.Header.Get("Authorization")); ctx != nil {
				r = r.WithContext(ctx)
				Annotate(ctx, slog.String("user", a.user(ctx)))
			}
			if err == nil {
				caller = a.user(ctx)
				err = stateOf(ctx).slot.reassign(caller)
			}
		}
		for _, limiter := range rt.rates {
			if tooMany := limiter.take(w.Header(), caller); tooMany != nil {
				err = tooMany
				break
			}
		}
		if err != nil {
			writeProblem(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}
