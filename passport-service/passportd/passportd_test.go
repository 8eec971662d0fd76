package passportd_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gowebpki/jcs"
	"go.uber.org/goleak"

	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/passport-service/samples"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// TestMain fails when a service that has stopped leaves something running. In a
// process that a test started to kill it, it runs the service.
func TestMain(m *testing.M) {
	if data := os.Getenv(childEnv); data != "" {
		fmt.Fprintln(os.Stderr, "child:", runChild(data))
		os.Exit(1) // it is to be killed, not to end
	}
	goleak.VerifyTestMain(m)
}

// service is a passport-service that runs, and who gives its callers tokens.
type service struct {
	resttest.Client
	stop   func()
	issuer *authtest.Issuer
	db     connect.Config
	ids    []string // of the passports that create made
}

func start(t *testing.T, db connect.Config) *service {
	t.Helper()
	return startWith(t, db, authtest.New(t))
}

func startWith(t *testing.T, db connect.Config, issuer *authtest.Issuer) *service {
	t.Helper()
	return startAs(t, passportd.Config{Store: db}, issuer)
}

// startAt starts a service with a clock.
func startAt(t *testing.T, db connect.Config, now func() time.Time) *service {
	t.Helper()
	return startAs(t, passportd.Config{Store: db, Now: now}, authtest.New(t))
}

func startAs(t *testing.T, cfg passportd.Config, issuer *authtest.Issuer) *service {
	t.Helper()
	s := &service{issuer: issuer, db: cfg.Store}
	s.Client, s.stop = resttest.Start(t, func(ctx context.Context, http rest.Config) error {
		cfg.HTTP, cfg.Auth = http, token.Config{URL: s.issuer.URL}
		return passportd.Run(ctx, cfg, slog.New(slog.NewTextHandler(t.Output(), nil)))
	})
	return s
}

// as returns a token of a made-up caller.
func (s *service) as(role auth.Role, organisation string) string {
	return s.issuer.Token(s.T, auth.Principal{UserID: string(role) + "@" + organisation, Email: "x@x.example", Role: role, Organisation: organisation})
}

