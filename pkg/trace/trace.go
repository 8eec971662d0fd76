// Package trace passes the W3C trace context of a request through handlers, events and
// log lines, so that an effect can be traced back to the request that caused it.
package trace

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"regexp"
	"strings"
)

// Header is the name of the HTTP and Kafka header with the traceparent.
const Header = "traceparent"

// format matches a traceparent of version 00. Later versions may append fields.
var format = regexp.MustCompile(`^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]([0-9a-f])(-.*)?$`)

// parse returns the trace id and flags of a traceparent, or false if it is malformed.
// Flags that version 00 does not define are cleared.
func parse(traceparent string) (id, flags string, ok bool) {
	m := format.FindStringSubmatch(traceparent)
	if m == nil || m[1] == "ff" || m[1] == "00" && m[5] != "" || strings.Trim(m[2], "0") == "" || strings.Trim(m[3], "0") == "" {
		return "", "", false
	}
	flags = "00"
	if strings.Contains("13579bdf", m[4]) {
		flags = "01" // sampled
	}
	return m[2], flags, true
}

type contextKey struct{}

// NewContext returns a context that continues the trace of traceparent with a new span,
// or starts a new trace if traceparent is malformed or empty.
func NewContext(ctx context.Context, traceparent string) context.Context {
	id, flags, ok := parse(traceparent)
	if !ok {
		id, flags = random(16), "01"
	}
	return context.WithValue(ctx, contextKey{}, "00-"+id+"-"+random(8)+"-"+flags)
}

// FromContext returns the traceparent of ctx, or "" if it has none.
func FromContext(ctx context.Context) string {
	traceparent, _ := ctx.Value(contextKey{}).(string)
	return traceparent
}

// random returns n random bytes in hex, not all of them zero.
func random(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	b[0] = cmp.Or(b[0], 1)
	return hex.EncodeToString(b)
}

// Handler returns a handler that adds the trace id of the context to each log record.
func Handler(next slog.Handler) slog.Handler { return handler{next} }

type handler struct{ slog.Handler }

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	if traceparent := FromContext(ctx); traceparent != "" {
		r.AddAttrs(slog.String("trace_id", traceparent[3:35]))
	}
	return h.Handler.Handle(ctx, r)
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs)}
}

func (h handler) WithGroup(name string) slog.Handler { return handler{h.Handler.WithGroup(name)} }
