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

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
)

// users are what they send.
func users(ctx context.Context, header string) (context.Context, error) {
	if header == "" {
		return nil, fault.New(fault.Unauthenticated, "who are you")
	}
	return context.WithValue(ctx, userKey{}, header), nil
}

// bounded is an API with an operation for everybody, one that is public, one
// with a limit of its own, and one for users.
func bounded(t *testing.T, cfg rest.Config) (resttest.Client, *rest.API) {
	t.Helper()
	a := rest.New(rest.Options{Title: "Test Service", Log: slog.New(slog.NewJSONHandler(t.Output(), nil)), HTTP: cfg,
		User: func(ctx context.Context) string { s, _ := ctx.Value(userKey{}).(string); return s }})
	from := func(ctx context.Context, _ *struct{}) (*struct{ Body string }, error) {
		return &struct{ Body string }{rest.Address(ctx).String()}, nil
	}
	rest.Handle(a, "GET /api/open", rest.Open, from, "ask", "Ask")
	rest.Handle(a, "GET /open/to/all", rest.Public, from, "askInPublic", "Ask in public")
	dear := rest.Open
	dear.RateLimit.PerMinute = 2
	rest.Handle(a, "GET /api/dear", dear, from, "askForMuch", "Ask for much")
	rest.Handle(a, "GET /api/own", rest.SignedIn(users), from, "askForOnesOwn", "Ask for one's own")
	return serve(t, a), a
}

// spend asks so often that nothing is left.
func spend(c resttest.Client, n int, route string, headers ...string) {
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
	c, _ := bounded(t, rest.Config{RateLimit: 5, PublicRateLimit: 3})
	a := c.Do("GET /api/own", "", "Authorization", "ann").Want(200, nil)
	if policy, left := a.Header.Get("RateLimit-Policy"), a.Header.Get("RateLimit"); policy != `"caller";q=5;w=60` || left != `"caller";r=4;t=12` {
		t.Errorf("RateLimit-Policy: %s, RateLimit: %s", policy, left)
	}
	spend(c, 4, "GET /api/own", "Authorization", "ann")
	if wait := c.Do("GET /api/own", "", "Authorization", "ann").Header.Get("Retry-After"); wait != "12" && wait != "11" {
		t.Errorf("Retry-After: %s, want a fifth of a minute", wait)
	}
	spend(c, 5, "GET /api/own", "Authorization", "bob") // everybody has their own
	spend(c, 3, "GET /open/to/all")
	spend(c, 2, "GET /api/dear")              // its own, and two of the address
	spend(c, 2, "GET /api/open")              // the third was refused by both
	c.Do("GET /api/own", "").WantProblem(429) // who is nobody has what the address has
	for _, route := range []string{"GET /health", "GET /readyz", "GET /openapi.json", "GET /docs"} {
		c.Do(route, "").Want(200, nil)
	}
}

// TestReadinessIsLimited: each answer of /readyz opens connections, and everyone
// may ask.
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

// TestForwardedFor: the header decides whose limit counts, and which address is
// noted, only where it comes from a proxy that is trusted.
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
		"nobody is trusted":          {"", "198.51.100.1", "127.0.0.1"},
		"another is trusted":         {"10.0.0.0/8, 192.0.2.1", "198.51.100.1", "127.0.0.1"},
		"trusted":                    {"127.0.0.1", "198.51.100.1", "198.51.100.1"},
		"trusted, without":           {"127.0.0.0/8", "", "127.0.0.1"},
		"what the client wrote":      {"127.0.0.1", "203.0.113.9, 198.51.100.1", "198.51.100.1"},
		"through two":                {"127.0.0.1,10.0.0.0/8", "203.0.113.9, 198.51.100.1, 10.1.1.1", "198.51.100.1"},
		"says it is a proxy":         {"127.0.0.1,10.0.0.0/8", "10.9.9.9, 198.51.100.1", "198.51.100.1"},
		"nonsense":                   {"127.0.0.1", "198.51.100.1, nobody", "127.0.0.1"},
		"IPv6":                       {"127.0.0.1", "2001:db8::1", "2001:db8::1"},
		"IPv4 in IPv6":               {"127.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"},
		"trusted in the other form":  {"127.0.0.1,10.0.0.0/8", "198.51.100.1, ::ffff:10.1.1.1", "198.51.100.1"},
		"with a port":                {"127.0.0.1,10.0.0.0/8", "203.0.113.9, 198.51.100.1:4711, 10.1.1.1:80", "198.51.100.1"},
		"IPv6 with a port":           {"127.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"},
		"a header that nobody reads": {"127.0.0.1", "", "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := bounded(t, rest.Config{TrustedProxies: networks(v.proxies)})
			a := c.On(t).Do("GET /api/open", "", "X-Forwarded-For", v.header, "X-Real-Ip", "203.0.113.1", "True-Client-Ip", "203.0.113.1", "Forwarded", "for=203.0.113.1")
			if a.Want(200, nil); strings.Trim(a.Text, "\"\n") != v.want {
				t.Errorf("the address is %s, want %s", a.Text, v.want)
			}
		})
	}
	t.Run("limits", func(t *testing.T) {
		c, _ := bounded(t, rest.Config{RateLimit: 2, TrustedProxies: networks("127.0.0.1")})
		c = c.On(t)
		spend(c, 2, "GET /api/open", "X-Forwarded-For", "198.51.100.1")
		c.Do("GET /api/open", "", "X-Forwarded-For", "203.0.113.9, 198.51.100.1").WantProblem(429)
		spend(c, 2, "GET /api/open", "X-Forwarded-For", "198.51.100.2")
		spend(c, 2, "GET /api/open", "X-Forwarded-For", "2001:db8::1")
		c.Do("GET /api/open", "", "X-Forwarded-For", "2001:db8::ffff:1").WantProblem(429) // one network, one client
		spend(c, 2, "GET /api/open", "X-Forwarded-For", "2001:db8:0:1::1")
	})
}

