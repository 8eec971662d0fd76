package rest_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/rest"
)

// TestOtherSitesAreRefused: browsers cannot use a route from pages of other origins unless
// its policy or CORS_ORIGINS allows it.
func TestOtherSitesAreRefused(t *testing.T) {
	c, _ := newLimitedAPI(t, rest.Config{Origins: rest.Origins{"https://app.example"}})
	navigation := []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}
	for name, v := range map[string]struct {
		route   string
		headers []string
		status  int
	}{
		"other site":               {"GET /api/open", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		"other origin of the site": {"GET /api/open", []string{"Sec-Fetch-Site", "same-site"}, 403},
		"unknown value":            {"GET /api/open", []string{"Sec-Fetch-Site", "x"}, 403},
		"same origin":              {"GET /api/open", []string{"Sec-Fetch-Site", "same-origin"}, 200},
		"typed":                    {"GET /api/open", []string{"Sec-Fetch-Site", "none"}, 200},
		"listed origin":            {"GET /api/open", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://app.example"}, 200},
		"other origin":             {"GET /api/open", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, 403},
		"navigation to the API":    {"GET /api/open", navigation, 403},
		"navigation to the docs":   {"GET /docs", navigation, 200},
		"docs in an image":         {"GET /docs", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"}, 403},
		"public data":              {"GET /open/to/all", []string{"Sec-Fetch-Site", "cross-site"}, 200},
		"old browser, write":       {"POST /api/open", []string{"Origin", "https://evil.example"}, 403},
		"old browser, null":        {"POST /api/open", []string{"Origin", "null"}, 403},
		"unknown path":             {"GET /api/nothing", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		"control character":        {"GET /api/%0a", nil, 404},
		"nul":                      {"GET /api/%00", nil, 404},
		"C1 control character":     {"GET /api/%c2%85", nil, 404},
		"not UTF-8":                {"GET /api/%ff", nil, 404},
	} {
		t.Run(name, func(t *testing.T) {
			if a := c.On(t).Do(v.route, "", v.headers...); a.Status != v.status {
				t.Errorf("%s = %d, want %d: %s", v.route, a.Status, v.status, a.Text)
			}
		})
	}
}

func TestAllowedHosts(t *testing.T) {
	var hosts rest.Hosts
	if err := hosts.Decode("api.example, *.Passports.example"); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"https://api.example", "api.example:443", "*", "a.*.example", "api.example/x"} {
		if new(rest.Hosts).Decode(text) == nil {
			t.Errorf("hosts %q are accepted", text)
		}
	}
	_, a := newLimitedAPI(t, rest.Config{AllowedHosts: hosts})
	c := serve(t, a)
	for host, status := range map[string]int{
		"api.example": 200, "API.example:8443": 200, "api.example.": 200, "a.passports.example": 200, "a.b.passports.example": 200,
		"passports.example": 421, "evilpassports.example": 421, "evil.example": 421, "127.0.0.1": 421, "[::1]:80": 421,
	} {
		for path, want := range map[string]int{"/api/open": status, "/livez": 200, "/readyz": 200} {
			if got := statusOfHost(t, c.URL+path, host); got != want {
				t.Errorf("%s of host %s = %d, want %d", path, host, got, want)
			}
		}
	}
}

// TestLocalServiceHasLocalNames: a web page cannot reach a service that listens on a
// loopback address under the name of its own site (DNS rebinding).
func TestLocalServiceHasLocalNames(t *testing.T) {
	listed := rest.Hosts{"api.example"}
	for name, v := range map[string]struct {
		cfg     rest.Config
		refused string
	}{
		"IPv4":          {rest.Config{Host: "127.0.0.1"}, "evil.example"},
		"IPv6":          {rest.Config{Host: "::1"}, "evil.example"},
		"name":          {rest.Config{Host: "localhost"}, "evil.example"},
		"ALLOWED_HOSTS": {rest.Config{Host: "127.0.0.1", AllowedHosts: listed}, "localhost 127.0.0.1:80 [::1]:80 evil.example"},
		"proxy":         {proxied(t, rest.Config{Host: "127.0.0.1"}), ""},
		"all addresses": {rest.Config{Host: "0.0.0.0"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, a := newLimitedAPI(t, v.cfg)
			c := serve(t, a)
			var refused []string
			for _, host := range []string{"localhost", "127.0.0.1:80", "[::1]:80", "evil.example"} {
				if statusOfHost(t, c.URL+"/api/open", host) == 421 {
					refused = append(refused, host)
				}
			}
			if got := strings.Join(refused, " "); got != v.refused {
				t.Errorf("refused hosts: %q, want %q", got, v.refused)
			}
		})
	}
}

// statusOfHost sends a request with a Host header.
func statusOfHost(t *testing.T, url, host string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

// TestRepeatedHeadersAreRefused: it is not clear which one a proxy has checked.
func TestRepeatedHeadersAreRefused(t *testing.T) {
	c, _ := newLimitedAPI(t, rest.Config{})
	for path, headers := range map[string]string{
		"/api/own":    "Authorization: ann\r\nAuthorization: bob\r\n",
		"/api/open":   "Authorization: ann\r\nAuthorization: bob\r\n",
		"/docs":       "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site\r\n",
		"/api/things": "Sec-Fetch-Site: none\r\nSec-Fetch-Site: none\r\n",
	} {
		conn := dial(t, c, "GET "+path+" HTTP/1.1\r\nHost: x\r\n"+headers+"\r\n")
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != 400 {
			t.Errorf("%s = %d, want 400", path, res.StatusCode)
		}
	}
}

// TestBodyNeedsContentType: browsers send a body without Content-Type to other origins
// without asking first.
func TestBodyNeedsContentType(t *testing.T) {
	c := serve(t, newAPI(t, io.Discard))
	c.Do("POST /api/things", `{"name":"abc"}`).WantProblem(415, "header:Content-Type enum")
	c.DoReader("POST /api/things", struct{ io.Reader }{strings.NewReader(`{"name":"abc"}`)}).WantProblem(415, "header:Content-Type enum")
}

// TestErrorsAreBounded: a response lists at most 1,000 errors, with short texts.
func TestErrorsAreBounded(t *testing.T) {
	c := serve(t, newAPI(t, io.Discard))
	var query strings.Builder
	for i := range 1500 {
		fmt.Fprintf(&query, "&a%d", i)
	}
	a := c.Do("GET /api/things?"+query.String()[1:], "")
	var p rest.Problem
	a.Want(422, &p)
	if last := p.Errors[len(p.Errors)-1]; len(p.Errors) != 1001 || last.Code != "more" || !strings.Contains(last.Message, "500 more") {
		t.Errorf("%d errors, last %+v", len(p.Errors), last)
	}
	a = c.Do("GET /api/things?"+strings.Repeat("ä", 1500)+"=", "")
	if a.WantProblem(422, "query:"+strings.Repeat("ä", 247)+"… unknownField"); len(a.Text) > 2000 {
		t.Errorf("%d bytes", len(a.Text))
	}
}

// TestUntrustedProxyIsReported: in production, the log and /readyz report requests that a
// proxy passed on that is not trusted. The service stays ready.
func TestUntrustedProxyIsReported(t *testing.T) {
	for name, v := range map[string]struct {
		cfg      rest.Config
		header   string
		reported bool
	}{
		"production":    {rest.Config{Production: true}, "X-Forwarded-For", true},
		"Forwarded":     {rest.Config{Production: true}, "Forwarded", true},
		"no proxy":      {rest.Config{Production: true}, "X-Other", false},
		"development":   {rest.Config{}, "X-Forwarded-For", false},
		"trusted proxy": {proxied(t, rest.Config{Production: true}), "X-Forwarded-For", false},
	} {
		t.Run(name, func(t *testing.T) {
			var log syncBuffer
			c := serve(t, rest.New(rest.Options{Document: rest.Document{Title: "Test Service"}, Log: slog.New(slog.NewJSONHandler(&log, nil)), HTTP: v.cfg}))
			for range 3 {
				c.Do("GET /health", "", v.header, "198.51.100.1").Want(200, nil)
			}
			var got rest.Readiness
			c.Do("GET /readyz", "").Want(200, &got)
			if (got.Status == "degraded") != v.reported || bytes.Count([]byte(log.String()), []byte("TRUSTED_PROXIES")) != map[bool]int{true: 1}[v.reported] {
				t.Errorf("readyz %+v, log %s", got, log.String())
			}
		})
	}
}
