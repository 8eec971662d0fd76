package passportd_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store/connect"
)

const fullSample = "ev-nmc-complete.json"

// classesByReader lists the access classes that each kind of reader may read (Article 77(2)).
var classesByReader = map[string][]ruleset.Access{
	"public":     {ruleset.Public},
	"interest":   {ruleset.Public, ruleset.LegitimateInterestAndAuthority, ruleset.LegitimateInterest},
	"authority":  {ruleset.Public, ruleset.LegitimateInterestAndAuthority, ruleset.Authority},
	"everything": {ruleset.Public, ruleset.LegitimateInterestAndAuthority, ruleset.LegitimateInterest, ruleset.Authority},
}

// readers lists the callers, and the key of classesByReader for a published passport of
// organisation A.
var readers = []struct {
	name, reads  string
	role         auth.Role
	organisation string
}{
	{"anonymous", "", "", ""},
	{"owner", "everything", auth.Operator, "A"},
	{"colleague", "everything", auth.User, "A"},
	{"admin", "everything", auth.Admin, ""},
	{"other operator", "public", auth.Operator, "B"},
	{"other user", "public", auth.User, "B"},
	{"user without organisation", "public", auth.User, ""},
	{"recycler", "interest", auth.LegitimateInterest, "R"},
	{"authority", "authority", auth.Authority, "BAM"},
}

// routes lists all operations of the service. For a reader, the function returns the key
// of classesByReader that applies to the response, "" if the request is refused, or "-"
// if the response contains no data of the passport.
var routes = map[string]func(name, reads string) string{
	"POST /api/passports":                         noStoredData, // creates another passport
	"POST /api/passports/validate":                noStoredData, // evaluates the body of the request
	"POST /api/passports/import":                  noStoredData, // writes the rows of the request
	"GET /api/passports/import/template":          noStoredData,
	"GET /api/passports/export":                   inLists,
	"GET /api/passports/{id}/export":              func(_, reads string) string { return reads },
	"GET /api/public/passports/{id}/export":       func(string, string) string { return "public" },
	"GET /api/passports/rulesets":                 noStoredData,
	"GET /api/passports/rulesets/{id}/attributes": noStoredData,
	"GET /api/passports/rulesets/{id}/schema":     noStoredData,
	"GET /api/passports":                          inLists,
	"GET /api/passports/{id}":                     func(_, reads string) string { return reads },
	"GET /api/passports/{id}?at=":                 moreThanPublic,
	"GET /api/passports/{id}/versions":            moreThanPublic,
	"GET /api/passports/{id}/versions/{version}":  moreThanPublic,
	"GET /api/passports/{id}/diff":                moreThanPublic,
	"GET /api/passports/{id}/compliance":          moreThanPublic,
	"GET /api/passports/{id}/verify":              moreThanPublic,
	"PUT /api/passports/{id}":                     ownerWrites,
	"PATCH /api/passports/{id}":                   ownerWrites,
	"POST /api/passports/{id}/publish":            ownerWrites,
	"POST /api/passports/{id}/archive":            endsPassport,
	"POST /api/passports/{id}/void":               endsPassport,
	"DELETE /api/passports/{id}":                  endsPassport,
	"GET /api/public/passports":                   func(string, string) string { return "public" },
	"GET /api/public/passports/{id}":              func(string, string) string { return "public" },
	"GET /api/passports/{id}/carrier":             noStoredData,
	"GET /api/public/passports/{id}/carrier":      noStoredData,
	"POST /api/passports/labels":                  noStoredData,
	"POST /api/namespaces":                        noStoredData,
	"GET /api/namespaces":                         noStoredData,
	"GET /api/namespaces/{id}":                    noStoredData,
	"POST /api/namespaces/{id}/confirm":           noStoredData,
	"POST /api/namespaces/{id}/refuse":            noStoredData,
	"POST /api/namespaces/{id}/withdraw":          noStoredData,
	"GET /api/passports/health":                   noStoredData, "GET /api/passports/livez": noStoredData, "GET /api/passports/readyz": noStoredData,
}

func noStoredData(string, string) string { return "-" }

func inLists(_, reads string) string {
	switch reads {
	case "interest", "authority":
		return "public"
	case "public":
		return "-" // they own no passports, so the list is empty
	}
	return reads
}

func moreThanPublic(_, reads string) string {
	if reads == "public" {
		return ""
	}
	return reads
}

func ownerWrites(name, reads string) string {
	if name == "owner" || name == "admin" {
		return reads
	}
	return ""
}

// endsPassport is for operations that end the passport. Here only the refusals are
// tested; TestPassportLifeCycle tests the success.
func endsPassport(name, _ string) string {
	if name == "owner" || name == "admin" {
		return "-"
	}
	return ""
}

