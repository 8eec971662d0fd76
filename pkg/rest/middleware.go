package rest

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/go-chi/cors"
	"github.com/google/uuid"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/trace"
)

type contextKey struct{}

// requestState is the state of a request that middleware and handlers share.
type requestState struct {
	id        uuid.UUID
	address   netip.Addr
	userAgent string
	timeouts  Timeouts
	route     *route // nil until the router has run
	pool      *pool  // nil: no limit
	shares    []share
	slot      *slot          // nil: none
	failed    atomic.Bool    // an unexpected error occurred
	invalid   []fault.Detail // see collect

	mu    sync.Mutex
	attrs []slog.Attr // for the access log
}

// stateOf returns the state of the request of ctx. Without a request, the state is
// empty.
func stateOf(ctx context.Context) *requestState {
	if s, ok := ctx.Value(contextKey{}).(*requestState); ok {
		return s
	}
	return &requestState{timeouts: Timeouts{}.orDefault()}
}

// RequestID returns the id of the request of ctx, which the client cannot choose.
func RequestID(ctx context.Context) string { return stateOf(ctx).id.String() }

// Address returns the client address of the request of ctx. Without a request, it is
// the zero Addr.
func Address(ctx context.Context) netip.Addr { return stateOf(ctx).address }

// UserAgent returns the header User-Agent of the request of ctx, as the client sent it.
func UserAgent(ctx context.Context) string { return stateOf(ctx).userAgent }

// Network returns the network of the client for rate limits: its IPv4 address, or the
// /64 of its IPv6 address, which a single client can use as a whole.
func Network(ctx context.Context) string {
	a := Address(ctx).Unmap()
	if p, err := a.WithZone("").Prefix(64); err == nil && a.Is6() {
		return p.String()
	}
	return a.String()
}

// Annotate adds attributes to the access log entry of the request of ctx.
func Annotate(ctx context.Context, attrs ...slog.Attr) {
	s := stateOf(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attrs = append(s.attrs, attrs...)
}

// LogError adds an error to the access log entry of the request of ctx, unless it is one that
// the client can prevent. An unexpected error is logged with the stack of a panic, and makes
// the entry an error.
func LogError(ctx context.Context, err error) {
	switch f, ok := errors.AsType[*fault.Error](err); {
	case !ok, f.Kind == internal:
		stateOf(ctx).failed.Store(true)
	case f.Kind != fault.Unavailable:
		return
	}
	Annotate(ctx, slog.Any("err", err))
	if p, ok := errors.AsType[*fault.Panic](err); ok {
		Annotate(ctx, slog.String("stack", string(p.Stack)))
	}
}

// identify sets the request id, the client address and the headers that all responses
// have.
func (a *API) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := uuid.Must(uuid.NewV7())
		s := &requestState{id: id, userAgent: r.UserAgent(), timeouts: a.timeouts}
		if sent, err := uuid.Parse(r.Header.Get("X-Request-Id")); err == nil {
			s.attrs = append(s.attrs, slog.String("client_request_id", sent.String()))
		}
		if s.address = middleware.GetClientIPAddr(r.Context()); !s.address.IsValid() {
			s.address = remoteAddr(r)
		}
		h := w.Header()
		h.Set("X-Request-Id", id.String())
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", NoStore)
		h.Set("Content-Security-Policy", DataCSP)
		h.Set("Referrer-Policy", "no-referrer")
		if r.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if a.draining.Load() {
			h.Set("Connection", "close") // the client opens its next connection elsewhere
		}
		ctx := trace.NewContext(r.Context(), strings.Join(r.Header.Values(trace.Header), ","))
		next.ServeHTTP(w, r.WithContext(context.WithValue(ctx, contextKey{}, s)))
	})
}

// logAccess writes one log entry per request, with the path but without query, body or
// tokens.
func (a *API) logAccess(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		ww := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		a.inFlight.Inc()
		defer a.inFlight.Dec()
		next.ServeHTTP(ww, r)
		status := cmp.Or(ww.Status(), http.StatusOK)
		method, pattern := labels(r)
		a.durations.WithLabelValues(method, pattern, strconv.Itoa(status)).Observe(time.Since(start).Seconds())
		s := stateOf(r.Context())
		s.mu.Lock()
		defer s.mu.Unlock()
		level := slog.LevelInfo
		switch {
		case s.failed.Load():
			level = slog.LevelError
		case s.route != nil && s.route.noAccessLog:
			level = slog.LevelDebug
		case status == http.StatusServiceUnavailable:
			if n := a.unavailable.add(time.Now()); n > 0 {
				level, s.attrs = slog.LevelWarn, append(s.attrs, slog.Int("unavailable", n))
			}
		case status >= 500 && status != http.StatusInsufficientStorage:
			level = slog.LevelError
		}
		a.log.LogAttrs(r.Context(), level, "request", append([]slog.Attr{
			slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Int("status", status),
			slog.Int("bytes", ww.BytesWritten()), slog.Float64("ms", float64(time.Since(start).Microseconds())/1000),
			slog.String("addr", s.address.String()), slog.String("request_id", s.id.String()),
		}, s.attrs...)...)
	})
}

