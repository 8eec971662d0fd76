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

// sampleClock returns the time for which the expected findings of the samples are valid.
func sampleClock() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

// tickingClock returns a clock that starts at sampleClock and advances 1 ms per call.
func tickingClock() func() time.Time {
	var ticks atomic.Int64
	return func() time.Time { return sampleClock().Add(time.Duration(ticks.Add(1)) * time.Millisecond) }
}

// with returns a sample with JSON Patch operations applied.
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

// publish creates a passport and publishes it.
func (s *service) publish(token, body string) apiPassport {
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

// findings returns the path and code of the findings with a severity, sorted.
func (r report) findings(severity string) []string {
	all := []string{}
	for _, f := range r.Findings {
		if f.Severity == severity {
			all = append(all, f.Path+" "+f.Code)
		}
	}
	slices.Sort(all)
	return all
}

// TestInvalidCasesCannotBePublished checks that validate returns exactly the errors of
// each invalid case, and that publish fails with them, except for a missing passport
// identifier, which publish sets.
func TestInvalidCasesCannotBePublished(t *testing.T) {
	s := startAt(t, connect.Config{Dir: t.TempDir()}, sampleClock)
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
	readSample(t, "invalid-cases.json", &cases)
	for _, e := range cases.Cases {
		add(e)
	}
	operator := s.as(auth.Operator, "A")
	for name, body := range invalidBodies(t) {
		if strings.HasPrefix(name, "invalid/") {
			e := expected{Name: name}
			readSample(t, name, &e)
			add(e)
		}
		var r report
		s.Call("POST /api/passports/validate", operator, body).Want(200, &r)
		if diff := cmp.Diff(want[name], r.findings("error")); diff != "" || r.Complete || r.Score.Percent == 100 {
			t.Errorf("%s: complete %v, score %+v (-want +got)\n%s", name, r.Complete, r.Score, diff)
		}
		created := s.Call("POST /api/passports", operator, body)
		if created.Status == 422 {
			continue // the structure is not valid
		}
		var p apiPassport
		created.Want(201, &p)
		blocking := slices.DeleteFunc(want[name], func(e string) bool {
			return strings.HasSuffix(e, "/batteryPassportIdentifier required") && !strings.Contains(e, "previous")
		})
		s.Call("POST /api/passports/"+p.ID+"/publish", operator, nil).WantProblem(422, blocking...)
		var after apiPassport
		if s.Call("GET /api/passports/"+p.ID, operator, nil).Want(200, &after); after.State != "draft" || after.Version != 1 {
			t.Errorf("%s: after a failed publish: got %+v, want draft version 1", name, after)
		}
		s.Call("DELETE /api/passports/"+p.ID, operator, nil).Want(204, nil) // some share a battery
	}
}

// TestPassportLifeCycle publishes, changes and archives a passport.
func TestPassportLifeCycle(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := startAt(t, db, sampleClock)
		operator, admin := s.as(auth.Operator, "A"), s.as(auth.Admin, "")
		p := s.create(operator, with(t, "ev-nmc-complete.json", `{"op":"remove","path":"/data/generalInformation/batteryPassportIdentifier"}`, `{"op":"remove","path":"/data/generalInformation/batteryMass"}`))
		path := "/api/passports/" + p.ID
		public := "GET /api/public/passports/" + p.ID

		// A draft with a missing field is reported and cannot be published.
		var r report
		s.Call("GET "+path+"/compliance", operator, nil).Want(200, &r)
		if diff := cmp.Diff([]string{"/data/generalInformation/batteryMass required"}, r.findings("error")); diff != "" || r.Complete || r.RuleSet != "bp-2027-02" || r.AsOf != "2026-11-23" {
			t.Errorf("compliance report: got %+v (-want +got)\n%s", r, diff)
		}
		if f := r.Findings[0]; f.Duty != "M" || f.LegalReference != "Annex VI A(5)" || f.Rule == "" || f.Message == "" {
			t.Errorf("finding: got %+v", f)
		}
		s.Call("POST "+path+"/publish", operator, nil).WantProblem(422, "/data/generalInformation/batteryMass required")
		s.Call(public, "", nil).WantProblem(404)
		s.Call("POST "+path+"/archive", operator, `{"reason":"x"}`).WantProblem(409, "/state transition")
		s.Call("PATCH "+path, operator, `{"data":{"generalInformation":{"batteryMass":493}}}`).Want(200, nil)

		// Publishing a second time changes nothing.
		s.Call("POST "+path+"/publish", operator, nil, "If-Match", `"1"`).WantProblem(412)
		var published, unchanged apiPassport
		s.Call("POST "+path+"/publish", operator, `{"x":1,"data":{}}`).WantProblem(422, "/x unknownField", "/data unknownField")
		s.Call("POST "+path+"/publish", operator, nil, "If-Match", `"2"`).Want(200, &published)
		if published.State != "active" || published.Version != 3 || !strings.Contains(string(published.Data), `"batteryPassportIdentifier":"urn:uuid:`+p.ID+`"`) {
			t.Errorf("published: got %+v", published)
		}
		if s.Call("POST "+path+"/publish", operator, nil).Want(200, &unchanged); unchanged.Version != 3 {
			t.Errorf("published twice: got %+v, want version 3", unchanged)
		}
		s.Call(public, "", nil).Want(200, nil)
		s.Call("DELETE "+path, operator, nil).WantProblem(409, "/state transition")

		// A change needs a reason, must not add errors, and must not change fixed fields.
		s.Call("PATCH "+path, operator, `{"data":{"generalInformation":{"batteryMass":495}}}`).WantProblem(422, "/reason required")
		s.Call("PATCH "+path, operator, `{"data":{"generalInformation":{"batteryMass":493}}}`).Want(200, &unchanged)
		if unchanged.Version != 3 {
			t.Errorf("patch without a change: got %+v, want version 3", unchanged)
		}
		s.Call("PATCH "+path, operator, `{"reason":"x","data":{"performanceAndDurability":{"ratedEnergyKwh":200},"labelsAndConformity":{"testReports":null},"generalInformation":{"batteryIdentifier":"https://a.example/other","batteryCategory":"LMT","batteryStatus":"re-used","batteryPassportIdentifier":null,"colour":"red"}}}`).
			WantProblem(422, []string{"/data/performanceAndDurability/ratedEnergyKwh consistency", "/data/labelsAndConformity/testReports required",
				"/data/generalInformation/batteryIdentifier transition", "/data/generalInformation/batteryCategory transition",
				"/data/generalInformation/batteryStatus transition", "/data/generalInformation/batteryPassportIdentifier transition",
				"/data/generalInformation/colour unknownField"}...)
		for reason, code := range map[string]string{`""`: "required", `" "`: "required", `"\u200b\u2800"`: "required", `7`: "type", `null`: "type", `"` + strings.Repeat("x", 1001) + `"`: "range"} {
			s.Call("PATCH "+path, operator, `{"data":{},"reason":`+reason+`}`).WantProblem(422, "/reason "+code)
		}
		var changed apiPassport
		s.Call("PATCH "+path, operator, `{"reason":"weighed again","data":{"generalInformation":{"batteryMass":494}}}`).Want(200, &changed)
		if changed.Version != 4 || changed.State != "active" {
			t.Errorf("changed: got %+v, want active version 4", changed)
		}
		var v struct{ Reason, Action, State string }
		if s.Call("GET "+path+"/versions/4", operator, nil).Want(200, &v); v.Reason != "weighed again" || v.Action != "patch" || v.State != "active" {
			t.Errorf("version 4: got %+v", v)
		}

		// The identifiers of an archived passport cannot be used again.
		s.Call("POST "+path+"/archive", operator, `{}`).WantProblem(422, "/reason required")
		s.Call("PATCH "+path, operator, `{"reason":"","data":{"generalInformation":{"batteryMass":495}}}`).WantProblem(422, "/reason required") // once
		s.Call("PATCH "+path, operator, `{"reason":"x","data":{"generalInformation":{"warantyPeriod":null}}}`).WantProblem(422, "/data/generalInformation/warantyPeriod unknownField")
		for body, code := range map[string]string{``: "required", `{"reason":"  "}`: "required", `{"reason":"\u200b"}`: "required", `{"reason":null}`: "type"} {
			s.Call("POST "+path+"/archive", operator, body).WantProblem(422, "/reason "+code)
		}
		if text := s.Call("DELETE "+path, operator, nil).Want(409, nil).Text; !strings.Contains(text, "the passport is active and can only be changed, archived or voided") {
			t.Errorf("DELETE of a published passport: %s", text)
		}
		var archived apiPassport
		s.Call("POST "+path+"/archive", operator, `{"reason":"recalled"}`).Want(200, &archived)
		if archived.State != "archived" || archived.Version != 5 {
			t.Errorf("archived: got %+v, want archived version 5", archived)
		}
		if s.Call("POST "+path+"/archive", operator, `{"reason":"second time"}`).Want(200, &unchanged); unchanged.Version != 5 {
			t.Errorf("archived twice: got %+v, want version 5", unchanged)
		}
		for _, token := range []string{operator, admin, s.as(auth.Authority, "BAM")} {
			s.Call("GET "+path, token, nil).Want(200, nil)
		}
		for _, route := range []string{public, "GET /api/public/passports?identifier=" + p.BatteryIdentifier} {
			gone := s.Call(route, "", nil)
			if gone.WantProblem(410); !strings.Contains(gone.Text, "2026-11-23") {
				t.Errorf("%s: got %s, want the date 2026-11-23", route, gone.Text)
			}
		}
		for _, token := range []string{s.as(auth.User, "B"), s.as(auth.LegitimateInterest, "R")} {
			s.Call("GET "+path, token, nil).WantProblem(410)
		}
		for _, route := range []string{"PUT " + path, "PATCH " + path} {
			s.Call(route, operator, `{"reason":"x","data":{}}`).WantProblem(409, "/state transition")
		}
		s.Call("POST "+path+"/publish", operator, nil).WantProblem(409, "/state transition")
		s.Call("DELETE "+path, operator, nil).WantProblem(409, "/state transition")
		s.Call("POST /api/passports", operator, draft(p.BatteryIdentifier)).WantProblem(409, "/data/generalInformation/batteryIdentifier duplicate")
		s.Call("POST /api/passports", operator, fmt.Sprintf(`{"data":{"generalInformation":{"batteryPassportIdentifier":"urn:uuid:%s"}}}`, p.ID)).
			WantProblem(409, "/data/generalInformation/batteryPassportIdentifier duplicate")

		// The history and the events record every change.
		if got := s.actions(operator, p.ID); got != "create patch publish patch archive" {
			t.Errorf("actions: got %s", got)
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

// member returns the value of a member of a JSON object.
func member(t *testing.T, data []byte, name string) any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	return m[name]
}

// actions returns the actions of all versions, oldest first.
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

// TestConcurrentPublishDeleteAndPatchAreConsistent checks that the three statuses fit
// one order of the operations.
func TestConcurrentPublishDeleteAndPatchAreConsistent(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := startAt(t, db, sampleClock)
		operator := s.as(auth.Operator, "A")
		for i := range 10 {
			p := s.create(operator, with(t, "ev-nmc-minimum-2027.json",
				fmt.Sprintf(`{"op":"replace","path":"/data/generalInformation/batteryIdentifier","value":"https://a.example/%d"}`, i),
				fmt.Sprintf(`{"op":"replace","path":"/data/generalInformation/batteryPassportIdentifier","value":"https://a.example/p/%d"}`, i)))
			var published, deleted, edited int
			var wg sync.WaitGroup
			wg.Go(func() { published = s.Call("POST /api/passports/"+p.ID+"/publish", operator, nil).Status })
			wg.Go(func() { deleted = s.Call("DELETE /api/passports/"+p.ID, operator, nil).Status })
			wg.Go(func() {
				edited = s.Call("PATCH /api/passports/"+p.ID, operator, `{"data":{"generalInformation":{"batteryMass":null}}}`).Status
			})
			wg.Wait()
			outcome := fmt.Sprint(published, " ", deleted, " ", edited)
			after := s.Call("GET /api/passports/"+p.ID, operator, nil).Status
			switch outcome {
			case "200 409 422": // published first: delete and a removal of a mandatory field fail
				if after != 200 {
					t.Errorf("%s: read afterwards: got %d, want 200", outcome, after)
				}
			case "404 204 200", "404 204 404", "422 204 200":
				if after != 404 {
					t.Errorf("%s: read afterwards: got %d, want 404", outcome, after)
				}
			default:
				t.Errorf("statuses of publish, delete and patch: got %s", outcome)
			}
		}
	})
}