// held is an operation that waits, with the requests that are in it.
type held struct {
	mu     sync.Mutex
	in     int
	most   int
	came   chan struct{}
	finish chan struct{}
}

func newHeld() *held {
	return &held{came: make(chan struct{}, 100), finish: make(chan struct{})}
}

func (h *held) handle(context.Context, *struct{}) (*struct{}, error) {
	h.mu.Lock()
	h.in++
	h.most = max(h.most, h.in)
	h.mu.Unlock()
	h.came <- struct{}{}
	<-h.finish
	h.mu.Lock()
	h.in--
	h.mu.Unlock()
	return nil, nil
}

// TestTooMuchUnderWay is answered 503 at once, and what is under way ends well.
func TestTooMuchUnderWay(t *testing.T) {
	_, a := bounded(t, proxied(t, rest.Config{MaxRequests: 3}))
	h := newHeld()
	rest.Handle(a, "GET /api/held", rest.Open, h.handle, "wait", "Wait", rest.Status(204))
	c := serve(t, a)
	var wg sync.WaitGroup
	for _, from := range []string{here, there, elsewhere} {
		wg.Go(func() { c.Do("GET /api/held", "", "X-Forwarded-For", from).Want(204, nil) })
		<-h.came
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
	c, _ := bounded(t, rest.Config{})
	for route, status := range map[string]int{"GET /api/open": 200, "GET /api/own": 401, "GET /api/nothing": 404, "DELETE /api/open": 405, "GET /openapi.json": 200, "GET /docs": 200, "GET /problems/invalid": 200} {
		h := c.Do(route, "").Want(status, nil).Header
		policy := h.Get("Content-Security-Policy")
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" || !strings.Contains(policy, "frame-ancestors 'none'") || !strings.Contains(policy, "base-uri 'none'") {
			t.Errorf("%s: %v", route, h)
		}
		if own := strings.Contains(policy, "default-src 'self'"); own != (route == "GET /docs") || strings.Contains(policy, "*") {
			t.Errorf("%s: %s", route, policy)
		}
		if h.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s: HSTS over HTTP", route)
		}
	}
}

func TestPagesOfOtherOrigins(t *testing.T) {
	const ours, theirs = "https://app.example", "https://evil.example"
	ask := func(c resttest.Client, method, path, origin string) http.Header {
		return c.Do(method+" "+path, "", "Origin", origin, "Access-Control-Request-Method", "PATCH", "Access-Control-Request-Headers", "authorization,idempotency-key").Header
	}
	for name, v := range map[string]struct {
		origins      []string
		origin, path string
		want         string
	}{
		"listed":                    {[]string{ours}, ours, "/api/open", ours},
		"not listed":                {[]string{ours}, theirs, "/api/open", ""},
		"nothing listed":            {nil, ours, "/api/open", ""},
		"a name that begins alike":  {[]string{ours}, ours + ".evil.example", "/api/open", ""},
		"another scheme":            {[]string{ours}, "http://app.example", "/api/open", ""},
		"a file":                    {[]string{ours}, "null", "/api/open", ""},
		"what is public":            {nil, theirs, "/open/to/all", "*"},
		"what is public to listed":  {[]string{ours}, ours, "/open/to/all", "*"},
		"what no route is for":      {[]string{ours}, theirs, "/api/nothing", ""},
		"what needs a login":        {[]string{ours}, ours, "/api/own", ours},
		"what needs a login, evil":  {[]string{ours}, theirs, "/api/own", ""},
		"documentation, not listed": {[]string{ours}, theirs, "/openapi.json", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := bounded(t, rest.Config{Origins: v.origins, RateLimit: 1})
			c = c.On(t)
			for _, method := range []string{"GET", "OPTIONS", "OPTIONS", "GET"} { // the second GET is one too many, and may be read
				h := ask(c, method, v.path, v.origin)
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

func TestLimitsAreChecked(t *testing.T) {
	for _, text := range []string{"proxy.example", "10.0.0.0/33", "10.0.0.1, x"} {
		if err := new(rest.Networks).Decode(text); err == nil {
			t.Errorf("networks %q pass", text)
		}
	}
	for _, text := range []string{"*", "app.example", "https://app.example/", "https://app.example/x", "ftp://app.example", "https://*", "https://*.example", "https://app.example:*", "https://a@app.example"} {
		if err := new(rest.Origins).Decode(text); err == nil {
			t.Errorf("origins %q pass", text)
		}
	}
	err := rest.Config{RateLimit: -1, CertFile: "x"}.Validate()
	for _, name := range []string{"RATE_LIMIT", "MAX_REQUESTS", "TLS_KEY_FILE"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("Validate = %v, lacks %s", err, name)
		}
	}
	if err := (rest.Config{KeyFile: "x"}).Validate(); err == nil || !strings.Contains(err.Error(), "TLS_CERT_FILE") {
		t.Errorf("Validate = %v", err)
	}
}