func sample(t *testing.T, name string) string {
	t.Helper()
	data, err := samples.FS.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// draft is the body of a passport of a battery.
func draft(identifier string) string {
	return fmt.Sprintf(`{"data":{"generalInformation":{"batteryIdentifier":%q,"batteryCategory":"EV","batteryMass":450}}}`, identifier)
}

type answer struct {
	ID, State, BatteryIdentifier string
	Version                      int64
	Data                         json.RawMessage
	Owner                        struct{ Organisation, UserID string }
	CreatedAt, UpdatedAt         time.Time
	CreatedBy, UpdatedBy         string
}

func (s *service) create(token, body string) answer {
	s.T.Helper()
	var p answer
	s.Call("POST /api/passports", token, body).Want(201, &p)
	s.ids = append(s.ids, p.ID)
	return p
}

// canonical is JSON in the form of RFC 8785, by another implementation than
// that of the service.
func canonical(t *testing.T, text []byte) string {
	t.Helper()
	out, err := jcs.Transform(text)
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return string(out)
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func TestLifeOfADraft(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		maker := s.as(auth.Operator, "Veloform")
		body := sample(t, "lmt-ebike.json")

		res := s.Call("POST /api/passports", maker, body)
		var p answer
		res.Want(201, &p)
		path := "/api/passports/" + p.ID
		if res.Header.Get("ETag") != `"1"` || res.Header.Get("Location") != path || p.State != "draft" || p.Version != 1 ||
			p.BatteryIdentifier != "https://vlf.example/01/09521100002073/21/V4E10077" || p.Owner.Organisation != "Veloform" || p.CreatedBy != "operator@Veloform" {
			t.Errorf("created %+v, %v", p, res.Header)
		}
		var sent struct{ Data json.RawMessage }
		if err := json.Unmarshal([]byte(body), &sent); err != nil {
			t.Fatal(err)
		}
		if string(p.Data) != canonical(t, sent.Data) {
			t.Errorf("data is %s", p.Data)
		}

		// As waste it is version 2 of the same passport.
		var put answer
		s.Call("PUT "+path, maker, sample(t, "lmt-ebike-waste.json")).Want(200, &put)
		if put.Version != 2 || !put.UpdatedAt.After(p.UpdatedAt) || put.CreatedAt != p.CreatedAt || !strings.Contains(string(put.Data), `"batteryStatus":"waste"`) {
			t.Errorf("after PUT %+v", put)
		}
		res = s.Call("GET "+path, maker, nil)
		res.Want(200, &p)
		if diff := cmp.Diff(put, p); diff != "" || res.Header.Get("ETag") != `"2"` {
			t.Errorf("GET after PUT (-want +got), ETag %s\n%s", res.Header.Get("ETag"), diff)
		}
		for tag, want := range map[string]int{`"2"`: 304, `W/"2"`: 304, `"1", "2"`: 304, `"1"`: 200, "": 200} {
			s.Call("GET "+path, maker, nil, "If-None-Match", tag).Want(want, nil)
		}

		// A merge patch, without and with a precondition.
		patch := `{"data":{"generalInformation":{"batteryMass":3.1,"warrantyPeriod":null},"materialComposition":{"criticalRawMaterials":["Lithium"]}}}`
		s.Call("PATCH "+path, maker, patch, "Content-Type", "application/merge-patch+json").Want(200, &p)
		if text := string(p.Data); p.Version != 3 || !strings.Contains(text, `"batteryMass":3.1`) || strings.Contains(text, "warrantyPeriod") || !strings.Contains(text, `"criticalRawMaterials":["Lithium"]`) || !strings.Contains(text, "hazardousSubstances") {
			t.Errorf("after PATCH %+v", p)
		}
		s.Call("PATCH "+path, maker, `{"data":{"generalInformation":{"batteryMass":3.2}}}`, "If-Match", `"2"`).WantProblem(412)
		s.Call("PATCH "+path, maker, `{"data":{"generalInformation":{"batteryMass":3.2}}}`, "If-Match", `"2", "3"`).Want(200, &p)
		s.Call("PUT "+path, maker, body, "If-Match", `"3"`).WantProblem(412)
		s.Call("DELETE "+path, maker, nil, "If-Match", `"3"`).WantProblem(412)

		// What changes nothing makes no version.
		for route, same := range map[string]string{"PUT": fmt.Sprintf(`{"data":%s}`, p.Data), "PATCH": `{"data":{"generalInformation":{"batteryMass":3.20e0}}}`} {
			res := s.Call(route+" "+path, maker, same)
			res.Want(200, &p)
			if p.Version != 4 || res.Header.Get("ETag") != `"4"` {
				t.Errorf("%s of what is there already: version %d", route, p.Version)
			}
		}
		s.Call("PATCH "+path, maker, `{}`).Want(200, &p)
		checkHistory(t, s, maker, p)

		s.Call("DELETE "+path, maker, nil).Want(204, nil)
		for _, route := range []string{"GET " + path, "DELETE " + path, "GET " + path + "/versions", "GET " + path + "/versions/1"} {
			s.Call(route, maker, nil).WantProblem(404)
		}
		s.Call("PUT "+path, maker, body).WantProblem(404)
		again := s.create(maker, body) // the identifier is free again
		if again.ID == p.ID || again.Version != 1 {
			t.Errorf("created again: %+v", again)
		}
	})
}

