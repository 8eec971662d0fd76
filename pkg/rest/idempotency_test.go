package rest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
)

// TestIdempotencyKeyMustBeSingleValue: an empty or repeated key is rejected, not ignored.
func TestIdempotencyKeyMustBeSingleValue(t *testing.T) {
	a := newAPI(t, t.Output())
	rest.Handle(a, "POST /api/create", rest.Open, func(_ context.Context, in *struct {
		rest.IdempotencyKey
		Body thing
	}) (*struct{ Body string }, error) {
		return &struct{ Body string }{in.Key}, nil
	}, "createOnce", "Create once")
	for name, v := range map[string]struct {
		keys   []string
		status int
		text   string
	}{
		"none":          {nil, 200, `""`},
		"one":           {[]string{"k"}, 200, `"k"`},
		"empty":         {[]string{""}, 422, `"header:Idempotency-Key","code":"required"`},
		"two":           {[]string{"k", "l"}, 422, `"header:Idempotency-Key","code":"duplicate"`},
		"one and empty": {[]string{"k", ""}, 422, `"header:Idempotency-Key","code":"duplicate"`},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/create", strings.NewReader(`{"name":"abc"}`))
			r.Header.Set("Content-Type", "application/json")
			if v.keys != nil {
				r.Header["Idempotency-Key"] = v.keys
			}
			w := httptest.NewRecorder()
			a.ServeHTTP(w, r)
			if w.Code != v.status || !strings.Contains(w.Body.String(), v.text) {
				t.Errorf("got %d %s, want %d %s", w.Code, w.Body, v.status, v.text)
			}
		})
	}
}

// TestFieldNamesBecomeLocations: a fault names a field, and the problem has the location
// of the field in the request.
func TestFieldNamesBecomeLocations(t *testing.T) {
	a := newAPI(t, t.Output())
	rest.Handle(a, "POST /api/places/{id}", rest.Open, func(context.Context, *struct {
		ID string `path:"id"`
		rest.IdempotencyKey
		rest.Paging
	}) (*struct{}, error) {
		f := fault.New(fault.Invalid, "not valid")
		for _, path := range []string{"id", "limit", "idempotencyKey", "authorization", "name", "/mass", ""} {
			f.With(fault.Detail{Path: path, Code: "x", Message: "x"})
		}
		return nil, f
	}, "nameFields", "Name fields")
	serve(t, a).Do("POST /api/places/1", "").WantProblem(422, "path:id x", "query:limit x", "header:Idempotency-Key x", "header:Authorization x", "/name x", "/mass x", " x")
}