// warnInterval is the shortest time between two log entries of 503 responses at the level
// WARN: anyone can cause many of them.
const warnInterval = 10 * time.Second

// unavailable counts the 503 responses since the last one at WARN.
type unavailable struct {
	mu     sync.Mutex
	count  int
	warned time.Time
}

// add counts a response. It returns the number if a warning is due, or 0.
func (u *unavailable) add(now time.Time) (n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.count++
	if now.Sub(u.warned) >= warnInterval {
		n, u.count, u.warned = u.count, 0, now
	}
	return n
}

// labels returns the method and route for metrics. They never contain text chosen by
// the client, which could create any number of time series.
func labels(r *http.Request) (method, pattern string) {
	if pattern = chi.RouteContext(r.Context()).RoutePattern(); pattern == "" {
		return "any", "none"
	}
	return r.Method, pattern
}

// recover turns a panic into a 500 response and logs the stack.
func (a *API) recover(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch v := recover(); v {
			case nil:
			case http.ErrAbortHandler:
				panic(v)
			default:
				WriteProblem(w, r, &fault.Panic{Value: v, Stack: debug.Stack()})
			}
		}()
		next.ServeHTTP(w, r)
	})
}

var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// cors handles cross-origin requests according to the policy of the route.
func (a *API) cors(next http.Handler) http.Handler {
	options := cors.Options{
		AllowedOrigins: []string{"*"}, AllowedMethods: []string{http.MethodGet, http.MethodHead},
		AllowedHeaders: []string{"Accept", "Accept-Language", "Authorization", "Content-Encoding", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "Range", "X-Request-Id"},
		ExposedHeaders: []string{"Content-Disposition", "ETag", "Idempotency-Replayed", "Link", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-Id"},
		MaxAge:         600, // seconds
	}
	anyOrigin, listed := cors.Handler(options)(next), next
	if len(a.config.Origins) > 0 {
		options.AllowedOrigins, options.AllowedMethods = a.config.Origins, methods
		listed = cors.Handler(options)(next)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := r.Method
		if requested := r.Header.Get("Access-Control-Request-Method"); method == http.MethodOptions && requested != "" {
			method = requested
		}
		if a.match(method, r).policy.CORS == AnyOrigin {
			anyOrigin.ServeHTTP(w, r)
			return
		}
		listed.ServeHTTP(w, r)
	})
}

// clientIP reads the client address from X-Forwarded-For if a trusted proxy sent the
// request: the last address in it that is not a trusted proxy.
func clientIP(proxies []netip.Prefix) func(http.Handler) http.Handler {
	var trusted []string
	for _, p := range proxies {
		trusted = append(trusted, p.String())
	}
	setClientIP := middleware.ClientIPFromXFF(trusted...)
	return func(next http.Handler) http.Handler {
		handler := setClientIP(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for i, list := range r.Header[forwardedFor] {
				r.Header[forwardedFor][i] = withoutPorts(list)
			}
			handler.ServeHTTP(w, r)
		})
	}
}

// isForwarded reports whether a proxy has passed on the request, or the client says so.
func isForwarded(r *http.Request) bool {
	return r.Header[forwardedFor] != nil || r.Header["Forwarded"] != nil
}

const forwardedFor = "X-Forwarded-For"

// withoutPorts removes the ports that some proxies add to the addresses.
func withoutPorts(list string) string {
	parts := strings.Split(list, ",")
	for i, part := range parts {
		if addr, err := netip.ParseAddrPort(strings.TrimSpace(part)); err == nil {
			parts[i] = addr.Addr().String()
		}
	}
	return strings.Join(parts, ",")
}

// remoteAddr returns the address of the peer of the connection.
func remoteAddr(r *http.Request) netip.Addr {
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Addr().Unmap()
}
