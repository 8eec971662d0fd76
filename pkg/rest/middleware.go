package rest

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/google/uuid"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/trace"
)

type contextKey struct{}

// requestState is what the middleware knows of a request.
type requestState struct {
	id       uuid.UUID
	address  netip.Addr
	timeouts Timeouts
	route    *route // nil before it is known
	slot     *slot  // nil where there is none
	panicked bool

	mu    sync.Mutex
	attrs []slog.Attr // of the access log
}

// stateOf returns the state of the request that ctx belongs to, an empty one
// where it belongs to none.
func stateOf(ctx context.Context) *requestState {
	if s, ok := ctx.Value(contextKey{}).(*requestState); ok {
		return s
	}
	return &requestState{timeouts: Timeouts{}.orDefault()}
}

// RequestID returns the id of the request that ctx belongs to: a UUID, the one
// of the client's X-Request-Id where that is one.
func RequestID(ctx context.Context) string { return stateOf(ctx).id.String() }

// Address returns the client address of the request that ctx belongs to; the
// zero one where it belongs to none.
func Address(ctx context.Context) netip.Addr { return stateOf(ctx).address }

// Network returns what the client of Address controls at least: an IPv4 address,
// or the /64 of an IPv6 address.
func Network(ctx context.Context) string { return clientNetwork(Address(ctx)) }

// Annotate adds to the access-log line of the request that ctx belongs to.
func Annotate(ctx context.Context, attrs ...slog.Attr) {
	s := stateOf(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attrs = append(s.attrs, attrs...)
}

func userAttr(id string) slog.Attr { return slog.String("user", id) }

// identify gives the request its id, and the response the headers that all have.
func (a *API) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, err := uuid.Parse(r.Header.Get("X-Request-Id"))
		if err != nil {
			id = uuid.Must(uuid.NewV7())
		}
		s := &requestState{id: id, timeouts: a.timeouts}
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
			h.Set("Connection", "close") // the client leaves before it is sent away
		}
		ctx := trace.NewContext(r.Context(), strings.Join(r.Header.Values(trace.Header), ","))
		next.ServeHTTP(w, r.WithContext(context.WithValue(ctx, contextKey{}, s)))
	})
}

// logAccess writes one line per request. It names neither bodies nor tokens, and
// of the address only the path.
func (a *API) logAccess(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		ww := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		a.inFlight.Inc()
		defer a.inFlight.Dec()
		next.ServeHTTP(ww, r)
		status := cmp.Or(ww.Status(), http.StatusOK)
		method, pattern := labels(r)
		a.seconds.WithLabelValues(method, pattern, strconv.Itoa(status)).Observe(time.Since(start).Seconds())
		s := stateOf(r.Context())
		s.mu.Lock()
		defer s.mu.Unlock()
		level := slog.LevelInfo
		switch {
		case s.panicked:
			level = slog.LevelError
		case s.route != nil && s.route.noAccessLog:
			level = slog.LevelDebug
		case status >= 500:
			level = slog.LevelError
		}
		a.log.LogAttrs(r.Context(), level, "request", append([]slog.Attr{
			slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Int("status", status),
			slog.Int("bytes", ww.BytesWritten()), slog.Float64("ms", float64(time.Since(start).Microseconds())/1000),
			slog.String("addr", s.address.String()), slog.String("request_id", s.id.String()),
		}, s.attrs...)...)
	})
}

// labels are the method and route of a request, without anything that a client
// can make up.
func labels(r *http.Request) (method, pattern string) {
	if pattern = chi.RouteContext(r.Context()).RoutePattern(); pattern == "" {
		return "any", "none"
	}
	return r.Method, pattern
}

// recover answers a panic with 500, and adds its stack to the log line.
func (a *API) recover(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch v := recover(); v {
			case nil:
			case http.ErrAbortHandler:
				panic(v)
			default:
				Annotate(r.Context(), slog.String("stack", string(debug.Stack())))
				stateOf(r.Context()).panicked = true
				writeProblem(w, r, fmt.Errorf("panic: %v", v))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// strictQuery refuses what net/url passes over: a query that cannot be parsed, a
// repeated parameter, and one without a value, which would select everything.
func strictQuery(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		values, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			writeProblem(w, r, fault.New(fault.Malformed, "the query cannot be read").
				With(fault.Detail{Path: "query", Code: "syntax", Message: "holds a broken escape, or a semicolon"}))
			return
		}
		var details []fault.Detail
		for _, name := range slices.Sorted(maps.Keys(values)) {
			switch given := values[name]; {
			case len(given) > 1:
				details = append(details, fault.Detail{Path: "query:" + name, Code: "duplicate", Message: "is given more than once"})
			case given[0] == "":
				details = append(details, fault.Detail{Path: "query:" + name, Code: "required", Message: "has no value; leave it out where none is meant"})
			}
		}
		if details != nil {
			writeProblem(w, r, fault.New(fault.Invalid, "the query is not valid").With(details...))
			return
		}
		next.ServeHTTP(w, r)
	})
}
