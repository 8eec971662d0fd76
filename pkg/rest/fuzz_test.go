package rest_test

import (
	"encoding/json"
	"io"
	"mime"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/battery-passport/suite/pkg/rest"
)

// FuzzRequest sends arbitrary bodies, queries and headers to an API. Invalid requests get
// a problem with a 4xx status, never a 5xx.
func FuzzRequest(f *testing.F) {
	for _, seed := range []struct{ route, query, header, body string }{
		{"POST /api/things", "", "application/json", `{"name":"abc","mail":"a@x.example","kind":"a","count":3,"parts":[{"mass":1.5}]}`},
		{"POST /api/things", "", "", `{"name":"abc","Name":"abd","count":1e400}`},
		{"POST /api/things", "", "application/json; charset=latin1", `{"name":"abc","n\u0061me":"abd"}`},
		{"POST /api/things", "", "text/plain;;", `[{"$ne":""}]`},
		{"PATCH /api/things/{id}", "", `W/"3", "4"`, `null`},
		{"PATCH /api/things/{id}", "x=1", `"99999999999999999999"`, `{"a":{"b":{"c":null}}}`},
		{"GET /api/things", "limit=0&cursor=%ff", "", ""},
		{"GET /api/things", "limit=200&limit[$gt]=1;", "", ""},
		{"GET /api/things", "filter[$where]=sleep(1)", "*", ""},
		{"GET /api/fail/{how}", "", "Bearer", ""},
	} {
		f.Add(seed.route, seed.query, seed.header, []byte(seed.body))
	}
	a := newAPI(f, io.Discard)
	f.Fuzz(func(t *testing.T, route, query, header string, body []byte) {
		method, path, ok := strings.Cut(route, " ")
		if !ok || strings.HasPrefix(path, "/api/fail/") && path != "/api/fail/{how}" || strings.HasPrefix(path, "/docs") {
			return // it fails by design
		}
		r := httptest.NewRequest("POST", "/", strings.NewReader(string(body)))
		r.Method, r.URL = method, &url.URL{Path: path, RawQuery: query}
		for _, name := range []string{"Content-Type", "If-Match", "Authorization", "X-Request-Id"} {
			r.Header.Set(name, header)
		}
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		if w.Code < 200 || w.Code >= 500 && path != "/api/fail/{how}" {
			t.Fatalf("%s = %d: %s", route, w.Code, w.Body)
		}
		if w.Code < 400 || method == "HEAD" {
			return
		}
		var p rest.Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || !utf8.Valid(w.Body.Bytes()) || p.Status != w.Code || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s = %d, %v: %s", route, w.Code, err, w.Body)
		}
	})
}

// FuzzAttachment: for any file name, the header is one line of ASCII (a tab is allowed) and
// decodes to the same name.
func FuzzAttachment(f *testing.F) {
	for _, name := range []string{"a.pdf", "Müll <& \u2028>.pdf", `a"; filename="b.exe`, `C:\a`, "a\r\nSet-Cookie: x=1", "%2e%2e", "\u202efdp.exe", "", ";", "a*0=b"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		header := rest.Attachment(name)
		if strings.ContainsFunc(header, func(r rune) bool { return r < ' ' && r != '\t' || r > '~' }) {
			t.Fatalf("%q: header %q is not one line of ASCII", name, header)
		}
		disposition, params, err := mime.ParseMediaType(header)
		if err != nil || disposition != "attachment" || len(params) != 1 {
			t.Fatalf("%q: header %q cannot be parsed: %v", name, header, err)
		}
		if utf8.ValidString(name) && params["filename"] != name {
			t.Errorf("%q: decoded as %q", name, params["filename"])
		}
	})
}
