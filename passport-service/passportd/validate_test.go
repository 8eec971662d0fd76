package passportd_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// TestValidateAndComplianceReportTheSameFindings compares the reports of every sample with
// each other and with the expected warnings.
func TestValidateAndComplianceReportTheSameFindings(t *testing.T) {
	s := startAt(t, connect.Config{Dir: t.TempDir()}, sampleClock)
	var expected map[string]struct{ Errors, Warnings []struct{ Path, Code string } }
	readSample(t, "expected.json", &expected)
	operator := s.as(auth.Operator, "A")
	for name, want := range expected {
		warnings := []string{}
		for _, w := range want.Warnings {
			warnings = append(warnings, w.Path+" "+w.Code)
		}
		slices.Sort(warnings)
		var validated, stored report
		s.Call("POST /api/passports/validate", operator, sample(t, name)).Want(200, &validated)
		p := s.create(operator, sample(t, name))
		s.Call("GET /api/passports/"+p.ID+"/compliance", operator, nil).Want(200, &stored)
		if diff := cmp.Diff(warnings, validated.findings("warning")); diff != "" || !validated.Complete || len(validated.findings("error")) > 0 || validated.Score.Percent != 100 {
			t.Errorf("%s: score %+v (-want +got)\n%s", name, validated.Score, diff)
		}
		stored.Findings = slices.DeleteFunc(stored.Findings, func(f struct{ Path, Code, Severity, Rule, Message, LegalReference, Duty string }) bool {
			return f.Rule == "LIF-5" && f.Severity == "warning" // the predecessor is not stored; validate does not check that
		})
		if diff := cmp.Diff(validated, stored); diff != "" {
			t.Errorf("%s: reports differ (-validate +compliance)\n%s", name, diff)
		}
		s.Call("DELETE /api/passports/"+p.ID, operator, nil).Want(204, nil)
	}
}

func TestEvaluationOnAnotherDayOrRuleSet(t *testing.T) {
	s := startAt(t, connect.Config{Dir: t.TempDir()}, sampleClock)
	operator := s.as(auth.Operator, "A")
	p := s.create(operator, sample(t, "ev-nmc-minimum-2027.json"))
	for query, want := range map[string][]string{
		"": {}, "?on=2027-08-17": {}, "?ruleSet=bp-2027-02&on=2026-11-23": {},
		"?on=2027-08-18": {"/data/supplyChainDueDiligence/reportUrl required", "/data/supplyChainDueDiligence/reportYear required"},
		"?on=2028-08-18": {"/data/circularity/recycledContent required", "/data/supplyChainDueDiligence/reportUrl required", "/data/supplyChainDueDiligence/reportYear required"},
	} {
		for _, route := range []string{"GET /api/passports/" + p.ID + "/compliance" + query, "POST /api/passports/validate" + query} {
			var body any
			var r report
			if strings.HasPrefix(route, "POST") {
				body = with(t, "ev-nmc-minimum-2027.json", `{"op":"replace","path":"/data/generalInformation/batteryIdentifier","value":"https://a.example/w"}`,
					`{"op":"replace","path":"/data/generalInformation/batteryPassportIdentifier","value":"https://a.example/w/p"}`)
			}
			s.Call(route, operator, body).Want(200, &r)
			if diff := cmp.Diff(want, r.findings("error")); diff != "" || len(query) == 14 && !strings.HasSuffix(query, r.AsOf) {
				t.Errorf("%s: errors as of %s (-want +got)\n%s", route, r.AsOf, diff)
			}
		}
	}
	for query, want := range map[string][]string{
		"?on=2027-02-30": {"query:on format"}, "?on=tomorrow": {"query:on format"}, "?ruleSet=bp-1": {"query:ruleSet enum"},
		"?ruleSet=bp-1&on=x": {"query:ruleSet enum", "query:on format"}, "?rules=x": {"query:rules unknownField"},
	} {
		s.Call("GET /api/passports/"+p.ID+"/compliance"+query, operator, nil).WantProblem(422, want...)
		s.Call("POST /api/passports/validate"+query, operator, `{"data":{}}`).WantProblem(422, want...)
	}
	for body, want := range map[string][]string{
		`{}`:                                {"/data required", "/data/generalInformation/batteryCategory required"},
		`[]`:                                {" type", "/data/generalInformation/batteryCategory required"},
		`{"data":null}`:                     {"/data type", "/data/generalInformation/batteryCategory required"},
		`{"data":{"generalInformation":1}}`: {"/data/generalInformation type"},
		`{"x":1}`:                           {"/data required", "/data/generalInformation/batteryCategory required", "/x unknownField"},
	} {
		var r report
		s.Call("POST /api/passports/validate", operator, body).Want(200, &r)
		if diff := cmp.Diff(want, r.findings("error")); diff != "" || r.Complete {
			t.Errorf("%s (-want +got)\n%s", body, diff)
		}
	}
	s.Call("POST /api/passports/validate", operator, `{"data":`).WantProblem(400, "/data syntax")
	s.Call("POST /api/passports/validate", operator, `{}`, "Content-Type", "text/plain").WantProblem(415, "header:Content-Type enum")
	s.Call("POST /api/passports/validate", s.as(auth.User, "A"), `{}`).WantProblem(403)
	s.Call("POST /api/passports/validate", "", `{}`).WantProblem(401, "header:Authorization missing")
}

