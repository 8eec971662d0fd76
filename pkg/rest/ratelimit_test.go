package rest_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
)

// users is a guard that takes the Authorization header as the user id.
func users(ctx context.Context, header string) (context.Context, error) {
	if header == "" {
		return nil, fault.New(fault.Unauthenticated, "the token is missing")
	}
	return context.WithValue(ctx, userKey{}, header), nil
}

// newLimitedAPI returns an API with an open operation, a public one, one with its own rate
// limit and one that needs a login. All return the address of the client.
func newLimitedAPI(t *testing.T, cfg rest.Config) (resttest.Client, *rest.API) {
	t.Helper()
	a := rest.New(rest.Options{Document: rest.Document{Title: "Test Service"}, Log: slog.New(slog.NewJSONHandler(t.Output(), nil)), HTTP: cfg,
		User: func(ctx context.Context) string { s, _ := ctx.Value(userKey{}).(string); return s }})
	address := func(ctx context.Context, _ *struct{}) (*struct{ Body string }, error) {
		return &struct{ Body string }{rest.Address(ctx).String()}, nil
	}
	rest.Handle(a, "GET /api/open", rest.Open, address, "getOpen", "Get")
	rest.Handle(a, "GET /open/to/all", rest.Public, address, "getPublic", "Get")
	limited := rest.Open
	limited.RateLimit.PerMinute = 2
	rest.Handle(a, "GET /api/limited", limited, address, "getLimited", "Get")
	recognised := rest.Public
	recognised.Audience = rest.Recognised(users, 4)
	rest.Handle(a, "GET /api/recognised", recognised, address, "getRecognised", "Get")
	rest.Handle(a, "GET /api/own", rest.SignedIn(users), address, "getOwn", "Get")
	return serve(t, a), a
}

// exhaust sends the n requests that the rate limit allows, and one that it rejects.
func exhaust(c resttest.Client, n int, route string, headers ...string) {
	c.T.Helper()
	for range n {
		c.Do(route, "", headers...).Want(200, nil)
	}
	a := c.Do(route, "", headers...)
	a.WantProblem(429)
	if wait, err := strconv.Atoi(a.Header.Get("Retry-After")); err != nil || wait < 1 || wait > 60 {
		c.T.Errorf("%s: Retry-After: %q", route, a.Header.Get("Retry-After"))
	}
}

func TestRateLimits(t *testing.T) {
	c, _ := newLimitedAPI(t, rest.Config{RateLimit: 5, PublicRateLimit: 3})
	a := c.Do("GET /api/own", "", "Authorization", "ann").Want(200, nil)
	if policy, left := a.Header.Get("RateLimit-Policy"), a.Header.Get("RateLimit"); policy != `"caller";q=5;w=60` || left != `"caller";r=4;t=12` {
		t.Errorf("RateLimit-Policy: %s, RateLimit: %s", policy, left)
	}
	exhaust(c, 4, "GET /api/own", "Authorization", "ann")
	if wait, err := strconv.Atoi(c.Do("GET /api/own", "", "Authorization", "ann").Header.Get("Retry-After")); err != nil || wait < 1 || wait > 12 {
		t.Errorf("Retry-After: %d, want a fifth of a minute at most", wait)
	}
	exhaust(c, 5, "GET /api/own", "Authorization", "bob") // each user has a limit
	exhaust(c, 3, "GET /open/to/all")
	c.Do("GET /api/recognised", "").WantProblem(429)
	exhaust(c, 4, "GET /api/recognised", "Authorization", "service") // instead of those of the network
	exhaust(c, 2, "GET /api/limited")                                // also counts for the address
	exhaust(c, 2, "GET /api/open")                                   // the rejected request counted, too
	c.Do("GET /api/own", "").WantProblem(429)                        // without a login, the limit of the address applies
	for _, route := range []string{"GET /health", "GET /readyz", "GET /openapi.json", "GET /docs"} {
		c.Do(route, "").Want(200, nil)
	}
}

// TestLoginIsCheckedBeforeTheQuery: without a login, a wrong query is not reported.
func TestLoginIsCheckedBeforeTheQuery(t *testing.T) {
	c, _ := newLimitedAPI(t, rest.Config{})
	for _, query := range []string{"?unknown=1", "?x=1&x=2", "?%zz", "?a;b"} {
		c.Do("GET /api/own"+query, "").WantProblem(401)
		if s := c.Do("GET /api/own"+query, "", "Authorization", "ann").Status; s != 400 && s != 422 {
			t.Errorf("%s with a login = %d, want 400 or 422", query, s)
		}
	}
}

// TestReadinessIsLimited: /readyz has a rate limit, because each request opens
// connections.
func TestReadinessIsLimited(t *testing.T) {
	probes := 0
	a := newAPI(t, io.Discard, rest.Check{Name: "store", Probe: func(context.Context) error { probes++; return nil }})
	for {
		w := httptest.NewRecorder()
		a.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
		if w.Code == http.StatusTooManyRequests {
			break
		}
		if w.Code != http.StatusOK || probes > 2000 {
			t.Fatalf("%d after %d probes", w.Code, probes)
		}
	}
	if probes < 1200 {
		t.Errorf("limited after %d probes", probes)
	}
}

