package rest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
)

// panicOf returns the text of the panic of f.
func panicOf(f func()) (text string) {
	defer func() { text = fmt.Sprint(recover()) }()
	f()
	return ""
}

func TestRouteNeedsCompletePolicy(t *testing.T) {
	for field, drop := range map[string]func(*rest.Policy){
		"Audience":    func(p *rest.Policy) { p.Audience = rest.Audience{} },
		"RateLimit":   func(p *rest.Policy) { p.RateLimit = rest.RateLimit{PerMinute: 1} },
		"Concurrency": func(p *rest.Policy) { p.Concurrency = "" },
		"Cache":       func(p *rest.Policy) { p.Cache = "" },
		"CORS":        func(p *rest.Policy) { p.CORS = "" },
		"CSP":         func(p *rest.Policy) { p.CSP = "" },
		"Query":       func(p *rest.Policy) { p.Query = "" },
	} {
		p := rest.Public
		drop(&p)
		a := newAPI(t, io.Discard)
		want := "GET /x cannot be registered: its policy has no " + field
		if got := panicOf(func() { rest.Page(a, "GET /x", p, http.NotFoundHandler()) }); !strings.Contains(got, want) {
			t.Errorf("Page without %s: %s", field, got)
		}
		if got := panicOf(func() {
			rest.Handle(a, "GET /x", p, func(context.Context, *struct{}) (*struct{}, error) { return nil, nil }, "readX", "Read x")
		}); !strings.Contains(got, want) {
			t.Errorf("Handle without %s: %s", field, got)
		}
	}
	a := newAPI(t, io.Discard)
	for name, p := range map[string]rest.Policy{"no policy": {}, "no guard": rest.SignedIn(nil)} {
		if got := panicOf(func() { rest.Page(a, "GET /x", p, http.NotFoundHandler()) }); !strings.Contains(got, "cannot be registered") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestTypesDetermineResponses: the types of input and output and the policy add exactly the
// responses that they can cause.
func TestTypesDetermineResponses(t *testing.T) {
	a := newAPI(t, io.Discard)
	rest.Handle(a, "GET /none", rest.Open, func(context.Context, *struct{}) (*struct{}, error) { return nil, nil }, "readNone", "Read")
	rest.Handle(a, "GET /revalidated", rest.Open, func(context.Context, *struct{ rest.Revalidation }) (*struct{}, error) { return nil, nil }, "revalidate", "Revalidate")
	rest.Handle(a, "POST /forms", rest.Open, func(context.Context, *formInput) (*struct{}, error) { return nil, nil }, "sendForm", "Send")
	rest.Handle(a, "POST /lines", rest.Open, func(context.Context, *linesInput) (*rest.Stream, error) { return nil, nil }, "sendLines", "Send")
	rest.Handle(a, "GET /files", rest.Open, func(context.Context, *struct{}) (*rest.Download, error) { return nil, nil }, "getFile", "Get")
	rest.Handle(a, "GET /public", rest.Public, func(context.Context, *struct{}) (*struct{}, error) { return nil, nil }, "readPublic", "Read")
	rest.Handle(a, "GET /probe", rest.Probe, func(context.Context, *struct{}) (*struct{}, error) { return nil, nil }, "probe", "Probe")
	var spec struct {
		Paths map[string]map[string]struct{ Responses map[string]any }
	}
	if err := json.Unmarshal(a.Spec(), &spec); err != nil {
		t.Fatal(err)
	}
	always := []string{"400", "422", "429", "431", "500", "503"}
	for operation, statuses := range map[string][]string{
		"get /none": {"204", "403", "421"}, "get /revalidated": {"204", "304", "403", "421"}, "get /files": {"200", "206", "304", "403", "416", "421"},
		"get /api/things": {"200", "403", "421"}, "post /api/things": {"201", "403", "413", "415", "421"}, "patch /api/things/{id}": {"200", "403", "404", "412", "413", "415", "421"},
		"post /forms": {"204", "403", "408", "413", "415", "421"}, "post /lines": {"200", "403", "413", "415", "421"},
		"get /public": {"204", "421"}, "get /probe": {"204", "403"},
	} {
		method, path, _ := strings.Cut(operation, " ")
		want := slices.Sorted(slices.Values(append(statuses, always...)))
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(spec.Paths[path][method].Responses))); diff != "" {
			t.Errorf("responses of %s (-want +got)\n%s", operation, diff)
		}
	}
}

// TestRegistrationNeedsBody: an operation cannot be registered if its request body would
// not be checked, or if it limits a body that it does not have.
func TestRegistrationNeedsBody(t *testing.T) {
	raw := func() {
		rest.Handle(newAPI(t, io.Discard), "POST /x", rest.Open, func(context.Context, *struct{ RawBody []byte }) (*struct{}, error) { return nil, nil }, "sendX", "Send x")
	}
	limit := func() {
		rest.Handle(newAPI(t, io.Discard), "POST /x", rest.Open, func(context.Context, *struct{}) (*struct{}, error) { return nil, nil }, "sendX", "Send x", rest.MaxBody(1))
	}
	for want, register := range map[string]func(){
		"rest: POST /x: the request body must be a field named Body": raw,
		"rest: POST /x: MaxBody needs an input with a Body":          limit,
	} {
		if got := panicOf(register); got != want {
			t.Errorf("got panic %q, want %q", got, want)
		}
	}
}

