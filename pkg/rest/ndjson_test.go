package rest_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/wire"
)

type linesInput struct {
	Lines rest.NDJSON[thing, length]
}

// length is the result for one value.
type length struct {
	Bytes int `json:"bytes"`
}

// TestNDJSON sends one or many values to an operation that returns their length and rejects
// the empty object.
func TestNDJSON(t *testing.T) {
	a := rest.New(rest.Options{Document: rest.Document{Title: "Test Service"}, Log: slog.New(slog.DiscardHandler), User: func(context.Context) string { return "" }})
	rest.Handle(a, "POST /api/lengths", rest.Open, func(ctx context.Context, in *linesInput) (*rest.Stream, error) {
		return in.Lines.Process(ctx, 20, func(_ context.Context, v wire.Value) (length, error) {
			if string(v) == "{}" {
				return length{}, fault.New(fault.Invalid, "is empty")
			}
			return length{len(v)}, nil
		})
	}, "measure", "Measure")
	server := httptest.NewServer(a)
	defer server.Close()
	for name, c := range map[string]struct{ contentType, body, want string }{
		"one value":            {"application/json", `{"a":1}`, `200 {"bytes":7}`},
		"one, no content type": {"", `{"a":1}`, `415`},
		"one, invalid":         {"application/json", `{"a":`, `400`}, "one, too long": {"application/json", `"` + strings.Repeat("x", 20) + `"`, `413`},
		"one, rejected": {"application/json", `{}`, `422`}, "other content type": {"text/csv", `a`, `415`}, "two values in JSON": {"application/json", "{}\n{}", `400`},
		"lines":                       {"application/x-ndjson", "{\"a\":1}\n[]\n", "200 {\"line\":1,\"result\":{\"bytes\":7}}\n{\"line\":2,\"result\":{\"bytes\":2}}\n"},
		"no newline at the end":       {"application/x-ndjson; charset=utf-8", "[1]", "200 {\"line\":1,\"result\":{\"bytes\":3}}\n"},
		"byte order mark":             {"application/x-ndjson", "\ufeff{\"a\":1}\n[]", "200 {\"line\":1,\"result\":{\"bytes\":7}}\n{\"line\":2,\"result\":{\"bytes\":2}}\n"},
		"only a byte order mark":      {"application/x-ndjson", "\ufeff", "200 "},
		"byte order mark, empty line": {"application/x-ndjson", "\ufeff\n[]", "200 {\"line\":2,\"result\":{\"bytes\":2}}\n"},
		"UTF-16":                      {"application/x-ndjson", "\xff\xfe[\x00]\x00\n\x00[\x00]\x00", "200 1:400 2:400 "},
		"gzip, one value":             {"application/json", gzipped(`{"a":1}`), `200 {"bytes":7}`},
		"gzip, lines":                 {"application/x-ndjson", gzipped("[]\n[1]"), "200 {\"line\":1,\"result\":{\"bytes\":2}}\n{\"line\":2,\"result\":{\"bytes\":3}}\n"},
		"gzip, incomplete":            {"application/x-ndjson", gzipped("[]")[:20], "200 1:400 "},
		"gzip, but plain text":        {"application/x-ndjson", "[]\n[1]", "200 1:400 "},
		"gzip, too large":             {"application/x-ndjson", gzipped(strings.Repeat(" ", 4<<20)), "200 1:400 "},
		"empty lines":                 {"application/x-ndjson", "\n\n[]\r\n \n", "200 {\"line\":3,\"result\":{\"bytes\":2}}\n"},
		"no lines":                    {"application/x-ndjson", "", "200 "},
		"invalid and rejected":        {"application/x-ndjson", "{\"a\":\n{}\n[]", "200 1:400 2:422 {\"line\":3,\"result\":{\"bytes\":2}}\n"},
		"too long":                    {"application/x-ndjson", strings.Repeat("x", 100_000) + "\n[]\n\"" + strings.Repeat("x", 30), "200 1:413 {\"line\":2,\"result\":{\"bytes\":2}}\n3:413 "},
	} {
		req, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+"/api/lengths", strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		if c.contentType != "" {
			req.Header.Set("Content-Type", c.contentType)
		}
		if strings.HasPrefix(name, "gzip") {
			req.Header.Set("Content-Encoding", "gzip")
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, abbreviate(t, res.Status[:3], string(text))); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
	text := resttest.Client{T: t, URL: server.URL}.Call("POST /api/lengths", "", "[]\n[1 2]", "Content-Type", "application/x-ndjson").Want(200, nil).Text
	if want := "line 2, column 4: "; !strings.Contains(text, want) {
		t.Errorf("error in the second line: %s, want %s", text, want)
	}
}

// abbreviate replaces each problem in a response by its status.
func abbreviate(t *testing.T, status, text string) string {
	t.Helper()
	if status != "200" {
		return status
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		var l rest.Result[length]
		if err := wire.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if l.Problem != nil {
			fmt.Fprintf(&b, "%d:%d ", l.Line, l.Problem.Status)
			continue
		}
		b.WriteString(line)
	}
	return status + " " + b.String()
}

// TestNDJSONResponsesAreBounded: a response ends at 256 MiB with a problem for the first
// line that was not processed.
func TestNDJSONResponsesAreBounded(t *testing.T) {
	const lines, result = 80, 4 << 20
	processed := 0
	a := rest.New(rest.Options{Document: rest.Document{Title: "Test Service"}, Log: slog.New(slog.DiscardHandler), User: func(context.Context) string { return "" }})
	rest.Handle(a, "POST /api/lines", rest.Open, func(ctx context.Context, in *struct{ Lines rest.NDJSON[thing, string] }) (*rest.Stream, error) {
		return in.Lines.Process(ctx, 1<<20, func(context.Context, wire.Value) (string, error) {
			processed++
			return strings.Repeat("x", result), nil
		})
	}, "repeat", "Repeat")
	server := httptest.NewServer(a)
	defer server.Close()
	res, err := http.Post(server.URL+"/api/lines", "application/x-ndjson", strings.NewReader(strings.Repeat("{}\n", lines)))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	in := bufio.NewScanner(res.Body)
	in.Buffer(nil, result+1000)
	var last rest.Result[string]
	received := 0
	for in.Scan() {
		last = rest.Result[string]{}
		if received++; received < 60 {
			continue
		}
		if err := wire.Unmarshal(in.Bytes(), &last); err != nil {
			t.Fatal(err)
		}
	}
	if in.Err() != nil || processed != 64 || received != 65 || last.Line != 65 || last.Problem == nil || last.Problem.Status != 413 || !strings.Contains(last.Problem.Detail, "another request") {
		t.Errorf("%d lines processed, %d received, %v, last %d %+v", processed, received, in.Err(), last.Line, last.Problem)
	}
}
