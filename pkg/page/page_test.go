package page_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/page"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
)

var styleElement = regexp.MustCompile(`(?s)<style>(.*?)</style>`)

// TestPages serves pages and errors. Values are escaped, and a browser accepts the style but nothing
// else.
func TestPages(t *testing.T) {
	const attack = `"><script>alert(1)</script>`
	field := page.Field{Name: "password", Label: "Password " + attack, Hint: "Hint " + attack, Type: "password", MinLength: 8}
	c, _ := resttest.Start(t, func(ctx context.Context, cfg rest.Config) error {
		a := rest.New(rest.Options{Document: rest.Document{Title: "Test Service"}, Log: slog.New(slog.DiscardHandler), HTTP: cfg})
		for path, p := range map[string]page.Page{
			"/form":   {Title: "Form", Problem: "the password is wrong", Form: &page.Form{Action: "/other?a=b&c=d", Hidden: map[string]string{"token": attack}, Fields: []page.Field{field}, Button: "Send"}},
			"/button": {Title: "Button", Form: &page.Form{Hidden: map[string]string{"b": "2", "a": "1"}, Button: "Send"}},
			"/link":   {Title: attack, Text: attack, Link: &page.Link{Text: attack, Path: "javascript:alert(1)"}},
		} {
			rest.Page(a, "GET "+path, page.Policy(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.Write(w, r, http.StatusOK) }))
		}
		for path, err := range map[string]error{"/missing": fault.New(fault.NotFound, "the link is old"), "/refused": fault.New(fault.TooMany, "too many requests"), "/failed": errors.New("password of the database")} {
			rest.Page(a, "GET "+path, page.Policy(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { rest.WriteProblem(w, r, err) }))
		}
		return rest.Serve(ctx, cfg.Listener, a, cfg.Drain)
	})
	for path, want := range map[string]struct {
		status int
		texts  []string
	}{
		"/form": {200, []string{
			`<form method="post" action="/other?a=b&amp;c=d">`, `name="token" value="&#34;&gt;&lt;script&gt;`, `<p class="problem" role="alert">The password is wrong.</p>`,
			`<label for="password">`, `aria-describedby="password-hint"`, `id="password-hint"`, `minlength="8"`, `<html lang="en">`, "<title>Form – ",
		}},
		"/button":  {200, []string{`<form method="post">`, `<input type="hidden" name="a" value="1"><input type="hidden" name="b" value="2">`, "<button>Send</button>"}},
		"/link":    {200, []string{`<a href="#ZgotmplZ">`}},
		"/missing": {404, []string{"<h1>This link does not work</h1>", "<p>The link is old.</p>"}},
		"/refused": {429, []string{"<h1>This did not work</h1>", "<p>Too many requests.</p>"}},
		"/failed":  {500, []string{"<h1>This did not work</h1>", "Try again in a minute."}},
	} {
		r := c.Do("GET "+path, "")
		if r.Status != want.status || r.Header.Get("Content-Type") != "text/html; charset=utf-8" || r.Header.Get("Referrer-Policy") != "strict-origin" {
			t.Errorf("%s = %d, header %v", path, r.Status, r.Header)
		}
		for _, text := range want.texts {
			if !strings.Contains(r.Text, text) {
				t.Errorf("%s has no %q:\n%s", path, text, r.Text)
			}
		}
		if strings.Contains(r.Text, "<script") || strings.Contains(r.Text, "database") {
			t.Errorf("%s has a script or an internal error:\n%s", path, r.Text)
		}
		sum := sha256.Sum256([]byte(styleElement.FindStringSubmatch(r.Text)[1]))
		csp := r.Header.Get("Content-Security-Policy")
		if want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.HasPrefix(csp, want) || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: Content-Security-Policy %q, want %q at the start", path, csp, want)
		}
	}
}
