package rest

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5/middleware"
)

// Policy holds all rules for a route except its handler. Every field up to Query but Compress
// must be set: copy one of the policies below and change it.
type Policy struct {
	Audience    Audience
	RateLimit   RateLimit
	Concurrency Concurrency
	Cache       string // Cache-Control of successful responses; errors are never stored
	CORS        CORS
	CSP         string // Content-Security-Policy
	Compress    bool   // never for responses with secrets: their length would reveal them (BREACH)
	Query       Query
	AnyHost     bool // not restricted to Config.AllowedHosts

	// ErrorPage writes the response to a request that fails with an error, or returns
	// false if the response should be a problem. May be nil.
	ErrorPage func(w http.ResponseWriter, r *http.Request, status int, err error) bool
}

// Audience is Everyone, Recognised, or the callers that a guard accepts.
type Audience struct {
	everyone  bool
	guard     Guard
	perMinute int
}

// Everyone is the audience of routes that need no login.
var Everyone = Audience{everyone: true}

// Recognised is the audience of routes that need no login, but on which callers that the
// guard accepts have a rate limit of their own instead of those of their network.
func Recognised(guard Guard, perMinute int) Audience {
	return Audience{everyone: true, guard: guard, perMinute: perMinute}
}

// isRestricted reports whether the guard can refuse a request.
func (a Audience) isRestricted() bool { return !a.everyone && a.guard != nil }

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
	// Concurrency selects the pool of slots for requests in progress.
	Concurrency string
	// CORS selects the origins whose web pages may use a route. Credentials such as
	// cookies are never allowed.
	CORS string
	// Query selects how unknown query parameters are handled.
	Query string
)

// The values of a Policy.
const (
	CallerRate  RateClass = "caller"  // Config.RateLimit
	PublicRate  RateClass = "public"  // Config.PublicRateLimit
	ServiceRate RateClass = "service" // serviceRate, for each network
	NoRate      RateClass = "none"

	OpenSlots   Concurrency = "open"      // Config.MaxRequests for requests without a login, such as logging in
	PublicSlots Concurrency = "public"    // Config.MaxRequests for public data
	UserSlots   Concurrency = "user"      // Config.MaxRequests for users
	UploadSlots Concurrency = "upload"    // Config.MaxUploads, from the first byte that is read until the response
	OwnSlots    Concurrency = "own"       // Config.MaxRequests for this route alone
	Unbounded   Concurrency = "unbounded" // no limit

	ListedOrigins CORS = "listed" // Config.Origins
	LinkedPages   CORS = "linked" // Config.Origins; pages of any origin may link to it
	AnyOrigin     CORS = "any"    // web pages of any origin may read

	StrictQuery  Query = "strict"  // unknown and repeated parameters are errors
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
		Audience: Everyone, RateLimit: RateLimit{Class: CallerRate}, Concurrency: OpenSlots,
		Cache: NoStore, CORS: ListedOrigins, CSP: DataCSP, Query: StrictQuery,
	}
	// Public is for API operations that everyone may read, from web pages of any origin.
	Public = Policy{
		Audience: Everyone, RateLimit: RateLimit{Class: PublicRate}, Concurrency: PublicSlots,
		Cache: NoStore, CORS: AnyOrigin, CSP: DataCSP, Compress: true, Query: StrictQuery,
	}
	// Probe is for information about the service that other programs poll, such as health
	// checks. Each route has a rate limit of its own, and needs no slot.
	Probe = Policy{
		Audience: Everyone, RateLimit: RateLimit{Class: NoRate, PerMinute: serviceRate}, Concurrency: Unbounded,
		Cache: NoStore, CORS: LinkedPages, CSP: DataCSP, Query: StrictQuery, AnyHost: true,
	}
	// unrouted is for the documentation, and for requests that match no route.
	unrouted = Policy{
		Audience: Everyone, RateLimit: RateLimit{Class: ServiceRate}, Concurrency: OpenSlots,
		Cache: NoStore, CORS: ListedOrigins, CSP: DataCSP, Query: LenientQuery,
	}
)

// SignedIn returns the policy for API operations whose callers must pass the guard.
func SignedIn(guard Guard) Policy {
	p := Open
	p.Audience, p.Concurrency = Audience{guard: guard}, UserSlots
	return p
}