// TestForwardedFor: X-Forwarded-For is used for the client address and the rate limits
// only if a trusted proxy sent the request.
func TestForwardedFor(t *testing.T) {
	networks := func(text string) (n rest.Networks) {
		if err := n.Decode(text); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for name, v := range map[string]struct {
		proxies, header, want string
	}{
		"no trusted proxy":                       {"", "198.51.100.1", "127.0.0.1"},
		"other trusted proxies":                  {"10.0.0.0/8, 192.0.2.1", "198.51.100.1", "127.0.0.1"},
		"trusted proxy":                          {"127.0.0.1", "198.51.100.1", "198.51.100.1"},
		"no header":                              {"127.0.0.0/8", "", "127.0.0.1"},
		"header with an address from the client": {"127.0.0.1", "203.0.113.9, 198.51.100.1", "198.51.100.1"},
		"two proxies":                            {"127.0.0.1,10.0.0.0/8", "203.0.113.9, 198.51.100.1, 10.1.1.1", "198.51.100.1"},
		"client claims to be a proxy":            {"127.0.0.1,10.0.0.0/8", "10.9.9.9, 198.51.100.1", "198.51.100.1"},
		"invalid address":                        {"127.0.0.1", "198.51.100.1, nobody", "127.0.0.1"},
		"IPv6":                                   {"127.0.0.1", "2001:db8::1", "2001:db8::1"},
		"IPv4 in IPv6":                           {"127.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"},
		"proxy as IPv4 in IPv6":                  {"127.0.0.1,10.0.0.0/8", "198.51.100.1, ::ffff:10.1.1.1", "198.51.100.1"},
		"with a port":                            {"127.0.0.1,10.0.0.0/8", "203.0.113.9, 198.51.100.1:4711, 10.1.1.1:80", "198.51.100.1"},
		"IPv6 with a port":                       {"127.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"},
		"other headers only":                     {"127.0.0.1", "", "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := newLimitedAPI(t, rest.Config{TrustedProxies: networks(v.proxies)})
			a := c.On(t).Do("GET /api/open", "", "X-Forwarded-For", v.header, "X-Real-Ip", "203.0.113.1", "True-Client-Ip", "203.0.113.1", "Forwarded", "for=203.0.113.1")
			if a.Want(200, nil); strings.Trim(a.Text, "\"\n") != v.want {
				t.Errorf("the address is %s, want %s", a.Text, v.want)
			}
		})
	}
	t.Run("limits", func(t *testing.T) {
		c, _ := newLimitedAPI(t, rest.Config{RateLimit: 2, TrustedProxies: networks("127.0.0.1")})
		c = c.On(t)
		exhaust(c, 2, "GET /api/open", "X-Forwarded-For", "198.51.100.1")
		c.Do("GET /api/open", "", "X-Forwarded-For", "203.0.113.9, 198.51.100.1").WantProblem(429)
		exhaust(c, 2, "GET /api/open", "X-Forwarded-For", "198.51.100.2")
		exhaust(c, 2, "GET /api/open", "X-Forwarded-For", "2001:db8::1")
		c.Do("GET /api/open", "", "X-Forwarded-For", "2001:db8::ffff:1").WantProblem(429) // same /64
		exhaust(c, 2, "GET /api/open", "X-Forwarded-For", "2001:db8:0:1::1")
	})
}

// blocker is a handler whose requests wait until finish is closed.
type blocker struct {
	started chan struct{} // receives a value for each request
	finish  chan struct{}
}

func newBlocker() *blocker {
	return &blocker{started: make(chan struct{}, 100), finish: make(chan struct{})}
}

func (b *blocker) handle(context.Context, *struct{}) (*struct{}, error) {
	b.started <- struct{}{}
	<-b.finish
	return nil, nil
}

// TestTooManyConcurrentRequests: further requests get 503 at once, and the running ones
// are finished.
func TestTooManyConcurrentRequests(t *testing.T) {
	_, a := newLimitedAPI(t, proxied(t, rest.Config{MaxRequests: 3}))
	h := newBlocker()
	rest.Handle(a, "GET /api/wait", rest.Open, h.handle, "wait", "Wait", rest.Status(204))
	c := serve(t, a)
	var wg sync.WaitGroup
	for _, from := range []string{client1, client2, client3} {
		wg.Go(func() { c.Do("GET /api/wait", "", "X-Forwarded-For", from).Want(204, nil) })
		<-h.started
	}
	for range 50 {
		a := c.Do("GET /api/open", "")
		if a.WantProblem(503); a.Header.Get("Retry-After") != "1" {
			t.Errorf("Retry-After: %q", a.Header.Get("Retry-After"))
		}
	}
	c.Do("GET /livez", "").Want(200, nil)
	c.Do("GET /readyz", "").Want(200, nil)
	close(h.finish)
	wg.Wait()
	c.Do("GET /api/open", "").Want(200, nil)
}

