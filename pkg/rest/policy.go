package rest

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5/middleware"
)

// A Policy says how a route is served, apart from its handler. Every field but
// Compress must be set: take one of the policies below and change what differs.
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

// Audience is who may use a route: Everyone, or the callers whom a guard admits.
type Audience struct {
	everyone bool
	guard    Guard
}

// Everyone needs no login.
var Everyone = Audience{everyone: true}

// A Guard admits a request by its Authorization header, or fails with a fault.
// The context it returns says who the caller is, also where it refuses them.
type Guard func(ctx context.Context, authorization string) (context.Context, error)

// RateLimit is how many requests a caller may send. A caller is a user or,
// without a login, a network.
type RateLimit struct {
	Class     RateClass
	PerMinute int // a further limit for this route alone; 0: none
}

type (
	// A RateClass is a limit that many routes share.
	RateClass string
	// Concurrency is which slots the requests occupy while they are answered. A
	// caller gets a quarter of them at most.
	Concurrency string
	// CORS is which web pages of other origins may use a route. None may send
	// credentials.
	CORS string
	// Query is what happens to query parameters that a route does not have.
	Query string
)

// The values of a Policy.
const (
	CallerRate RateClass = "caller" // Config.RateLimit
	PublicRate RateClass = "public" // Config.PublicRateLimit
	NoRate     RateClass = "none"

	SharedSlots Concurrency = "shared"    // Config.MaxRequests, with all other routes
	OwnSlots    Concurrency = "own"       // as many again for this route alone
	Unbounded   Concurrency = "unbounded" // always answered

	ListedOrigins CORS = "listed" // Config.Origins
	AnyOrigin     CORS = "any"    // every page may read

	StrictQuery  Query = "strict"  // unknown, repeated and empty parameters are errors
	LenientQuery Query = "lenient" // they are ignored
)

// Values of Policy.Cache and Policy.CSP.
const (
	NoStore = "no-store"
	// Revalidate is for responses with an ETag that only their reader may keep.
	Revalidate = "private, no-cache"
	// DataCSP is for responses that are data: they load nothing and are framed nowhere.
	DataCSP = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
	// FileCSP is for files of users: whatever they hold, it does not run.
	FileCSP = "sandbox; " + DataCSP
	docsCSP = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)

var (
	// Open is for API operations without a login, such as the login itself.
	Open = Policy{
		Audience: Everyone, RateLimit: RateLimit{Class: CallerRate}, Concurrency: SharedSlots,
		Cache: NoStore, CORS: ListedOrigins, CSP: DataCSP, Query: StrictQuery,
	}
	// Public is for API operations that everyone may read, from every web page.
	Public = Policy{
		Audience: Everyone, RateLimit: RateLimit{Class: PublicRate}, Concurrency: SharedSlots,
		Cache: NoStore, CORS: AnyOrigin, CSP: DataCSP, Compress: true, Query: StrictQuery,
	}
	// Probe is for what machines ask about the service itself. It is always answered.
	Probe = Policy{
		Audience: Everyone, RateLimit: RateLimit{Class: NoRate}, Concurrency: Unbounded,
		Cache: NoStore, CORS: ListedOrigins, CSP: DataCSP, Query: StrictQuery,
	}
	// unrouted is for requests that no route answers.
	unrouted = Policy{
		Audience: Everyone, RateLimit: RateLimit{Class: NoRate}, Concurrency: SharedSlots,
		Cache: NoStore, CORS: ListedOrigins, CSP: DataCSP, Query: LenientQuery,
	}
)

// SignedIn is for API operations whose callers a guard admits.
func SignedIn(guard Guard) Policy {
	p := Open
	p.Audience = Audience{guard: guard}
	return p
}

// check returns what is missing in p.
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

// A route is a method and a path with their policy.
type route struct {
	name        string // in the headers of rate limits
	policy      Policy
	noAccessLog bool
	parameters  []*huma.Param
	rates       []*rateLimiter
	slots       *concurrencyLimiter // nil: unbounded
}

// newRoute panics when something is missing in the policy: a route that nobody
// decided about must not be served.
func (a *API) newRoute(pattern, name string, policy Policy) *route {
	if err := policy.check(); err != nil {
		panic(fmt.Sprintf("rest: %s cannot be registered: %v", pattern, err))
	}
	rt := &route{name: name, policy: policy}
	switch policy.RateLimit.Class {
	case CallerRate:
		rt.rates = append(rt.rates, a.callers)
	case PublicRate:
		rt.rates = append(rt.rates, a.public)
	}
	if n := policy.RateLimit.PerMinute; n > 0 {
		rt.rates = append(rt.rates, newRateLimiter(name, n))
	}
	switch policy.Concurrency {
	case SharedSlots:
		rt.slots = a.slots
	case OwnSlots:
		rt.slots = newConcurrencyLimiter(a.slots.most)
	}
	a.routes[pattern] = rt
	return rt
}

// protect applies the policy of a route to the requests for it.
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

// authorize runs the guard and charges the caller's rate limits.
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
