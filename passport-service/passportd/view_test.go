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
