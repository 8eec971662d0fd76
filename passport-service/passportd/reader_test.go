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
)

// reads asks a route and holds the answer against what may be in it.
func (s *service) reads(t *testing.T, route, who, token string, p answer, want string) {
	t.Helper()
	r := strings.NewReplacer("{id}", p.ID, "{version}", fmt.Sprint(p.Version), "?at=", "?at="+p.UpdatedAt.Format(time.RFC3339Nano)).Replace(route)
	var body any
	switch {
	case strings.HasPrefix(r, "PUT "):
		body = `{"reason":"x","data":` + string(p.Data) + `}`
	case strings.HasPrefix(r, "PATCH "):
		body = `{"reason":"x","data":{}}`
	case strings.HasSuffix(r, "/archive"):
		body = `{"reason":"x"}`
	case r == "GET /api/public/passports":
		r += "?identifier=" + p.BatteryIdentifier
	case strings.HasSuffix(r, "/versions"):
		r += "?limit=1"
	}
	if strings.HasPrefix(r, "GET /api/passports?") || r == "GET /api/passports" {
		r += "?batteryIdentifier=" + p.BatteryIdentifier
	}
	if want == "-" && (strings.HasSuffix(r, "/archive") || strings.HasPrefix(r, "DELETE")) {
		return
	}
	a := s.On(t).Call(r, token, body)
	s.silent(t, a.Text, route+" by "+who, p, want)
	if want == "" {
		if a.Status != 401 && a.Status != 403 {
			t.Errorf("%s by %s = %d: %s", r, who, a.Status, a.Text)
		}
		return
	}
	if a.Status != 200 {
		t.Fatalf("%s by %s = %d: %s", r, who, a.Status, a.Text)
	}
	cache := a.Header.Get("Cache-Control")
	if public := strings.HasPrefix(route, "GET /api/public/"); public != strings.HasPrefix(cache, "public") || !public && !strings.HasPrefix(cache, "private") && cache != "no-store" {
		t.Errorf("%s: Cache-Control %q", r, cache)
	}
	for _, data := range dataIn(t, a.Text) {
		if diff := cmp.Diff(s.readable(t, p, want), leavesOf(t, data)); diff != "" {
			t.Errorf("%s by %s (-want +got)\n%s", r, who, diff)
		}
	}
	if hasData := len(dataIn(t, a.Text)) > 0; hasData != carries(route, want) {
		t.Errorf("%s by %s holds data: %v", r, who, hasData)
	}
}

func carries(route, want string) bool {
	for _, without := range []string{"/diff", "/compliance", "/verify"} {
		if strings.HasSuffix(route, without) {
			return false
		}
	}
	return want != "-"
}

// dataIn returns the members data in an answer.
func dataIn(t *testing.T, text string) (all []json.RawMessage) {
	t.Helper()
	var one struct {
		Data  json.RawMessage
		Items []struct{ Data json.RawMessage }
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

// leavesOf returns the paths of the values in data, and the values.
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

// readable are the leaves of a passport that somebody may read who reads the
// given points: the class is that of the nearest attribute of the catalogue.
func (s *service) readable(t *testing.T, p answer, reads string) map[string]string {
	t.Helper()
	all := leavesOf(t, p.Data)
	maps.DeleteFunc(all, func(path, _ string) bool {
		for _, class := range classesOf(path) {
			if !slices.Contains(points[reads], class) {
				return true
			}
		}
		return false
	})
	return all
}

// classesOf are the classes of a value and of what it stands in.
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

// silent fails where an answer holds the value of a field that is not read, in
// whatever place: values that stand in readable fields too are no proof.
func (s *service) silent(t *testing.T, text, what string, p answer, reads string) {
	t.Helper()
	if reads == "everything" {
		return
	}
	open := s.readable(t, p, reads)
	told := strings.Join(slices.Collect(maps.Values(open)), "\n") + route(text)
	for path, value := range leavesOf(t, p.Data) {
		if _, ok := open[path]; ok || len(value) < 5 || strings.Contains(told, value) {
			continue
		}
		if len(value) < 12 { // which may be a part of a name
			value = `"` + value + `"`
		}
		if strings.Contains(text, value) {
			t.Errorf("%s holds the value of %s: %s", what, path, value)
		}
	}
	for _, never := range []string{`"hash"`, `"previousHash"`, `"createdBy"`, `"updatedBy"`, `"owner"`, "secret reason", "operator@A"} {
		if strings.Contains(text, never) {
			t.Errorf("%s holds %s: %s", what, never, text)
		}
	}
	if reads != "public" && reads != "" {
		return
	}
	for _, never := range []string{`"version"`, `"createdAt"`, `"updatedAt"`} {
		if strings.Contains(text, never) {
			t.Errorf("%s holds %s: %s", what, never, text)
		}
	}
}

// route is what an answer holds of the request itself.
func route(text string) string {
	var problem struct{ Instance, RequestID string }
	if json.Unmarshal([]byte(text), &problem) != nil {
		return ""
	}
	return problem.Instance + problem.RequestID
}

// documented are the routes of the OpenAPI document.
func (s *service) documented() (all []string) {
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