// TestEveryRouteReturnsOnlyReadableFields calls every route as every reader. The
// response contains exactly the fields of the points of Annex XIII that the reader may
// read, and no restricted value anywhere else (ACC-1 to ACC-3).
func TestEveryRouteReturnsOnlyReadableFields(t *testing.T) {
	s := startAt(t, connect.Config{Dir: t.TempDir()}, tickingClock())
	owner := s.as(auth.Operator, "A")
	p := s.publish(owner, sample(t, fullSample))
	s.Call("PATCH /api/passports/"+p.ID, owner, changeInEveryClass).Want(200, &p) // so that diff has a change in every class
	documented := map[string]bool{}
	for _, route := range s.documentedRoutes() {
		documented[route] = true
		if routes[route] == nil {
			t.Errorf("%s is missing in the table routes", route)
		}
	}
	for route, expected := range routes {
		if path, _, _ := strings.Cut(route, "?"); !documented[path] {
			t.Errorf("%s is in the table routes but not in the OpenAPI document", route)
		}
		if expected("", "") == "-" && expected("owner", "everything") == "-" {
			continue // the response never contains data of a stored passport
		}
		for _, r := range readers {
			token := ""
			if r.role != "" {
				token = s.as(r.role, r.organisation)
			}
			want := expected(r.name, r.reads)
			if r.role == "" && !strings.HasPrefix(route, "GET /api/public/") {
				want = "" // a login is required
			}
			s.checkProjection(t, route, r.name, token, p, want)
		}
	}
}

// changeInEveryClass is a patch that changes a field of every access class.
const changeInEveryClass = `{"reason":"secret reason","data":{"generalInformation":{"batteryMass":494,"puttingIntoServiceDate":"2026-10"},
	"labelsAndConformity":{"testReports":[{"reportIdentifier":"TR-NEW","title":"New","documentUrl":"https://nlb.example/restricted/new.pdf"}]},
	"circularity":{"safetyMeasures":{"measures":["New measure"]}}}}`

func TestDiffReturnsOnlyReadableFields(t *testing.T) {
	s := startAt(t, connect.Config{Dir: t.TempDir()}, sampleClock)
	owner := s.as(auth.Operator, "A")
	p := s.publish(owner, sample(t, fullSample))
	s.Call("PATCH /api/passports/"+p.ID, owner, changeInEveryClass).Want(200, nil)
	for role, want := range map[auth.Role][]string{
		auth.Admin:              {"mass", "safety", "service", "test"},
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
		fields := map[string]bool{}
		for _, c := range diff.Changes {
			for part, field := range map[string]string{"batteryMass": "mass", "safetyMeasures": "safety", "puttingIntoServiceDate": "service", "testReports": "test"} {
				if strings.Contains(c.Path, part) {
					fields[field] = true
				}
			}
			if strings.HasSuffix(c.Path, "batteryMass") && c.Path+" "+string(c.Old)+" "+string(c.New) != "/data/generalInformation/batteryMass 493 494" {
				t.Errorf("change of batteryMass: got %+v, want 493 to 494", c)
			}
		}
		if got := slices.Sorted(maps.Keys(fields)); !slices.Equal(got, want) || diff.From != 2 || diff.To != 3 {
			t.Errorf("changes for %s: got %v, want %v: %+v", role, got, want, diff)
		}
	}
}

func TestOnlyOwnerReadsDraftVersionsAfterPublishing(t *testing.T) {
	s := startAt(t, connect.Config{Dir: t.TempDir()}, tickingClock())
	owner := s.as(auth.Operator, "A")
	p := s.publish(owner, sample(t, fullSample))
	path := "/api/passports/" + p.ID
	s.Call("PATCH "+path, owner, changeInEveryClass).Want(200, nil)
	for _, role := range []auth.Role{auth.Authority, auth.LegitimateInterest} {
		reader := s.as(role, "X")
		for _, route := range []string{"/versions/1", "/diff?from=1&to=3", "/diff?from=3&to=1", "?at=" + p.CreatedAt.Format(time.RFC3339Nano)} {
			s.Call("GET "+path+route, reader, nil).WantProblem(404)
			s.Call("GET "+path+route, owner, nil).Want(200, nil)
		}
		s.Call("GET "+path+"/versions/2", reader, nil).Want(200, nil)
		var page struct{ Items []struct{ Version int64 } }
		if s.Call("GET "+path+"/versions", reader, nil).Want(200, &page); len(page.Items) != 2 || page.Items[1].Version != 2 {
			t.Errorf("versions for %s: got %+v, want 3 and 2", role, page.Items)
		}
	}
}