// checkHistory reads a passport's versions in every way, and computes their
// hashes anew.
func checkHistory(t *testing.T, s *service, token string, p answer) {
	t.Helper()
	path := "GET /api/passports/" + p.ID
	var pages []passport.Version
	for cursor := ""; ; {
		var page struct {
			Items      []passport.Version
			NextCursor string
		}
		s.Call(path+"/versions?limit=1"+cursor, token, nil).Want(200, &page)
		pages = append(pages, page.Items...)
		if page.NextCursor == "" {
			break
		}
		cursor = "&cursor=" + page.NextCursor
	}
	var all struct{ Items []json.RawMessage }
	s.Call(path+"/versions?limit=200", token, nil).Want(200, &all)
	if len(all.Items) != int(p.Version) || len(pages) != int(p.Version) {
		t.Fatalf("%d versions at once, %d page by page, want %d", len(all.Items), len(pages), p.Version)
	}
	previous := ""
	for i := range pages {
		number := i + 1
		text := all.Items[len(all.Items)-number]
		var v passport.Version
		one := s.Call(fmt.Sprintf("%s/versions/%d", path, number), token, nil).Want(200, &v)
		if canonical(t, []byte(one.Text)) != canonical(t, text) || v.Number != int64(number) || pages[len(pages)-number].Hash != v.Hash {
			t.Errorf("version %d by number differs from the list", number)
		}
		var record map[string]json.RawMessage
		if err := json.Unmarshal(text, &record); err != nil {
			t.Fatal(err)
		}
		delete(record, "hash")
		unsigned, err := json.Marshal(record)
		if err != nil {
			t.Fatal(err)
		}
		if v.DataHash != hash(canonical(t, record["data"])) || v.Hash != hash(canonical(t, unsigned)) || v.PreviousHash != previous || v.PassportID != p.ID {
			t.Errorf("version %d: hashes %s, %s, %s after %s", number, v.DataHash, v.Hash, v.PreviousHash, previous)
		}
		previous = v.Hash
		for at, want := range map[time.Time]int64{v.CreatedAt: v.Number, v.CreatedAt.Add(-time.Nanosecond): v.Number - 1} {
			var then answer
			if res := s.Call(path+"?at="+at.Format(time.RFC3339Nano), token, nil); want == 0 {
				res.WantProblem(404)
			} else if res.Want(200, &then); then.Version != want || then.UpdatedAt.After(at) {
				t.Errorf("at %v: version %d, want %d", at, then.Version, want)
			}
		}
	}
	s.Call(fmt.Sprintf("%s/versions/%d", path, p.Version+1), token, nil).WantProblem(404)
	s.Call(path+"?at=2999-01-01T00:00:00Z", token, nil).WantProblem(422, "query:at range")
}

// TestThePastIsWhole reads a passport as it was before all of it changed.
func TestThePastIsWhole(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		maker := s.as(auth.Operator, "Veloform")
		p := s.create(maker, draft("https://a.example/old"))
		s.Call("PUT /api/passports/"+p.ID, maker, draft("https://a.example/new")).Want(200, nil)
		then := s.Call("GET /api/passports/"+p.ID+"?at="+p.CreatedAt.Format(time.RFC3339Nano), maker, nil).Want(200, nil)
		if !strings.Contains(then.Text, `"batteryIdentifier":"https://a.example/old"`) || strings.Contains(then.Text, "new") {
			t.Errorf("then it was %s", then.Text)
		}
		s.Call("GET /api/passports/"+p.ID+"?at=0001-01-01T00:00:00Z", maker, nil).WantProblem(404)
		s.Call("GET /api/passports/"+p.ID+"?at=yesterday", maker, nil).WantProblem(422, "query:at format")
	})
}