func TestRuleSetsAndAttributesAreListed(t *testing.T) {
	s := startAt(t, connect.Config{Dir: t.TempDir()}, sampleClock)
	token := s.as(auth.User, "")
	var list struct {
		Items []struct {
			ID, EffectiveFrom string
			InEffect          bool
		}
	}
	s.Call("GET /api/passports/rulesets", token, nil).Want(200, &list)
	if len(list.Items) != 1 || list.Items[0].ID != "bp-2027-02" || list.Items[0].EffectiveFrom != "2027-02-18" || !list.Items[0].InEffect {
		t.Errorf("rule sets: got %+v, want bp-2027-02 in effect", list)
	}
	var catalogue struct {
		Profile    string
		Attributes []struct{ Path string }
	}
	s.Call("GET /api/passports/rulesets/bp-2027-02/attributes", token, nil).Want(200, &catalogue)
	if catalogue.Profile != "bp-2027-02" || len(catalogue.Attributes) != len(ruleset.Embedded()[0].Attributes()) {
		t.Errorf("attributes: got profile %s with %d attributes", catalogue.Profile, len(catalogue.Attributes))
	}
	s.Call("GET /api/passports/rulesets/bp-1/attributes", token, nil).WantProblem(404)
}

func TestSchemaIsPublicAndCached(t *testing.T) {
	const route = "GET /api/passports/rulesets/bp-2027-02/schema"
	s := startAt(t, connect.Config{Dir: t.TempDir()}, sampleClock)
	var schema struct {
		ID   string         `json:"$id"`
		Defs map[string]any `json:"$defs"`
	}
	a := s.Do(route+"?category=EV", "").Want(200, &schema)
	if a.Header.Get("Content-Type") != "application/schema+json" || a.Header.Get("Cache-Control") != "public, max-age=3600" {
		t.Errorf("headers of the schema: got %v", a.Header)
	}
	if !strings.HasSuffix(schema.ID, "/docs/schemas/bp-2027-02/ev-publish.json") || schema.Defs["Data"] == nil {
		t.Errorf("schema: got $id %s with %d definitions", schema.ID, len(schema.Defs))
	}
	s.Do(route+"?category=EV", "", "If-None-Match", a.Header.Get("ETag")).Want(304, nil)
	if other := s.Do(route+"?category=EV&for=draft", "").Want(200, nil); other.Header.Get("ETag") == a.Header.Get("ETag") {
		t.Error("the schemas of drafts and of complete passports have the same ETag")
	}
	s.Do(route+"?category=SLI&for=ever", "").WantProblem(422, "query:category enum", "query:for enum")
	s.Do("GET /api/passports/rulesets/bp-1/schema", "").WantProblem(404)

	s = startAt(t, connect.Config{Dir: t.TempDir()}, func() time.Time { return time.Date(2027, 8, 18, 12, 0, 0, 0, time.UTC) }) // due diligence reports are mandatory
	s.Do(route+"?category=EV", "").Want(200, &schema)
	if !strings.HasSuffix(schema.ID, "/ev-publish.json?on=2027-08-18") {
		t.Errorf("after a duty has begun: got $id %s", schema.ID)
	}
}

