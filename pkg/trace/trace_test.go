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

// TestTraceparent has the header of a caller continued where W3C Trace Context
// allows it, and ignored elsewhere.
func TestTraceparent(t *testing.T) {
	for name, c := range map[string]struct{ header, flags string }{ // no flags: the header is ignored
		"sampled":            {"00-" + id + "-" + span + "-01", "01"},
		"not sampled":        {"00-" + id + "-" + span + "-00", "00"},
		"random":             {"00-" + id + "-" + span + "-03", "01"},
		"unknown flags":      {"00-" + id + "-" + span + "-fe", "00"},
		"later version":      {"cc-" + id + "-" + span + "-01", "01"},
		"later, with more":   {"cc-" + id + "-" + span + "-01-what.the", "01"},
		"later, with less":   {"cc-" + id + "-" + span, ""},
		"later, run on":      {"cc-" + id + "-" + span + "-01x", ""},
		"missing":            {"", ""},
		"version ff":         {"ff-" + id + "-" + span + "-01", ""},
		"version 00, more":   {"00-" + id + "-" + span + "-01-x", ""},
		"capitals":           {"00-" + strings.ToUpper(id) + "-" + span + "-01", ""},
		"no hex":             {"00-" + strings.Replace(id, "4", "g", 1) + "-" + span + "-01", ""},
		"short trace":        {"00-" + id[1:] + "-" + span + "-01", ""},
		"zero trace":         {"00-" + strings.Repeat("0", 32) + "-" + span + "-01", ""},
		"zero span":          {"00-" + id + "-0000000000000000-01", ""},
		"two headers":        {"00-" + id + "-" + span + "-01,00-" + id + "-" + span + "-01", ""},
		"spaces":             {" 00-" + id + "-" + span + "-01", ""},
		"a line end, and on": {"cc-" + id + "-" + span + "-01-\nx", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := trace.FromContext(trace.NewContext(t.Context(), c.header))
			m := regexp.MustCompile(`^00-([0-9a-f]{32})-([0-9a-f]{16})-(0[01])$`).FindStringSubmatch(got)
			if m == nil || m[2] == span {
				t.Fatalf("NewContext(%q) has %q, want a valid traceparent with a new span", c.header, got)
			}
			if kept := m[1] == id; kept != (c.flags != "") || kept && m[3] != c.flags {
				t.Errorf("NewContext(%q) has %q", c.header, got)
			}
			if again := trace.FromContext(trace.NewContext(t.Context(), got)); again[:36] != got[:36] || again == got {
				t.Errorf("%q continued is %q", got, again)
			}
		})
	}
	if got := trace.FromContext(context.Background()); got != "" {
		t.Errorf("a context without a trace has %q", got)
	}
}

// TestHandler has each line that is written with a context name its trace.
func TestHandler(t *testing.T) {
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