// Listing is not a rest.List, although its name starts like one.
type Listing struct {
	Name string `json:"name"`
}

// TestSchemaNames: the schema of a generic type is named after its item.
func TestSchemaNames(t *testing.T) {
	a := newAPI(t, io.Discard)
	rest.Handle(a, "GET /listing", rest.Open, func(context.Context, *struct{}) (*struct{ Body Listing }, error) { return nil, nil }, "getListing", "Get")
	rest.Handle(a, "POST /lines", rest.Open, func(context.Context, *linesInput) (*rest.Stream, error) { return nil, nil }, "sendLines", "Send")
	var spec struct {
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal(a.Spec(), &spec); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Listing", "ThingList", "LengthResult"} {
		if spec.Components.Schemas[name] == nil {
			t.Errorf("no schema %s, got %v", name, slices.Sorted(maps.Keys(spec.Components.Schemas)))
		}
	}
}

// TestPolicyDecidesNotPath serves a page with different policies at the same path.
func TestPolicyDecidesNotPath(t *testing.T) {
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, strings.Repeat("x", 1000))
	})
	open := rest.Open
	open.Query = rest.LenientQuery
	public := rest.Public
	public.Cache, public.CSP, public.Query = "public, max-age=60", "default-src 'self'", rest.LenientQuery
	for name, v := range map[string]struct {
		policy                     rest.Policy
		auth, query                string
		status                     int
		cache, csp, origin, coding string
	}{
		"everyone":           {open, "", "?x=1&x=2", 200, "no-store", rest.DataCSP, "", ""},
		"public":             {public, "", "?x", 200, "public, max-age=60", "default-src 'self'", "*", "gzip"},
		"public, strict":     {rest.Public, "", "?x=1&x=2", 422, "no-store", rest.DataCSP, "*", "gzip"},
		"login missing":      {rest.SignedIn(users), "", "", 401, "no-store", rest.DataCSP, "", ""},
		"login":              {rest.SignedIn(users), "ann", "", 200, "no-store", rest.DataCSP, "", ""},
		"login, query twice": {rest.SignedIn(users), "ann", "?x=1&x=2", 422, "no-store", rest.DataCSP, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, a := newLimitedAPI(t, rest.Config{})
			rest.Page(a, "GET /api/public/page", v.policy, page)
			res := serve(t, a).Do("GET /api/public/page"+v.query, "", "Authorization", v.auth, "Origin", "https://a.example", "Accept-Encoding", "gzip").Want(v.status, nil)
			h := res.Header
			got := []string{h.Get("Cache-Control"), h.Get("Content-Security-Policy"), h.Get("Access-Control-Allow-Origin"), h.Get("Content-Encoding")}
			if diff := cmp.Diff([]string{v.cache, v.csp, v.origin, v.coding}, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestErrorsAreNotCached: errors have Cache-Control: no-store on a route that may be cached.
func TestErrorsAreNotCached(t *testing.T) {
	_, a := newLimitedAPI(t, rest.Config{})
	cached := rest.Public
	cached.Cache = "public, max-age=60"
	rest.Handle(a, "GET /cached/{id}", cached, func(context.Context, *struct {
		ID int `path:"id"`
	}) (*struct{ Body string }, error) {
		return nil, fault.New(fault.NotFound, "not found")
	}, "readCached", "Read")
	rest.Page(a, "GET /panics", cached, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("broken") }))
	c := serve(t, a)
	for path, status := range map[string]int{"/cached/1": 404, "/cached/x": 422, "/cached/1?x=1": 422, "/panics": 500} {
		if a := c.Do("GET "+path, ""); a.Status != status || a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s = %d, Cache-Control %q", path, a.Status, a.Header.Get("Cache-Control"))
		}
	}
}

// TestMethodNotAllowedListsMethods: the header Allow of a 405 lists the methods of the path.
func TestMethodNotAllowedListsMethods(t *testing.T) {
	api := newAPI(t, io.Discard)
	rest.Page(api, "GET /api/things/new", rest.Probe, http.NotFoundHandler())
	c := serve(t, api)
	for route, want := range map[string]string{
		"DELETE /api/things": "GET, HEAD, POST", "GET /api/things/1": "PATCH", "BREW /docs": "GET, HEAD", "PUT /api/things/new": "GET, HEAD",
	} {
		a := c.Do(route, "")
		if a.WantProblem(405); a.Header.Get("Allow") != want {
			t.Errorf("%s: Allow %q, want %q", route, a.Header.Get("Allow"), want)
		}
	}
}