func TestEvents(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		maker := s.as(auth.Operator, "Veloform")
		p := s.create(maker, sample(t, "lmt-ebike.json"))
		path := "/api/passports/" + p.ID
		s.Call("PUT "+path, maker, sample(t, "lmt-ebike.json")).Want(200, nil)
		s.Call("PATCH "+path, maker, `{"data":{"generalInformation":{"batteryMass":3,"batteryModel":{"gtin":null}},"labelsAndConformity":{"testReports":[]},"carbonFootprint":{"methodology":"x"},"circularity":null}}`).Want(200, nil)
		s.Call("PATCH "+path, maker, `{"data":{"generalInformation":{"batteryMass":"heavy"}}}`).Want(422, nil)
		s.Call("PATCH "+path, maker, `{"data":{"generalInformation":null,"carbonFootprint":{}}}`, "If-Match", `"2"`).Want(200, nil)
		s.Call("DELETE "+path, maker, nil).Want(204, nil)

		type event struct {
			topic    string
			sequence int64
			payload  map[string]any
		}
		ref := map[string]any{"passportId": p.ID, "batteryIdentifier": p.BatteryIdentifier}
		with := func(members map[string]any) map[string]any {
			for k, v := range ref {
				if _, ok := members[k]; !ok {
					members[k] = v
				}
			}
			return members
		}
		actor := "operator@Veloform"
		want := []event{
			{"passport.created", 1, with(map[string]any{"modelName": "Veloform 36 V 482 Wh", "manufacturerName": "Veloform Accu B.V.", "createdBy": actor, "createdAt": "TIME"})},
			{"passport.updated", 2, with(map[string]any{"updatedBy": actor, "updatedAt": "TIME", "updatedFields": updatedIn(t)})},
			{"passport.updated", 3, with(map[string]any{"batteryIdentifier": "", "updatedBy": actor, "updatedAt": "TIME", "updatedFields": generalIn(t)})},
			{"passport.deleted", 4, with(map[string]any{"batteryIdentifier": "", "deletedBy": actor, "deletedAt": "TIME"})},
		}
		passports, _ := s.open(t)
		if _, err := passports.List(t.Context(), store.Query{Scopes: []string{store.All}, Limit: 1}); err != nil {
			t.Fatal(err)
		}
		waiting := storetest.WaitingEvents(t, passports.Outbox(), p.ID)
		var got []event
		for _, e := range waiting {
			var payload map[string]any
			if err := json.Unmarshal(e.Data, &payload); err != nil || e.Key != p.ID {
				t.Errorf("event %+v: %v", e, err)
			}
			for k, v := range payload {
				if strings.HasSuffix(k, "At") {
					if _, err := time.Parse("2006-01-02T15:04:05.000Z", v.(string)); err != nil {
						t.Errorf("%s: %v", k, err)
					}
					payload[k] = "TIME"
				}
			}
			got = append(got, event{e.Type, e.Sequence, payload})
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(event{})); diff != "" {
			t.Errorf("events (-want +got)\n%s", diff)
		}
	})
}

// updatedIn lists what the first patch of TestEvents changes.
func updatedIn(t *testing.T) []any {
	fields := append(leaves(t, "circularity"), "data.carbonFootprint.methodology", "data.generalInformation.batteryMass",
		"data.generalInformation.batteryModel.gtin", "data.labelsAndConformity.testReports")
	return sorted(fields)
}

// generalIn lists what the second patch changes: all of a section that goes.
func generalIn(t *testing.T) []any {
	fields := slices.DeleteFunc(leaves(t, "generalInformation"), func(f string) bool { return strings.HasSuffix(f, ".gtin") })
	return sorted(fields)
}

// restricted are fields that are not public, and whose names are not told.
var restricted = []string{
	"data.circularity.dismantlingInformation", "data.circularity.spareParts", "data.circularity.safetyMeasures", "data.labelsAndConformity.testReports",
	"data.generalInformation.batteryStatus", "data.generalInformation.placingOnMarketDate", "data.generalInformation.puttingIntoServiceDate",
	"data.generalInformation.economicOperatorInformation.role",
}

func sorted(fields []string) []any {
	fields = slices.DeleteFunc(fields, func(f string) bool {
		return slices.ContainsFunc(restricted, func(path string) bool { return strings.HasPrefix(f, path) })
	})
	slices.Sort(fields)
	var out []any
	for _, f := range fields {
		out = append(out, f)
	}
	return out
}

// leaves returns the paths of a section of lmt-ebike.json, arrays whole.
func leaves(t *testing.T, section string) []string {
	var body struct{ Data map[string]any }
	if err := json.Unmarshal([]byte(sample(t, "lmt-ebike.json")), &body); err != nil {
		t.Fatal(err)
	}
	var paths []string
	var walk func(path string, v any)
	walk = func(path string, v any) {
		if m, ok := v.(map[string]any); ok {
			for name, member := range m {
				walk(path+"."+name, member)
			}
			return
		}
		paths = append(paths, path)
	}
	walk("data."+section, body.Data[section])
	return paths
}
