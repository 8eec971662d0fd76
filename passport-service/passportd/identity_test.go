package passportd_test

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
)

const identifierAt = "/data/generalInformation/batteryIdentifier"

// TestBatteryHasOnePassport creates and looks up a battery with other spellings of its
// identifier. The identifier stays as it was given.
func TestBatteryHasOnePassport(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	operator, other := s.as(auth.Operator, "A"), s.as(auth.Operator, "B")
	for given, spellings := range map[string][]string{
		"https://vlf.example:443/01/09521100002073/21/%46A1/": {
			"https://vlf.example/01/09521100002073/21/FA1", "https://other.example/id/01/09521100002073/10/LOT7/21/FA1", "https://VLF.example/01/09521100002073/21/FA1/",
		},
		"https://nlb.example/b/A1": {"https://nlb.example:443/b/A1", "https://nlb.example/b/%411/", "https://nlb.example/./b/c/../A1"},
	} {
		p := s.create(operator, draft(given))
		if p.BatteryIdentifier != given {
			t.Errorf("got the identifier %s, want %s", p.BatteryIdentifier, given)
		}
		for _, spelling := range append(spellings, given) {
			s.Call("POST /api/passports", other, draft(spelling)).WantProblem(409, identifierAt+" duplicate")
			var page struct{ Items []apiPassport }
			s.Call("GET /api/passports?batteryIdentifier="+url.QueryEscape(spelling), operator, nil).Want(200, &page)
			if len(page.Items) != 1 || page.Items[0].ID != p.ID {
				t.Errorf("list with %s: got %+v, want %s", spelling, page.Items, p.ID)
			}
			var r report
			s.Call("POST /api/passports/validate", operator, draft(spelling)).Want(200, &r)
			if !strings.Contains(strings.Join(r.findings("error"), " "), identifierAt+" duplicate") && !strings.Contains(spelling, "VLF") { // which is a format error
				t.Errorf("validate %s: got %q, want a duplicate", spelling, r.findings("error"))
			}
		}
		s.create(operator, draft(strings.Replace(given, "A1", "A2", 1)))
	}
}

// TestScannedTextFindsPassport looks up a published passport with what scanners send.
func TestScannedTextFindsPassport(t *testing.T) {
	s := startAt(t, connect.Config{Dir: t.TempDir()}, sampleClock)
	p := s.publish(s.as(auth.Operator, "A"), sample(t, "lmt-ebike.json"))
	rest := strings.TrimPrefix(p.BatteryIdentifier, "https://")
	host, path, _ := strings.Cut(rest, "/")
	for _, scanned := range []string{
		p.BatteryIdentifier, "HTTPS://" + strings.ToUpper(host) + "/" + path, p.BatteryIdentifier + "?linkType=gs1:sustainabilityInfo",
		p.BatteryIdentifier + "/#top", "https://resolver.example/" + path,
	} {
		var found apiPassport
		if s.Call("GET /api/public/passports?identifier="+url.QueryEscape(scanned), "", nil).Want(200, &found); found.ID != p.ID || found.BatteryIdentifier != p.BatteryIdentifier {
			t.Errorf("%s: got %+v, want %s", scanned, found, p.ID)
		}
	}
	for _, scanned := range []string{p.BatteryIdentifier + "x", "https://resolver.example/", "?", strings.ToLower(p.BatteryIdentifier)} {
		s.Call("GET /api/public/passports?identifier="+url.QueryEscape(scanned), "", nil).WantProblem(404)
	}
}

// TestIdentifiersOfEarlierReleasesAreUnique starts on a passport of schema version 1,
// whose unique indexes have the identifiers and not their keys.
func TestIdentifiersOfEarlierReleasesAreUnique(t *testing.T) {
	cfg := connect.Config{Dir: t.TempDir()}
	data, err := os.ReadFile(filepath.Join("..", "internal", "passport", "testdata", "passports.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden struct{ Doc passport.Passport }
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	schema, p := passport.Schema(), golden.Doc
	schema.Version, schema.Unique = 1, func(p *passport.Passport) map[string]string {
		return map[string]string{"batteryIdentifier": p.BatteryIdentifier}
	}
	db, err := connect.Open(t.Context(), cfg, passportd.Name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(db, schema).Insert(t.Context(), p.ID, p); err != nil {
		t.Fatal(err)
	}
	db.Close(t.Context())

	s := start(t, cfg)
	admin := s.as(auth.Admin, "")
	respelled := draft(strings.Replace(p.BatteryIdentifier, "https://", "https://other.", 1))
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		var r report
		s.Call("POST /api/passports/validate", admin, respelled).Want(200, &r)
		if strings.Contains(strings.Join(r.findings("error"), " "), identifierAt+" duplicate") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("another spelling of the identifier is not a duplicate after 10 s")
		}
	}
	s.Call("POST /api/passports", admin, respelled).WantProblem(409, identifierAt+" duplicate")
	var after apiPassport
	s.Call("PATCH /api/passports/"+p.ID, admin, `{"data":{"generalInformation":{"batteryMass":451}}}`, "If-Match", `"1"`).Want(200, &after)
	if after.Version != 2 || after.BatteryIdentifier != p.BatteryIdentifier {
		t.Errorf("got %+v, want version 2 with the identifier as stored", after)
	}
}
