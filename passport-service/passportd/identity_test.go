package passportd_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
	"github.com/battery-passport/suite/pkg/waittest"
)

const identifierAt = "/data/generalInformation/batteryIdentifier"

// TestBatteryHasOnePassport creates and looks up a battery with other spellings of its
// identifier. The identifier stays as it was given.
func TestBatteryHasOnePassport(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	operator := s.as(auth.Operator, "A")
	for given, spellings := range map[string][]string{
		"https://vlf.example:443/01/09521100002073/21/%46A1/": {
			"https://vlf.example/01/09521100002073/21/FA1", "https://other.example/id/01/09521100002073/10/LOT7/21/FA1", "https://VLF.example/01/09521100002073/21/FA1/",
		},
		"https://nlb.example/b/A1":   {"https://nlb.example:443/b/A1", "https://nlb.example/b/%411/", "https://nlb.example/./b/c/../A1", "https://nlb.example./b/A1", "https://nlb.example.:0443//b//A1"},
		"https://nlb.example//b/!A1": {"https://nlb.example/b/!A1", "https://nlb.example/b/%21A1"},
	} {
		p := s.create(operator, draft(given))
		if p.BatteryIdentifier != given {
			t.Errorf("got the identifier %s, want %s", p.BatteryIdentifier, given)
		}
		for _, spelling := range append(spellings, given) {
			s.Call("POST /api/passports", operator, draft(spelling)).WantProblem(409, identifierAt+" duplicate")
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

// TestSecondPassportByAnotherSpellingIsRefused publishes two batteries, and then passports of
// another organisation with other spellings of their identifiers.
func TestSecondPassportByAnotherSpellingIsRefused(t *testing.T) {
	s := startAt(t, connect.Config{Dir: t.TempDir()}, sampleClock)
	a, b := s.as(auth.Operator, "A"), s.as(auth.Operator, "B")
	identified := func(identifier string) string {
		return with(t, "lmt-ebike.json", `{"op":"replace","path":"`+identifierAt+`","value":"`+identifier+`"}`,
			`{"op":"replace","path":"/data/generalInformation/batteryPassportIdentifier","value":"urn:uuid:`+uuid.NewString()+`"}`)
	}
	link := s.publish(a, sample(t, "lmt-ebike.json")).BatteryIdentifier
	s.publish(a, identified("https://nlb.example/b/Z1"))
	gtin, serial, _ := strings.Cut(link[strings.Index(link, "/01/")+len("/01/"):], "/21/")
	for identifier, want := range map[string]string{
		"https://nlb.example./b/Z1":                                       "409 duplicate",
		"https://nlb.example/b//Z1":                                       "409 duplicate",
		"https://nlb.example:0443//b/./Z1//":                              "409 duplicate",
		"https://evil.example//01//" + gtin + "//21//" + serial:           "409 duplicate",
		"https://evil.example/01/" + gtin + "/8003/123/21/" + serial:      "422 format",
		"https://evil.example/01/" + gtin + "/21/" + serial + "/8003/123": "422 format",
		"https://evil.example/01/" + gtin + "/x/21/" + serial:             "422 format",
		"https://nlb.example../b/Z1":                                      "422 format",
	} {
		var p apiPassport
		res := s.Call("POST /api/passports", b, identified(identifier))
		if res.Status == 201 {
			res.Want(201, &p)
			res = s.Call("POST /api/passports/"+p.ID+"/publish", b, nil)
		}
		if status, code, _ := strings.Cut(want, " "); fmt.Sprint(res.Status) != status || !strings.Contains(res.Text, `"code":"`+code+`"`) {
			t.Errorf("%s: got %d %s, want %s", identifier, res.Status, res.Text, want)
		}
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

// TestIdentifiersOfEarlierReleasesAreUnique starts on passports of an earlier release,
// whose unique indexes have the identifiers and not their keys. Three are of one battery,
// and a new draft of another battery is created before its passport is reindexed.
func TestIdentifiersOfEarlierReleasesAreUnique(t *testing.T) {
	const link = "https://nlb.example/01/09521100000284/21/NB7K2Q9Y"
	storetest.EachDriver(t, func(t *testing.T, cfg connect.Config) {
		first, second := earlierPassport(t, link, passport.Active), earlierPassport(t, "https://oem.example/01/09521100000284/21/NB7K2Q9Y", passport.Active)
		third := earlierPassport(t, "https://shop.example/01/09521100000284/21/NB7K2Q9Y", passport.Draft)
		late, other := earlierPassport(t, "https://nlb.example:443/b/A1", passport.Active), earlierPassport(t, "https://nlb.example/b/A1", passport.Draft)
		storeEarlier(t, cfg, first, second, third, late, other)

		s := start(t, cfg)
		admin := s.as(auth.Admin, "Nordlicht Batterie")
		s.waitForReindex(admin, "https://x.example/01/09521100000284/21/NB7K2Q9Y", first.ID, second.ID, third.ID)
		s.waitForReindex(admin, "https://nlb.example/b/c/../A1", late.ID, other.ID)
		s.Call("POST /api/passports", admin, draft("https://x.example/01/09521100000284/21/NB7K2Q9Y")).WantProblem(409, identifierAt+" duplicate")
		for scanned, id := range map[string]string{"https://x.example/01/09521100000284/21/NB7K2Q9Y": first.ID, "https://nlb.example/b/c/../A1/": late.ID} {
			var found apiPassport
			if s.Call("GET /api/public/passports?identifier="+url.QueryEscape(scanned), "", nil).Want(200, &found); found.ID != id {
				t.Errorf("%s: got %s, want %s", scanned, found.ID, id)
			}
		}
		for _, p := range []passport.Passport{first, second, late} {
			path := "/api/passports/" + p.ID
			var after apiPassport
			s.Call("PATCH "+path, admin, `{"reason":"correction","data":{"generalInformation":{"batchIdentifier":"B7"}}}`, "If-Match", `"1"`).Want(200, &after)
			if after.BatteryIdentifier != p.BatteryIdentifier {
				t.Errorf("got the identifier %s, want %s", after.BatteryIdentifier, p.BatteryIdentifier)
			}
			s.Call("POST "+path+"/archive", admin, `{"reason":"second passport of the battery"}`).Want(200, nil)
		}
		for _, p := range []passport.Passport{third, other} { // drafts of the same batteries
			path := "/api/passports/" + p.ID
			s.Call("PATCH "+path, admin, `{"data":{"generalInformation":{"batchIdentifier":"B7"}}}`).Want(200, nil)
			s.Call("POST "+path+"/publish", admin, nil).WantProblem(409, identifierAt+" duplicate")
		}
		s.Call("PATCH /api/passports/"+other.ID, admin, `{"data":{"generalInformation":{"batteryIdentifier":"https://nlb.example/b/A7"}}}`).Want(200, nil)
		s.Call("POST /api/passports", admin, draft("https://nlb.example:443/b/A7")).WantProblem(409, identifierAt+" duplicate")
		s.Call("DELETE /api/passports/"+third.ID, admin, nil).Want(204, nil)
	})
}

// TestEarlierReleaseReadsReindexedPassports reads and changes a reindexed passport with
// the schema of the earlier release, as during an upgrade and after a rollback.
func TestEarlierReleaseReadsReindexedPassports(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, cfg connect.Config) {
		p := earlierPassport(t, "https://oem.example/01/09521100000284/21/NB7K2Q9Y", passport.Draft)
		storeEarlier(t, cfg, p)
		s := start(t, cfg)
		admin := s.as(auth.Admin, "Nordlicht Batterie")
		respelled := "https://x.example/01/09521100000284/21/NB7K2Q9Y"
		s.waitForReindex(admin, respelled, p.ID)
		s.stop()

		db, err := connect.Open(t.Context(), cfg, passportd.Name)
		if err != nil {
			t.Fatal(err)
		}
		row, err := store.Open(db, earlierSchema()).Update(t.Context(), p.ID, func(p *passport.Passport) (store.Change, error) {
			p.Head.Reason = "written by the earlier release"
			return store.Change{}, nil
		})
		db.Close(t.Context())
		if err != nil || row.Version != 2 {
			t.Fatalf("Update by the earlier release = version %d, %v", row.Version, err)
		}
		s = start(t, cfg)
		s.waitForReindex(s.as(auth.Admin, "Nordlicht Batterie"), respelled, p.ID)
		s.Call("POST /api/passports", s.as(auth.Admin, "Nordlicht Batterie"), draft(respelled)).WantProblem(409, identifierAt+" duplicate")
	})
}

// waitForReindex waits until a list by battery identifier has the passports and one of
// them has the key of the identifier.
func (s *service) waitForReindex(admin, identifier string, ids ...string) {
	s.T.Helper()
	slices.Sort(ids)
	waittest.Success(s.T, identifier, func() error {
		var page struct{ Items []apiPassport }
		s.Call("GET /api/passports?batteryIdentifier="+url.QueryEscape(identifier), admin, nil).Want(200, &page)
		var got []string
		for _, p := range page.Items {
			got = append(got, p.ID)
		}
		slices.Sort(got)
		var r report
		s.Call("POST /api/passports/validate", admin, draft(identifier)).Want(200, &r)
		if slices.Equal(got, ids) && strings.Contains(strings.Join(r.findings("error"), " "), "batteryIdentifier duplicate") {
			return nil
		}
		return fmt.Errorf("passports %q, want %q, one as a duplicate", got, ids)
	})
}

// earlierPassport returns the passport of the golden file with another id, identifier
// and state.
func earlierPassport(t *testing.T, identifier string, state passport.State) passport.Passport {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "internal", "passport", "testdata", "passports.json"))
	if err != nil {
		t.Fatal(err)
	}
	id := uuid.NewString()
	text := strings.NewReplacer("01a2080c-8f99-715b-9c43-df661a94c796", id, "0b0f3f8a-6a41-4c0e-8d6f-2a1c9e7d4b02", id).Replace(string(data))
	text = strings.ReplaceAll(text, "https://nlb.example/01/09521100000284/21/NB7K2Q9Y", identifier)
	var golden struct{ Doc passport.Passport }
	if err := json.Unmarshal([]byte(text), &golden); err != nil {
		t.Fatal(err)
	}
	if err := golden.Doc.Head.Data.Canonicalize(); err != nil {
		t.Fatal(err)
	}
	golden.Doc.Head.State = state
	return golden.Doc
}

// earlierSchema returns the schema of the release that had the identifiers in the unique
// indexes.
func earlierSchema() store.Schema[passport.Passport] {
	schema := passport.Schema()
	schema.IndexVersion, schema.Unique = 0, func(p *passport.Passport) map[string]string {
		return map[string]string{"batteryIdentifier": p.BatteryIdentifier, "batteryPassportIdentifier": "urn:uuid:" + p.ID}
	}
	lists := schema.Indexes
	schema.Indexes = func(p *passport.Passport) store.Indexes {
		in := lists(p)
		in.Filters["batteryIdentifier"] = p.BatteryIdentifier
		return in
	}
	return schema
}

func storeEarlier(t *testing.T, cfg connect.Config, passports ...passport.Passport) {
	t.Helper()
	db, err := connect.Open(t.Context(), cfg, passportd.Name)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(t.Context())
	for i, p := range passports {
		p.CreatedAt = p.CreatedAt.Add(time.Duration(i) * time.Minute)
		if _, err := store.Open(db, earlierSchema()).Insert(t.Context(), p.ID, p); err != nil {
			t.Fatal(err)
		}
	}
}
