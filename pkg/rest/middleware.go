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

// entry is the access-log line of a request, filled in as the request goes
// through.
type entry struct {
	id       string
	address  netip.Addr
	stall    time.Duration
	turn     *turn // nil where it needs none
	streams  bool  // the operation has a deadline of its own for each piece of its answer
	mu       sync.Mutex
	attrs    []slog.Attr
	panicked bool
	quiet    bool
}

// RequestID returns the id of the request that ctx belongs to: a UUID, the one
// of the client's X-Request-Id where that is one.
func RequestID(ctx context.Context) string {
	if e, ok := ctx.Value(contextKey{}).(*entry); ok {
		return e.id
	}
	return uuid.Nil.String()
}

// Address returns the address that the request came from that ctx belongs to;
// the zero one where it belongs to none.
func Address(ctx context.Context) netip.Addr {
	if e, ok := ctx.Value(contextKey{}).(*entry); ok {
		return e.address
	}
	return netip.Addr{}
}

// Network returns what the client of Address has at least: its IPv4 address, or
// the /64 of its IPv6 address.
func Network(ctx context.Context) string { return network(Address(ctx)) }

// stallOf is how long a body that is streamed may keep still.
func stallOf(ctx context.Context) time.Duration {
	if e, ok := ctx.Value(contextKey{}).(*entry); ok {
		return e.stall
	}
	return Patience{}.orDefault().Stall
}

// streams says that the operation of the request that ctx belongs to sets the
// deadlines of its answer.
func streams(ctx context.Context) {
	if e, ok := ctx.Value(contextKey{}).(*entry); ok {
		e.streams = true
	}
}

// Annotate adds to the access-log line of the request that ctx belongs to.
func Annotate(ctx context.Context, attrs ...slog.Attr) {
	if e, ok := ctx.Value(contextKey{}).(*entry); ok {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.attrs = append(e.attrs, attrs...)
	}
}

// What an answer may load, and where it may be shown: those of the API nothing,
// the page of the documentation what comes with it.
const (
	nothing = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
	itsOwn  = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)

// identify gives the request its id and the answer the headers that all have.
func (a *API) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, err := uuid.Parse(r.Header.Get("X-Request-Id"))
		if err != nil {
			id = uuid.Must(uuid.NewV7())
		}
		e := &entry{id: id.String(), stall: a.patience.Stall}
		if e.address = middleware.GetClientIPAddr(r.Context()); !e.address.IsValid() {
			e.address = peer(r)
		}
		h := w.Header()
		h.Set("X-Request-Id", e.id)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", nothing)
		h.Set("Referrer-Policy", "no-referrer")
		if r.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if a.draining.Load() {
			h.Set("Connection", "close") // the client goes before it is sent away
		}
		ctx := trace.NewContext(r.Context(), strings.Join(r.Header.Values(trace.Header), ","))
		next.ServeHTTP(w, r.WithContext(context.WithValue(ctx, contextKey{}, e)))
	})
}

// access writes one line per request. It names neither bodies nor tokens, and
// of the address the path alone.
func (a *API) access(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		ww := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		a.inFlight.Inc()
		defer a.inFlight.Dec()
		next.ServeHTTP(ww, r)
		status := cmp.Or(ww.Status(), http.StatusOK)
		a.seconds.WithLabelValues(methodLabel(r), routeLabel(r), strconv.Itoa(status)).Observe(time.Since(start).Seconds())
		e := r.Context().Value(contextKey{}).(*entry)
		e.mu.Lock()
		defer e.mu.Unlock()
		level := slog.LevelInfo
		switch {
		case e.panicked:
			level = slog.LevelError
		case e.quiet:
			level = slog.LevelDebug
		case status >= 500:
			level = slog.LevelError
		}
		a.log.LogAttrs(r.Context(), level, "request", append([]slog.Attr{
			slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Int("status", status),
			slog.Int("bytes", ww.BytesWritten()), slog.Float64("ms", float64(time.Since(start).Microseconds())/1000),
			slog.String("addr", e.address.String()), slog.String("request_id", e.id),
		}, e.attrs...)...)
	})
}

// methodLabel and routeLabel name what a client cannot make up.
func methodLabel(r *http.Request) string {
	if chi.RouteContext(r.Context()).RoutePattern() == "" {
		return "any"
	}
	return r.Method
}

func routeLabel(r *http.Request) string {
	return cmp.Or(chi.RouteContext(r.Context()).RoutePattern(), "none")
}

// recover turns a panic into a 500, and its stack into a part of the log line.
func (a *API) recover(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch v := recover(); v {
			case nil:
			case http.ErrAbortHandler:
				panic(v)
			default:
				Annotate(r.Context(), slog.String("stack", string(debug.Stack())))
				r.Context().Value(contextKey{}).(*entry).panicked = true
				writeProblem(w, r, fmt.Errorf("panic: %v", v))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// query refuses what net/url passes over: a query that cannot be read, a name
// that is given twice, and one without a value, which would ask for everything.
func query(next http.Handler) http.Handler {
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