// check returns an error if a field of p is not set.
func (p Policy) check() error {
	for _, field := range []struct {
		name string
		set  bool
	}{
		{"Audience", p.Audience.everyone || p.Audience.guard != nil}, {"RateLimit", p.RateLimit.Class != ""}, {"Concurrency", p.Concurrency != ""},
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
	isOperation bool
	parameters  []*huma.Param // of an operation
	query       []string      // names of its query parameters
	rates       []*rateLimiter
	recognised  []*rateLimiter // of callers that the guard accepts
	pool        *pool          // nil: unbounded
}

// newRoute panics if the policy is incomplete: no route may be served by accident.
func (a *API) newRoute(pattern, name string, policy Policy) *route {
	if err := policy.check(); err != nil {
		panic(fmt.Sprintf("rest: %s cannot be registered: %v", pattern, err))
	}
	rt := &route{name: name, policy: policy}
	if shared := a.rates[policy.RateLimit.Class]; shared != nil {
		rt.rates = append(rt.rates, shared)
	}
	if n := policy.RateLimit.PerMinute; n > 0 {
		rt.rates = append(rt.rates, newRateLimiter(name, n))
	}
	if rt.recognised = rt.rates; policy.Audience.perMinute > 0 {
		rt.recognised = []*rateLimiter{newRateLimiter(name, policy.Audience.perMinute)}
	}
	if rt.pool = a.pools[policy.Concurrency]; policy.Concurrency == OwnSlots {
		rt.pool = newPool(a.config.maxRequests())
	}
	a.routes[pattern] = rt
	return rt
}

// protect returns a handler that applies the policy of a route.
func (a *API) protect(rt *route, next http.Handler) http.Handler {
	if rt.policy.Query == StrictQuery {
		next = rt.strictQuery(next)
	}
	next = refuse(a.authorize(rt, next), func(_ http.ResponseWriter, r *http.Request) error {
		a.watchProxies(r)
		return a.checkSender(rt.policy, r)
	})
	if rt.policy.Compress {
		next = middleware.Compress(5, "application/json", "application/problem+json", "application/schema+json", "text/html", "text/css", "image/svg+xml")(next)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := stateOf(r.Context())
		s.route, s.pool = rt, rt.pool
		w.Header().Set("Cache-Control", rt.policy.Cache)
		w.Header().Set("Content-Security-Policy", rt.policy.CSP)
		next.ServeHTTP(w, r)
	})
}

// authorize runs the guard and charges the rate limits.
func (a *API) authorize(rt *route, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, caller, rates, err := a.runGuard(w.Header(), rt, r)
		for _, limiter := range rates {
			if tooMany := limiter.take(w.Header(), caller); tooMany != nil {
				err = tooMany
				break
			}
		}
		if err != nil {
			WriteProblem(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// runGuard returns the caller and the rate limits that charge it, and the request with the
// context of the guard. It sets the shares of the pool for which the request counts.
func (a *API) runGuard(h http.Header, rt *route, r *http.Request) (_ *http.Request, caller string, rates []*rateLimiter, err error) {
	s, network, policy := stateOf(r.Context()), Network(r.Context()), rt.policy
	caller, s.shares = network, guestShares(network)
	if policy.RateLimit == Probe.RateLimit && isForwarded(r) {
		caller += " forwarded" // the clients of a proxy that is not trusted cannot use up the limit of its own health checks
	}
	guard := policy.Audience.guard
	if guard == nil {
		return r, caller, rt.rates, nil
	}
	ctx, err := guard(r.Context(), r.Header.Get("Authorization"))
	if err != nil && policy.Audience.everyone {
		return r, caller, rt.rates, nil
	}
	if ctx != nil {
		r = r.WithContext(ctx)
		Annotate(ctx, slog.String("user", a.user(ctx)))
	}
	if err != nil {
		return r, caller, rt.rates, err
	}
	group := a.group(ctx)
	caller = a.user(ctx)
	s.shares = userShares(caller, group, network)
	if policy.RateLimit.Class == CallerRate {
		err = a.chargeNetwork(h, group, network)
	}
	return r, caller, rt.recognised, err
}

// chargeNetwork charges the network of a user for one request. Accounts that anyone can
// create share the limit that the network has without a login.
func (a *API) chargeNetwork(h http.Header, group, network string) error {
	if group == SelfRegistered {
		return a.rates[CallerRate].take(h, network)
	}
	return a.memberRate.take(h, network)
}