// TestRulesUseStoredPassports covers the rules that compare a passport with others in the
// store or with its previous version.
func TestRulesUseStoredPassports(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := startAt(t, db, tickingClock())
		operator, admin := s.as(auth.Operator, "A"), s.as(auth.Admin, "")
		s.publish(operator, sample(t, "ev-nmc-first-life.json"))
		var r report
		s.Call("POST /api/passports/validate", operator, sample(t, "ev-nmc-first-life.json")).Want(200, &r)
		if diff := cmp.Diff([]string{"/data/generalInformation/batteryIdentifier duplicate", "/data/generalInformation/batteryPassportIdentifier duplicate"}, r.findings("error")); diff != "" {
			t.Errorf("errors for identifiers in use (-want +got)\n%s", diff)
		}
		// A stored predecessor, one that is not stored, and a cycle.
		second := s.create(operator, sample(t, "industrial-repurposed.json"))
		compliance := func(p apiPassport) report {
			var r report
			s.Call("GET /api/passports/"+p.ID+"/compliance", operator, nil).Want(200, &r)
			return r
		}
		if r := compliance(second); len(r.Findings) > 0 {
			t.Errorf("predecessor is stored: got %+v, want no findings", r.Findings)
		}
		const at = "/data/lifecycle/previousPassports/0/batteryPassportIdentifier consistency"
		remade := s.create(operator, sample(t, "ev-remanufactured.json"))
		if r := compliance(remade); !slices.Equal(r.findings("warning"), []string{at}) || !r.Complete {
			t.Errorf("predecessor is not stored: got %+v, want a warning", r)
		}
		link := func(p, to apiPassport) {
			t.Helper()
			s.Call("PATCH /api/passports/"+p.ID, operator, fmt.Sprintf(`{"data":{"lifecycle":{"previousPassports":[{"batteryPassportIdentifier":%q,"operation":"remanufacturing"}]}}}`,
				passportIdentifier(t, to))).Want(200, nil)
		}
		link(remade, second)
		link(second, remade)
		if r := compliance(second); !slices.Equal(r.findings("error"), []string{at}) {
			t.Errorf("cycle of predecessors: got %+v, want an error", r)
		}
		s.Call("POST /api/passports/"+second.ID+"/publish", operator, nil).WantProblem(422, at)

		// Only an admin can reduce a counter.
		used := s.publish(operator, sample(t, "ev-lfp-in-use.json"))
		reduceCycles := `{"reason":"typing error","data":{"batteryCondition":{"usage":{"fullCycles":1}}}}`
		s.Call("PATCH /api/passports/"+used.ID, operator, reduceCycles).WantProblem(422, "/data/batteryCondition/usage/fullCycles consistency")
		s.Call("PATCH /api/passports/"+used.ID, operator, `{"reason":"read out","data":{"batteryCondition":{"usage":{"fullCycles":100000}}}}`).Want(200, nil)
		s.Call("PATCH /api/passports/"+used.ID, admin, reduceCycles).Want(200, nil)
	})
}

func passportIdentifier(t *testing.T, p apiPassport) string {
	t.Helper()
	var data struct {
		GeneralInformation struct{ BatteryPassportIdentifier string }
	}
	if err := json.Unmarshal(p.Data, &data); err != nil {
		t.Fatal(err)
	}
	return data.GeneralInformation.BatteryPassportIdentifier
}
