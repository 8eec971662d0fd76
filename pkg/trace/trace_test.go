package trace_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/trace"
)

const (
	id   = "4bf92f3577b34da6a3ce929d0e0e4736"
	span = "00f067aa0ba902b7"
)

func TestValidTraceparentIsContinued(t *testing.T) {
	for name, c := range map[string]struct{ header, flags string }{ // empty flags: the header must be ignored
		"sampled":                    {"00-" + id + "-" + span + "-01", "01"},
		"not sampled":                {"00-" + id + "-" + span + "-00", "00"},
		"random flag":                {"00-" + id + "-" + span + "-03", "01"},
		"unknown flags":              {"00-" + id + "-" + span + "-fe", "00"},
		"later version":              {"cc-" + id + "-" + span + "-01", "01"},
		"later version, added field": {"cc-" + id + "-" + span + "-01-new.field", "01"},
		"later version, no flags":    {"cc-" + id + "-" + span, ""},
		"later version, long flags":  {"cc-" + id + "-" + span + "-01x", ""},
		"missing":                    {"", ""},
		"version ff":                 {"ff-" + id + "-" + span + "-01", ""},
		"version 00, added field":    {"00-" + id + "-" + span + "-01-x", ""},
		"upper case":                 {"00-" + strings.ToUpper(id) + "-" + span + "-01", ""},
		"not hex":                    {"00-" + strings.Replace(id, "4", "g", 1) + "-" + span + "-01", ""},
		"short trace":                {"00-" + id[1:] + "-" + span + "-01", ""},
		"zero trace":                 {"00-" + strings.Repeat("0", 32) + "-" + span + "-01", ""},
		"zero span":                  {"00-" + id + "-0000000000000000-01", ""},
		"two headers":                {"00-" + id + "-" + span + "-01,00-" + id + "-" + span + "-01", ""},
		"spaces":                     {" 00-" + id + "-" + span + "-01", ""},
		"line break":                 {"cc-" + id + "-" + span + "-01-\nx", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := trace.FromContext(trace.NewContext(t.Context(), c.header))
			m := regexp.MustCompile(`^00-([0-9a-f]{32})-([0-9a-f]{16})-(0[01])$`).FindStringSubmatch(got)
			if m == nil || m[2] == span {
				t.Fatalf("NewContext(%q) contains %q, want a valid traceparent with a new span", c.header, got)
			}
			if continued := m[1] == id; continued != (c.flags != "") || continued && m[3] != c.flags {
				t.Errorf("NewContext(%q) contains %q, want the trace continued: %v", c.header, got, c.flags != "")
			}
			if next := trace.FromContext(trace.NewContext(t.Context(), got)); next[:36] != got[:36] || next == got {
				t.Errorf("NewContext(%q) contains %q, want the same trace and a new span", got, next)
			}
		})
	}
	if got := trace.FromContext(context.Background()); got != "" {
		t.Errorf("FromContext of an empty context = %q, want \"\"", got)
	}
}

func TestHandlerAddsTheTraceID(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(trace.Handler(slog.NewJSONHandler(&out, nil))).With("service", "x")
	ctx := trace.NewContext(t.Context(), "00-"+id+"-"+span+"-01")
	log.InfoContext(ctx, "with")
	log.Info("without")
	log.WithGroup("g").InfoContext(ctx, "in a group", "a", 1)
	var got []string
	for line := range strings.Lines(out.String()) {
		var l struct {
			Service, Trace_id string
			G                 struct{ Trace_id string }
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		got = append(got, l.Service+" "+l.Trace_id+l.G.Trace_id)
	}
	if want := "x " + id + ",x ,x " + id; strings.Join(got, ",") != want {
		t.Errorf("lines %v, want %v", got, want)
	}
}
