package rest_test

import (
	"context"
	"errors"
	"io"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
)

func TestReadiness(t *testing.T) {
	ok := func(context.Context) error { return nil }
	down := func(context.Context) error {
		return fault.New(fault.Unavailable, "is down").Because(errors.New("secret"))
	}
	unexpected := func(context.Context) error { return errors.New("secret") }
	for name, want := range map[string]struct {
		checks []rest.Check
		status int
		text   string
	}{
		"no checks": {nil, 200, `{"status":"ready","checks":[]}`},
		"all work":  {[]rest.Check{{"store", true, ok}}, 200, `{"status":"ready","checks":[{"name":"store","ok":true,"vital":true}]}`},
		"degraded":  {[]rest.Check{{"kafka", false, down}}, 200, `{"status":"degraded","checks":[{"name":"kafka","ok":false,"vital":false,"detail":"is down"}]}`},
		"not ready": {[]rest.Check{{"kafka", false, ok}, {"store", true, unexpected}}, 503,
			`{"status":"not ready","checks":[{"name":"kafka","ok":true,"vital":false},{"name":"store","ok":false,"vital":true,"detail":"does not respond"}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, newAPI(t, io.Discard, want.checks...))
			if a := c.Do("GET /readyz", "").Want(want.status, nil); strings.TrimSpace(a.Text) != want.text {
				t.Errorf("readyz = %s, want %s", a.Text, want.text)
			}
			if a := c.Do("GET /livez", "").Want(200, nil); !strings.Contains(a.Text, "Test Service is running") {
				t.Errorf("livez = %s", a.Text)
			}
		})
	}
}

func TestDocumentation(t *testing.T) {
	c := serve(t, newAPI(t, io.Discard))
	spec := c.Do("GET /openapi.json", "").Want(200, nil).Text
	for _, want := range []string{`"openapi": "3.1.0"`, `"/api/things/{id}"`, `"application/merge-patch+json"`, `"maxLength": 5`, `"bearer"`, `"application/problem+json"`} {
		if !strings.Contains(spec, want) {
			t.Errorf("openapi.json does not contain %s", want)
		}
	}
	if strings.Contains(spec, `"null"`) || strings.Contains(spec, "$schema") {
		t.Error("openapi.json has nullable arrays or $schema")
	}
	for _, path := range []string{"/docs", "/docs/swagger-ui-bundle.js"} {
		if a := c.Do("GET "+path, "").Want(200, nil); strings.Contains(a.Text, "https://cdn") {
			t.Errorf("%s loads from another host", path)
		}
	}
	page := c.Do("GET /docs", "").Want(200, nil)
	loads := regexp.MustCompile(`(?i)\b(?:src|href|action|url)\s*[=(:]\s*["']?([^"'\s>)]+)`).FindAllStringSubmatch(page.Text, -1)
	if len(loads) < 3 {
		t.Errorf("/docs loads %q, want at least 3 files", loads)
	}
	for _, m := range loads {
		if u, err := url.Parse(m[1]); err != nil || u.Host != "" || u.Scheme != "" && u.Scheme != "data" {
			t.Errorf("/docs loads from another host: %s", m[0])
		}
	}
	if policy := page.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'self'") || strings.Contains(policy, "http") || strings.Contains(policy, "*") {
		t.Errorf("the CSP of /docs allows other hosts: %s", policy)
	}
}
