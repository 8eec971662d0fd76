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
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store/connect"
)

const largest = "ev-nmc-complete.json"

// points are the access classes that a reader reads, by Article 77(2).
var points = map[string][]ruleset.Access{
	"public":     {ruleset.Public},
	"interest":   {ruleset.Public, ruleset.LegitimateInterestAndAuthority, ruleset.LegitimateInterest},
	"authority":  {ruleset.Public, ruleset.LegitimateInterestAndAuthority, ruleset.Authority},
	"everything": {ruleset.Public, ruleset.LegitimateInterestAndAuthority, ruleset.LegitimateInterest, ruleset.Authority},
}

// readers are those who come, and what they read of a published passport of A.
var readers = []struct {
	name, reads  string
	role         auth.Role
	organisation string
}{
	{"nobody", "", "", ""},
	{"keeper", "everything", auth.Operator, "A"},
	{"colleague", "everything", auth.User, "A"},
	{"admin", "everything", auth.Admin, ""},
	{"other maker", "public", auth.Operator, "B"},
	{"other user", "public", auth.User, "B"},
	{"user of none", "public", auth.User, ""},
	{"recycler", "interest", auth.LegitimateInterest, "R"},
	{"authority", "authority", auth.Authority, "BAM"},
}

// routes are all that the service has. Each says what a reader gets of it: ""
// for a refusal, "data" for what it reads, another for the points it reads
// there, "-" for an answer without data.
var routes = map[string]func(name, reads string) string{
	"POST /api/passports":                         elsewhere, // is another passport, the keeper's
	"POST /api/passports/validate":                elsewhere, // is the body of who sends it
	"GET /api/passports/rulesets":                 elsewhere,
	"GET /api/passports/rulesets/{id}/attributes": elsewhere,
	"GET /api/passports":                          inLists,
	"GET /api/passports/{id}":                     func(_, reads string) string { return reads },
	"GET /api/passports/{id}?at=":                 beyondPublic,
	"GET /api/passports/{id}/versions":            beyondPublic,
	"GET /api/passports/{id}/versions/{version}":  beyondPublic,
	"GET /api/passports/{id}/diff":                beyondPublic,
	"GET /api/passports/{id}/compliance":          beyondPublic,
	"GET /api/passports/{id}/verify":              beyondPublic,
	"PUT /api/passports/{id}":                     keepersWrite,
	"PATCH /api/passports/{id}":                   keepersWrite,
	"POST /api/passports/{id}/publish":            keepersWrite,
	"POST /api/passports/{id}/archive":            notYet,
	"DELETE /api/passports/{id}":                  notYet,
	"GET /api/public/passports":                   func(string, string) string { return "public" },
	"GET /api/public/passports/{id}":              func(string, string) string { return "public" },
	"GET /health":                                 elsewhere, "GET /livez": elsewhere, "GET /readyz": elsewhere,
}

func elsewhere(string, string) string { return "-" }

func inLists(_, reads string) string {
	switch reads {
	case "interest", "authority":
		return "public"
	case "public":
		return "-" // of what they keep, which is none
	}
	return reads
}

func beyondPublic(_, reads string) string {
	if reads == "public" {
		return ""
	}
	return reads
}

func keepersWrite(name, reads string) string {
	if name == "keeper" || name == "admin" {
		return reads
	}
	return ""
}

// notYet would end the passport: that others may not is asked here, that the
// keeper may in TestLifeOfAPassport.
func notYet(name, _ string) string {
	if name == "keeper" || name == "admin" {
		return "-"
	}
	return ""
}

// TestEveryRouteTellsWhatTheReaderReads walks through every route with every
// reader: of a published passport each gets exactly the fields of their points
// of Annex XIII, and nothing else of it in any other words (ACC-1 to ACC-3).
func TestEveryRouteTellsWhatTheReaderReads(t *testing.T) {
	s := startAt(t, connect.Config{Dir: t.TempDir()}, ticking())
	keeper := s.as(auth.Operator, "A")
	p := s.publish(keeper, sample(t, largest))
	s.Call("PATCH /api/passports/"+p.ID, keeper, everywhere).Want(200, &p) // a change of each class, for diff
	inCatalogue := map[string]bool{}
	for _, route := range s.documented() {
		inCatalogue[route] = true
		if routes[route] == nil {
			t.Errorf("%s is in no table: who reads what there?", route)
		}
	}
	for route, tells := range routes {
		if documented, _, _ := strings.Cut(route, "?"); !inCatalogue[documented] {
			t.Errorf("%s is not there", route)
		}
		if tells("", "") == "-" && tells("keeper", "everything") == "-" {
			continue // nothing of it is about a passport that is stored
		}
		for _, r := range readers {
			token := ""
			if r.role != "" {
				token = s.as(r.role, r.organisation)
			}
			want := tells(r.name, r.reads)
			if r.role == "" && !strings.HasPrefix(route, "GET /api/public/") {
				want = "" // without a login
			}
			s.reads(t, route, r.name, token, p, want)
		}
	}
}

