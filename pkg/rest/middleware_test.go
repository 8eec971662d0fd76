package rest_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/rest"
)

// TestAccessLogOmitsProbes: there is an entry for each request except health checks.
func TestAccessLogOmitsProbes(t *testing.T) {
	var log bytes.Buffer
	fails := func(context.Context) error { return errors.New("down") }
	a := newAPI(t, &log, rest.Check{Name: "store", Vital: true, Probe: fails})
	for _, path := range []string{"/livez", "/readyz", "/health", "/none"} {
		a.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", path, nil))
	}
	var got []string
	for line := range strings.Lines(log.String()) {
		var entry struct{ Msg, Path string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		if entry.Msg == "request" {
			got = append(got, entry.Path)
		}
	}
	if want := []string{"/health", "/none"}; !slices.Equal(got, want) {
		t.Errorf("logged %v, want %v", got, want)
	}
}

// TestContentTypes: each response of the shell names its type, and text its encoding.
func TestContentTypes(t *testing.T) {
	c := serve(t, newAPI(t, io.Discard))
	for path, want := range map[string]string{
		"/docs": "text/html; charset=utf-8", "/docs/swagger-ui.css": "text/css; charset=utf-8", "/docs/favicon-32x32.png": "image/png",
		"/openapi.json": "application/json", "/problems/not-found": "text/plain; charset=utf-8", "/problems/unknown": "application/problem+json",
		"/nothing": "application/problem+json", "/livez": "application/json", "/readyz": "application/json", "/api/things": "application/json", "/api/things?x=1": "application/problem+json",
	} {
		for _, method := range []string{"GET ", "HEAD "} {
			if got := c.Do(method+path, "").Header.Get("Content-Type"); got != want {
				t.Errorf("%s%s has type %q, want %q", method, path, got, want)
			}
		}
	}
	conn := dial(t, shortTimeoutService(t), "GET / HTTP/1.1\r\nHost: x\r\nX-A: "+strings.Repeat("x", 30<<10)+"\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if got := res.Header.Get("Content-Type"); res.StatusCode != 431 || got != "text/plain; charset=utf-8" {
		t.Errorf("large header = %d with type %q, want 431", res.StatusCode, got)
	}
}

// TestRepeatedHeaders: a proxy and the service could take different ones of them.
func TestRepeatedHeaders(t *testing.T) {
	c := serve(t, newAPI(t, io.Discard))
	for _, header := range []string{"Authorization", "Content-Type", "Sec-Fetch-Site"} {
		req, err := http.NewRequestWithContext(t.Context(), "POST", c.URL+"/api/things", strings.NewReader(`{"name":"abc"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = http.Header{"Content-Type": {"application/json"}, header: {"application/json", "text/plain"}}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		if res.Body.Close(); err != nil || res.StatusCode != 400 || !strings.Contains(string(text), `"path":"header:`+header+`","code":"duplicate"`) {
			t.Errorf("two headers %s: %d %s", header, res.StatusCode, text)
		}
	}
}
