package passportd_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// day is the clock that the expectations of the samples were made with.
func day() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

// ticking is that clock as it goes on.
func ticking() func() time.Time {
	var ticks atomic.Int64
	return func() time.Time { return day().Add(time.Duration(ticks.Add(1)) * time.Millisecond) }
}

// with returns a sample changed by JSON patches.
func with(t *testing.T, name string, ops ...string) string {
	t.Helper()
	patch, err := jsonpatch.DecodePatch([]byte("[" + strings.Join(ops, ",") + "]"))
	if err != nil {
		t.Fatal(err)
	}
	body, err := patch.Apply([]byte(sample(t, name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func (s *service) publish(token, body string) answer {
	s.T.Helper()
	p := s.create(token, body)
	s.Call("POST /api/passports/"+p.ID+"/publish", token, nil).Want(200, &p)
	return p
}

type report struct {
	RuleSet, AsOf string
	Complete      bool
	Score         struct{ Percent, Due, Met int }
	Findings      []struct{ Path, Code, Severity, Rule, Message, LegalReference, Duty string }
}

func (r report) found(severity string) []string {
	all := []string{}
	for _, f := range r.Findings {
		if f.Severity == severity {
			all = append(all, f.Path+" "+f.Code)
		}
	}
	slices.Sort(all)
	return all
}

// TestInvalidCasesAreFoundAndBlock puts every invalid case through validate,
// which finds exactly its errors, and through publish, which refuses it with
// them. Publishing sets the identifier of the passport itself.
func TestInvalidCasesAreFoundAndBlock(t *testing.T) {
	s := startAt(t, connect.Config{Dir: t.TempDir()}, day)
	type expected struct {
		Name           string
		ExpectedErrors []struct{ Path, Code string }
	}
	want := map[string][]string{}
	add := func(e expected) {
		for _, at := range e.ExpectedErrors {
			want[e.Name] = append(want[e.Name], at.Path+" "+at.Code)
		}
		slices.Sort(want[e.Name])
	}
	var cases struct{ Cases []expected }
	read(t, "invalid-cases.json", &cases)
	for _, e := range cases.Cases {
		add(e)
	}
	maker := s.as(auth.Operator, "A")
	for name, body := range invalidBodies(t) {
		if strings.HasPrefix(name, "invalid/") {
			e := expected{Name: name}
			read(t, name, &e)
			add(e)
		}
		var r report
		s.Call("POST /api/passports/validate", maker, body).Want(200, &r)
		if diff := cmp.Diff(want[name], r.found("error")); diff != "" || r.Complete || r.Score.Percent == 100 {
			t.Errorf("%s: complete %v, score %+v (-want +got)\n%s", name, r.Complete, r.Score, diff)
		}
		created := s.Call("POST /api/passports", maker, body)
		if created.Status == 422 {
			continue // the structure gate has refused it
		}
		var p answer
		created.Want(201, &p)
		blocking := slices.DeleteFunc(want[name], func(e string) bool {
			return strings.HasSuffix(e, "/batteryPassportIdentifier required") && !strings.Contains(e, "previous")
		})
		s.Call("POST /api/passports/"+p.ID+"/publish", maker, nil).WantProblem(422, blocking...)
		var after answer
		if s.Call("GET /api/passports/"+p.ID, maker, nil).Want(200, &after); after.State != "draft" || after.Version != 1 {
			t.Errorf("%s: after a refused publish %+v", name, after)
		}
		s.Call("DELETE /api/passports/"+p.ID, maker, nil).Want(204, nil) // some share a battery
	}
}

// TestLifeOfAPassport goes from draft to archived.
func TestLifeOfAPassport(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := startAt(t, db, day)
		maker, admin := s.as(auth.Operator, "A"), s.as(auth.Admin, "")
		p := s.create(maker, with(t, "ev-nmc-complete.json", `{"op":"remove","path":"/data/generalInformation/batteryPassportIdentifier"}`, `{"op":"remove","path":"/data/generalInformation/batteryMass"}`))
		path := "/api/passports/" + p.ID
		public := "GET /api/public/passports/" + p.ID

		// What lacks is told, and stops it.
		var r report
		s.Call("GET "+path+"/compliance", maker, nil).Want(200, &r)
		if diff := cmp.Diff([]string{"/data/generalInformation/batteryMass required"}, r.found("error")); diff != "" || r.Complete || r.RuleSet != "bp-2027-02" || r.AsOf != "2026-11-23" {
			t.Errorf("compliance %+v (-want +got)\n%s", r, diff)
		}
		if f := r.Findings[0]; f.Duty != "M" || f.LegalReference != "Annex VI A(5)" || f.Rule == "" || f.Message == "" {
			t.Errorf("finding %+v", f)
		}
		s.Call("POST "+path+"/publish", maker, nil).WantProblem(422, "/data/generalInformation/batteryMass required")
		s.Call(public, "", nil).WantProblem(404)
		s.Call("POST "+path+"/archive", maker, `{"reason":"x"}`).WantProblem(409, "/state transition")
		s.Call("PATCH "+path, maker, `{"data":{"generalInformation":{"batteryMass":493}}}`).Want(200, nil)

		// Published, once.
		s.Call("POST "+path+"/publish", maker, nil, "If-Match", `"1"`).WantProblem(412)
		var published, again answer
		s.Call("POST "+path+"/publish", maker, nil, "If-Match", `"2"`).Want(200, &published)
		if published.State != "active" || published.Version != 3 || !strings.Contains(string(published.Data), `"batteryPassportIdentifier":"urn:uuid:`+p.ID+`"`) {
			t.Errorf("published %+v", published)
		}
		if s.Call("POST "+path+"/publish", maker, nil).Want(200, &again); again.Version != 3 {
			t.Errorf("published twice: %+v", again)
		}
		s.Call(public, "", nil).Want(200, nil)
		s.Call("DELETE "+path, maker, nil).WantProblem(409, "/state transition")

		// It changes with a reason, not for the worse, and not in what is fixed.
		s.Call("PATCH "+path, maker, `{"data":{"generalInformation":{"batteryMass":495}}}`).WantProblem(422, "/reason required")
		s.Call("PATCH "+path, maker, `{"data":{"generalInformation":{"batteryMass":493}}}`).Want(200, &again)
		if again.Version != 3 {
			t.Errorf("a patch that changes nothing: %+v", again)
		}
		s.Call("PATCH "+path, maker, `{"reason":"x","data":{"performanceAndDurability":{"ratedEnergyKwh":200},"labelsAndConformity":{"testReports":null},"generalInformation":{"batteryIdentifier":"https://a.example/other","batteryCategory":"LMT","batteryStatus":"re-used","batteryPassportIdentifier":null,"colour":"red"}}}`).
			WantProblem(422, []string{"/data/performanceAndDurability/ratedEnergyKwh consistency", "/data/labelsAndConformity/testReports required",
				"/data/generalInformation/batteryIdentifier transition", "/data/generalInformation/batteryCategory transition",
				"/data/generalInformation/batteryStatus transition", "/data/generalInformation/batteryPassportIdentifier transition",
				"/data/generalInformation/colour unknownField"}...)
		for reason, code := range map[string]string{`""`: "required", `" "`: "required", `7`: "type", `"` + strings.Repeat("x", 1001) + `"`: "range"} {
			s.Call("PATCH "+path, maker, `{"data":{},"reason":`+reason+`}`).WantProblem(422, "/reason "+code)
		}
		var changed answer
		s.Call("PATCH "+path, maker, `{"reason":"weighed again","data":{"generalInformation":{"batteryMass":494}}}`).Want(200, &changed)
		if changed.Version != 4 || changed.State != "active" {
			t.Errorf("changed %+v", changed)
		}
		var v struct{ Reason, Action, State string }
		if s.Call("GET "+path+"/versions/4", maker, nil).Want(200, &v); v.Reason != "weighed again" || v.Action != "patch" || v.State != "active" {
			t.Errorf("version %+v", v)
		}

		// Archived, and its identifier is never used again.
		s.Call("POST "+path+"/archive", maker, `{}`).WantProblem(422, "/reason required")
		s.Call("POST "+path+"/archive", maker, `{"reason":"  "}`).WantProblem(422, "/reason format")
		var archived answer
		s.Call("POST "+path+"/archive", maker, `{"reason":"recalled"}`).Want(200, &archived)
		if archived.State != "archived" || archived.Version != 5 {
			t.Errorf("archived %+v", archived)
		}
		if s.Call("POST "+path+"/archive", maker, `{"reason":"again"}`).Want(200, &again); again.Version != 5 {
			t.Errorf("archived twice: %+v", again)
		}
		for _, token := range []string{maker, admin, s.as(auth.Authority, "BAM")} {
			s.Call("GET "+path, token, nil).Want(200, nil)
		}
		for _, route := range []string{public, "GET /api/public/passports?identifier=" + p.BatteryIdentifier} {
			gone := s.Call(route, "", nil)
			if gone.WantProblem(410); !strings.Contains(gone.Text, "2026-11-23") {
				t.Errorf("%s: %s", route, gone.Text)
			}
		}
		for _, token := range []string{s.as(auth.User, "B"), s.as(auth.LegitimateInterest, "R")} {
			s.Call("GET "+path, token, nil).WantProblem(410)
		}
		for _, route := range []string{"PUT " + path, "PATCH " + path} {
			s.Call(route, maker, `{"reason":"x","data":{}}`).WantProblem(409, "/state transition")
		}
		s.Call("POST "+path+"/publish", maker, nil).WantProblem(409, "/state transition")
		s.Call("DELETE "+path, maker, nil).WantProblem(409, "/state transition")
		s.Call("POST /api/passports", maker, draft(p.BatteryIdentifier)).WantProblem(409, "/data/generalInformation/batteryIdentifier duplicate")
		s.Call("POST /api/passports", maker, fmt.Sprintf(`{"data":{"generalInformation":{"batteryPassportIdentifier":"urn:uuid:%s"}}}`, p.ID)).
			WantProblem(409, "/data/generalInformation/batteryPassportIdentifier duplicate")

		// The versions tell it all.
		if got := s.actions(maker, p.ID); got != "create patch publish patch archive" {
			t.Errorf("actions %s", got)
		}
		passports, _ := s.open(t)
		if _, err := passports.List(t.Context(), store.Query{Scopes: []string{store.All}, Limit: 1}); err != nil {
			t.Fatal(err)
		}
		waiting := storetest.WaitingEvents(t, passports.Outbox(), p.ID)
		var events []string
		for _, e := range waiting {
			events = append(events, fmt.Sprint(e.Type, " ", e.Sequence, " ", member(t, e.Data, "updatedFields")))
		}
		want := []string{"passport.created 1 <nil>", "passport.updated 2 [data.generalInformation.batteryMass]", "passport.published 3 <nil>",
			"passport.updated 4 [data.generalInformation.batteryMass]", "passport.updated 5 [state]"}
		if diff := cmp.Diff(want, events); diff != "" {
			t.Errorf("events (-want +got)\n%s", diff)
		}
	})
}

func member(t *testing.T, data []byte, name string) any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	return m[name]
}

// actions are those of the versions, the first first.
func (s *service) actions(token, id string) string {
	s.T.Helper()
	var page struct{ Items []struct{ Action string } }
	s.Call("GET /api/passports/"+id+"/versions", token, nil).Want(200, &page)
	var all []string
	for _, v := range slices.Backward(page.Items) {
		all = append(all, v.Action)
	}
	return strings.Join(all, " ")
}

// TestPublishAndDeleteAtOnce lets two callers race: one of them wins, and the
// other is told.
func TestPublishAndDeleteAtOnce(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := startAt(t, db, day)
		maker := s.as(auth.Operator, "A")
		for i := range 10 {
			p := s.create(maker, with(t, "ev-nmc-minimum-2027.json",
				fmt.Sprintf(`{"op":"replace","path":"/data/generalInformation/batteryIdentifier","value":"https://a.example/%d"}`, i),
				fmt.Sprintf(`{"op":"replace","path":"/data/generalInformation/batteryPassportIdentifier","value":"https://a.example/p/%d"}`, i)))
			var published, deleted, edited int
			var wg sync.WaitGroup
			wg.Go(func() { published = s.Call("POST /api/passports/"+p.ID+"/publish", maker, nil).Status })
			wg.Go(func() { deleted = s.Call("DELETE /api/passports/"+p.ID, maker, nil).Status })
			wg.Go(func() {
				edited = s.Call("PATCH /api/passports/"+p.ID, maker, `{"data":{"generalInformation":{"batteryMass":null}}}`).Status
			})
			wg.Wait()
			outcome := fmt.Sprint(published, " ", deleted, " ", edited)
			after := s.Call("GET /api/passports/"+p.ID, maker, nil).Status
			switch outcome {
			case "200 409 422": // published first: what is missing may not go, and neither it itself
				if after != 200 {
					t.Errorf("%s, then %d", outcome, after)
				}
			case "404 204 200", "404 204 404", "422 204 200":
				if after != 404 {
					t.Errorf("%s, then %d", outcome, after)
				}
			default:
				t.Errorf("publish, delete and patch at once: %s", outcome)
			}
		}
	})
}