// everywhere changes a field of each class, without an error.
const everywhere = `{"reason":"secret reason","data":{"generalInformation":{"batteryMass":494,"puttingIntoServiceDate":"2026-10"},
	"labelsAndConformity":{"testReports":[{"reportIdentifier":"TR-NEW","title":"New","documentUrl":"https://nlb.example/restricted/new.pdf"}]},
	"circularity":{"safetyMeasures":{"measures":["New measure"]}}}}`

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
		if diff := cmp.Diff(s.readable(t, p, want), leaves2(t, data)); diff != "" {
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

// leaves2 returns the paths of the values in data, and the values.
func leaves2(t *testing.T, data []byte) map[string]string {
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
	all := leaves2(t, p.Data)
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
	for path, value := range leaves2(t, p.Data) {
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

// TestDiffTellsWhatTheReaderReads has changes of every class.
func TestDiffTellsWhatTheReaderReads(t *testing.T) {
	s := startAt(t, connect.Config{Dir: t.TempDir()}, day)
	keeper := s.as(auth.Operator, "A")
	p := s.publish(keeper, sample(t, largest))
	s.Call("PATCH /api/passports/"+p.ID, keeper, everywhere).Want(200, nil)
	public := []string{"/data/generalInformation/batteryMass 493 494"}
	for role, want := range map[auth.Role][]string{
		auth.Admin:              {"2", "mass", "safety", "service", "test"},
		auth.LegitimateInterest: {"mass", "safety", "service"},
		auth.Authority:          {"mass", "safety", "test"},
	} {
		var diff struct {
			From, To int64
			Changes  []struct {
				Path     string
				Old, New json.RawMessage
			}
		}
		s.Call("GET /api/passports/"+p.ID+"/diff?from=2&to=3", s.as(role, "X"), nil).Want(200, &diff)
		kinds := map[string]bool{}
		for _, c := range diff.Changes {
			for part, kind := range map[string]string{"batteryMass": "mass", "safetyMeasures": "safety", "puttingIntoServiceDate": "service", "testReports": "test"} {
				if strings.Contains(c.Path, part) {
					kinds[kind] = true
				}
			}
			if strings.HasSuffix(c.Path, "batteryMass") && c.Path+" "+string(c.Old)+" "+string(c.New) != public[0] {
				t.Errorf("change %+v", c)
			}
		}
		want = slices.DeleteFunc(want, func(k string) bool { return k == "2" })
		if got := slices.Sorted(maps.Keys(kinds)); !slices.Equal(got, want) || diff.From != 2 || diff.To != 3 {
			t.Errorf("%s reads the changes %v, want %v: %+v", role, got, want, diff)
		}
	}
}

// TestDraftsStayWithThoseWhoKeepThem also when the passport is published.
func TestDraftsStayWithThoseWhoKeepThem(t *testing.T) {
	s := startAt(t, connect.Config{Dir: t.TempDir()}, ticking())
	keeper := s.as(auth.Operator, "A")
	p := s.publish(keeper, sample(t, largest))
	path := "/api/passports/" + p.ID
	s.Call("PATCH "+path, keeper, everywhere).Want(200, nil)
	for _, role := range []auth.Role{auth.Authority, auth.LegitimateInterest} {
		reader := s.as(role, "X")
		for _, route := range []string{"/versions/1", "/diff?from=1&to=3", "/diff?from=3&to=1", "?at=" + p.CreatedAt.Format(time.RFC3339Nano)} {
			s.Call("GET "+path+route, reader, nil).WantProblem(404)
			s.Call("GET "+path+route, keeper, nil).Want(200, nil)
		}
		s.Call("GET "+path+"/versions/2", reader, nil).Want(200, nil)
		var page struct{ Items []struct{ Version int64 } }
		if s.Call("GET "+path+"/versions", reader, nil).Want(200, &page); len(page.Items) != 2 || page.Items[1].Version != 2 {
			t.Errorf("%s is shown the versions %+v", role, page.Items)
		}
	}
}