func TestSecurityHeaders(t *testing.T) {
	c, _ := newLimitedAPI(t, rest.Config{})
	for route, status := range map[string]int{"GET /api/open": 200, "GET /api/own": 401, "GET /api/nothing": 404, "DELETE /api/open": 405, "GET /openapi.json": 200, "GET /docs": 200, "GET /problems/invalid": 200} {
		h := c.Do(route, "").Want(status, nil).Header
		policy := h.Get("Content-Security-Policy")
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" || !strings.Contains(policy, "frame-ancestors 'none'") || !strings.Contains(policy, "base-uri 'none'") {
			t.Errorf("%s: %v", route, h)
		}
		if !strings.Contains(policy, "object-src 'none'") && !strings.Contains(policy, "default-src 'none'") {
			t.Errorf("%s allows plug-ins: %s", route, policy)
		}
		if own := strings.Contains(policy, "default-src 'self'"); own != (route == "GET /docs") || strings.Contains(policy, "*") {
			t.Errorf("%s: %s", route, policy)
		}
		if h.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s: HSTS over HTTP", route)
		}
	}
}

func TestCORS(t *testing.T) {
	const ours, theirs = "https://app.example", "https://evil.example"
	call := func(c resttest.Client, method, path, origin string) http.Header {
		return c.Do(method+" "+path, "", "Origin", origin, "Access-Control-Request-Method", "PATCH", "Access-Control-Request-Headers", "authorization,idempotency-key").Header
	}
	for name, v := range map[string]struct {
		origins      []string
		origin, path string
		want         string
	}{
		"listed":                     {[]string{ours}, ours, "/api/open", ours},
		"not listed":                 {[]string{ours}, theirs, "/api/open", ""},
		"nothing listed":             {nil, ours, "/api/open", ""},
		"listed name as a prefix":    {[]string{ours}, ours + ".evil.example", "/api/open", ""},
		"other scheme":               {[]string{ours}, "http://app.example", "/api/open", ""},
		"null origin":                {[]string{ours}, "null", "/api/open", ""},
		"public route":               {nil, theirs, "/open/to/all", "*"},
		"public route, listed":       {[]string{ours}, ours, "/open/to/all", "*"},
		"unknown path":               {[]string{ours}, theirs, "/api/nothing", ""},
		"login required":             {[]string{ours}, ours, "/api/own", ours},
		"login required, not listed": {[]string{ours}, theirs, "/api/own", ""},
		"documentation, not listed":  {[]string{ours}, theirs, "/openapi.json", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := newLimitedAPI(t, rest.Config{Origins: v.origins, RateLimit: 1})
			c = c.On(t)
			for _, method := range []string{"GET", "OPTIONS", "OPTIONS", "GET"} { // the second GET gets 429, which pages may read, too
				h := call(c, method, v.path, v.origin)
				if h.Get("Access-Control-Allow-Origin") != v.want && (method == "GET" || v.want != "*") {
					t.Errorf("%s: %v, want %q", method, h, v.want)
				}
				if h.Get("Access-Control-Allow-Credentials") != "" {
					t.Error("credentials are allowed")
				}
				if allowed := h.Get("Access-Control-Allow-Methods"); method == "OPTIONS" && v.want == ours && allowed != "PATCH" {
					t.Errorf("methods: %q", allowed)
				}
				if exposed := h.Get("Access-Control-Expose-Headers"); method == "GET" && v.want != "" && !strings.Contains(strings.ToLower(exposed), "etag") {
					t.Errorf("exposed: %q", exposed)
				}
			}
		})
	}
}

func TestConfigIsValidated(t *testing.T) {
	for _, text := range []string{"proxy.example", "10.0.0.0/33", "10.0.0.1, x"} {
		if err := new(rest.Networks).Decode(text); err == nil {
			t.Errorf("networks %q are accepted", text)
		}
	}
	for _, text := range []string{"*", "app.example", "https://app.example/", "https://app.example/x", "ftp://app.example", "https://*", "https://*.example", "https://app.example:*", "https://a@app.example"} {
		if err := new(rest.Origins).Decode(text); err == nil {
			t.Errorf("origins %q are accepted", text)
		}
	}
	t.Setenv("RATE_LIMIT", "-1")
	t.Setenv("MAX_REQUESTS", "0")
	t.Setenv("TLS_CERT_FILE", "x")
	err := boot.Load(&rest.Config{})
	for _, name := range []string{"RATE_LIMIT", "MAX_REQUESTS", "TLS_KEY_FILE"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("Load = %v, want an error for %s", err, name)
		}
	}
	if err := (rest.Config{KeyFile: "x"}).Validate(); err == nil || !strings.Contains(err.Error(), "TLS_CERT_FILE") {
		t.Errorf("Validate = %v", err)
	}
}
