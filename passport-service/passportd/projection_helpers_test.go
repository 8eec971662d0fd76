package passportd_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/rest/resttest"
)

// checkProjection calls a route and checks that the response contains exactly the data
// that want, a key of classesByReader, allows; see routes for "" and "-".
func (s *service) checkProjection(t *testing.T, route, who, token string, p apiPassport, want string) {
	t.Helper()
	r := strings.NewReplacer("{id}", p.ID, "{version}", fmt.Sprint(p.Version), "?at=", "?at="+p.UpdatedAt.Format(time.RFC3339Nano)).Replace(route)
	var body any
	switch {
	case strings.HasPrefix(r, "PUT "):
		body = `{"reason":"x","data":` + string(p.Data) + `}`
	case strings.HasPrefix(r, "PATCH "):
		body = `{"reason":"x","data":{}}`
	case strings.HasSuffix(r, "/archive"), strings.HasSuffix(r, "/void"):
		body = `{"reason":"x"}`
	case r == "GET /api/public/passports":
		r += "?identifier=" + p.BatteryIdentifier
	case strings.HasSuffix(r, "/versions"):
		r += "?limit=1"
	}
	if strings.HasPrefix(r, "GET /api/passports?") || r == "GET /api/passports" || r == "GET /api/passports/export" {
		r += "?batteryIdentifier=" + p.BatteryIdentifier
	}
	if want == "-" && (strings.HasSuffix(r, "/archive") || strings.HasSuffix(r, "/void") || strings.HasPrefix(r, "DELETE")) {
		return
	}
	a := s.On(t).Call(r, token, body)
	s.checkNoLeak(t, a.Text, route+" by "+who, p, want)
	if want == "" {
		if a.Status != 401 && a.Status != 403 {
			t.Errorf("%s by %s: got %d, want 401 or 403: %s", r, who, a.Status, a.Text)
		}
		return
	}
	if a.Status != 200 {
		t.Fatalf("%s by %s: got %d, want 200: %s", r, who, a.Status, a.Text)
	}
	cache := a.Header.Get("Cache-Control")
	if public := strings.HasPrefix(route, "GET /api/public/"); public != strings.HasPrefix(cache, "public") || !public && !strings.HasPrefix(cache, "private") && cache != "no-store" {
		t.Errorf("%s: got Cache-Control %q", r, cache)
	}
	for _, data := range dataIn(t, a.Text) {
		if diff := cmp.Diff(s.readable(t, p, want), leavesOf(t, data)); diff != "" {
			t.Errorf("%s by %s (-want +got)\n%s", r, who, diff)
		}
	}
	if got := len(dataIn(t, a.Text)) > 0; got != returnsData(route, want) {
		t.Errorf("%s by %s: response has data: got %v, want %v", r, who, got, !got)
	}
}

func returnsData(route, want string) bool {
	for _, without := range []string{"/diff", "/compliance", "/verify"} {
		if strings.HasSuffix(route, without) {
			return false
		}
	}
	return want != "-"
}

// dataIn returns the data of each passport or version in a response.
func dataIn(t *testing.T, text string) (all []json.RawMessage) {
	t.Helper()
	var one struct {
		Data  json.RawMessage
		Items []struct{ Data json.RawMessage }
	}
	if text == "" { // an export without a passport
		return nil
	}
	if err := json.Unmarshal([]byte(text), &one); err != nil {
		t.Fatal(err)
	}
	if one.Data != nil {
		all = append(all, one.Data)
	}
	for _, item := range one.Items {
		all = append(all, item.Data)
	}
	return all
}

// leavesOf returns the values in data by path.
func leavesOf(t *testing.T, data []byte) map[string]string {
	t.Helper()
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, member := range v {
				walk(path+"/"+name, member)
			}
		case []any:
			for i, item := range v {
				walk(fmt.Sprint(path, "/", i), item)
			}
		default:
			all[path] = fmt.Sprint(v)
		}
	}
	walk("", v)
	return all
}

// readable returns the values of a passport, by path, that a reader may read; reads is
// a key of classesByReader.
func (s *service) readable(t *testing.T, p apiPassport, reads string) map[string]string {
	t.Helper()
	all := leavesOf(t, p.Data)
	maps.DeleteFunc(all, func(path, _ string) bool {
		for _, class := range classesOf(path) {
			if !slices.Contains(classesByReader[reads], class) {
				return true
			}
		}
		return false
	})
	return all
}

// classesOf returns the access classes of an attribute and of the attributes around it.
func classesOf(path string) (classes []ruleset.Access) {
	rs := ruleset.Embedded()[0]
	at := ""
	for _, step := range strings.Split(path, "/")[1:] {
		if strings.Trim(step, "0123456789") == "" {
			at += "[]"
			continue
		}
		at = strings.TrimPrefix(at+"."+step, ".")
		if a, ok := rs.Attribute(at); ok {
			classes = append(classes, a.Access)
		}
	}
	return classes
}

// checkNoLeak fails if a response contains the value of a restricted field anywhere.
// Values that readable fields also have are skipped.
func (s *service) checkNoLeak(t *testing.T, text, route string, p apiPassport, reads string) {
	t.Helper()
	if reads == "everything" {
		return
	}
	readable := s.readable(t, p, reads)
	allowed := strings.Join(slices.Collect(maps.Values(readable)), "\n") + requestIDs(text)
	for path, value := range leavesOf(t, p.Data) {
		if _, ok := readable[path]; ok || len(value) < 5 || strings.Contains(allowed, value) {
			continue
		}
		if len(value) < 12 { // short values may be part of a field name
			value = `"` + value + `"`
		}
		if strings.Contains(text, value) {
			t.Errorf("%s: response contains the value of %s: %s", route, path, value)
		}
	}
	for _, never := range []string{`"hash"`, `"previousHash"`, `"createdBy"`, `"updatedBy"`, `"owner"`, "secret reason", "operator@A"} {
		if strings.Contains(text, never) {
			t.Errorf("%s: response contains %s: %s", route, never, text)
		}
	}
	if reads != "public" && reads != "" {
		return
	}
	for _, never := range []string{`"version"`, `"createdAt"`, `"updatedAt"`} {
		if strings.Contains(text, never) {
			t.Errorf("%s: response contains %s: %s", route, never, text)
		}
	}
}

// requestIDs returns the ids of the request in a problem.
func requestIDs(text string) string {
	var problem struct{ Instance, RequestID string }
	if json.Unmarshal([]byte(text), &problem) != nil {
		return ""
	}
	return problem.Instance + problem.RequestID
}

// withoutRequestID returns the body of a response without the id of the request.
func withoutRequestID(a resttest.Response) string {
	return strings.ReplaceAll(a.Text, a.Header.Get("X-Request-Id"), "")
}

// documentedRoutes returns the routes in the OpenAPI document.
func (s *service) documentedRoutes() (all []string) {
	s.T.Helper()
	var doc struct{ Paths map[string]map[string]any }
	s.Call("GET /openapi.json", "", nil).Want(200, &doc)
	for path, methods := range doc.Paths {
		for method := range methods {
			all = append(all, strings.ToUpper(method)+" "+path)
		}
	}
	return all
}
