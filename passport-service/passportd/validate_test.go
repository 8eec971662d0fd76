package passportd_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// TestValidateIsCompliance: a sample has the same findings stored and not, and
// they are those that are expected.
func TestValidateIsCompliance(t *testing.T) {
	s := startAt(t, connect.Config{Dir: t.TempDir()}, day)
	var expected map[string]struct{ Errors, Warnings []struct{ Path, Code string } }
	read(t, "expected.json", &expected)
	maker := s.as(auth.Operator, "A")
	for name, want := range expected {
		warnings := []string{}
		for _, w := range want.Warnings {
			warnings = append(warnings, w.Path+" "+w.Code)
		}
		slices.Sort(warnings)
		var alone, stored report
		s.Call("POST /api/passports/validate", maker, sample(t, name)).Want(200, &alone)
		p := s.create(maker, sample(t, name))
		s.Call("GET /api/passports/"+p.ID+"/compliance", maker, nil).Want(200, &stored)
		if diff := cmp.Diff(warnings, alone.found("warning")); diff != "" || !alone.Complete || len(alone.found("error")) > 0 || alone.Score.Percent != 100 {
			t.Errorf("%s: %+v (-want +got)\n%s", name, alone.Score, diff)
		}
		stored.Findings = slices.DeleteFunc(stored.Findings, func(f struct{ Path, Code, Severity, Rule, Message, LegalReference, Duty string }) bool {
			return f.Rule == "LIF-5" && f.Severity == "warning" // of those whose predecessors are not here
		})
		if diff := cmp.Diff(alone, stored); diff != "" {
			t.Errorf("%s: validated and stored (-want +got)\n%s", name, diff)
		}
		s.Call("DELETE /api/passports/"+p.ID, maker, nil).Want(204, nil)
	}
}

func TestWhatWouldBe(t *testing.T) {
	s := startAt(t, connect.Config{Dir: t.TempDir()}, day)
	maker := s.as(auth.Operator, "A")
	p := s.create(maker, sample(t, "ev-nmc-minimum-2027.json"))
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
			s.Call(route, maker, body).Want(200, &r)
			if diff := cmp.Diff(want, r.found("error")); diff != "" || len(query) == 14 && !strings.HasSuffix(query, r.AsOf) {
				t.Errorf("%s as of %s (-want +got)\n%s", route, r.AsOf, diff)
			}
		}
	}
	for query, want := range map[string][]string{
		"?on=2027-02-30": {"query:on format"}, "?on=tomorrow": {"query:on format"}, "?ruleSet=bp-1": {"query:ruleSet enum"},
		"?ruleSet=bp-1&on=x": {"query:ruleSet enum", "query:on format"}, "?rules=x": {"query:rules unknownField"},
	} {
		s.Call("GET /api/passports/"+p.ID+"/compliance"+query, maker, nil).WantProblem(422, want...)
		s.Call("POST /api/passports/validate"+query, maker, `{"data":{}}`).WantProblem(422, want...)
	}
	for body, want := range map[string][]string{
		`{}`:                                {"/data required", "/data/generalInformation/batteryCategory required"},
		`[]`:                                {" type", "/data/generalInformation/batteryCategory required"},
		`{"data":null}`:                     {"/data type", "/data/generalInformation/batteryCategory required"},
		`{"data":{"generalInformation":1}}`: {"/data/generalInformation type"},
		`{"x":1}`:                           {"/data required", "/data/generalInformation/batteryCategory required", "/x unknownField"},
	} {
		var r report
		s.Call("POST /api/passports/validate", maker, body).Want(200, &r)
		if diff := cmp.Diff(want, r.found("error")); diff != "" || r.Complete {
			t.Errorf("%s (-want +got)\n%s", body, diff)
		}
	}
	s.Call("POST /api/passports/validate", maker, `{"data":`).WantProblem(400, "/data syntax")
	s.Call("POST /api/passports/validate", maker, `{}`, "Content-Type", "text/plain").WantProblem(415, "header:Content-Type enum")
	s.Call("POST /api/passports/validate", s.as(auth.User, "A"), `{}`).WantProblem(403)
	s.Call("POST /api/passports/validate", "", `{}`).WantProblem(401, "header:Authorization missing")
}

// TestRuleSets serves the catalogue as it is.
func TestRuleSets(t *testing.T) {
	s := startAt(t, connect.Config{Dir: t.TempDir()}, day)
	token := s.as(auth.User, "")
	var list struct {
		Items []struct {
			ID, EffectiveFrom string
			InEffect          bool
		}
	}
	s.Call("GET /api/passports/rulesets", token, nil).Want(200, &list)
	if len(list.Items) != 1 || list.Items[0].ID != "bp-2027-02" || list.Items[0].EffectiveFrom != "2027-02-18" || !list.Items[0].InEffect {
		t.Errorf("rule sets %+v", list)
	}
	var catalogue struct {
		Profile    string
		Attributes []struct{ Path string }
	}
	s.Call("GET /api/passports/rulesets/bp-2027-02/attributes", token, nil).Want(200, &catalogue)
	if catalogue.Profile != "bp-2027-02" || len(catalogue.Attributes) != len(ruleset.Embedded()[0].Attributes()) {
		t.Errorf("catalogue %s with %d attributes", catalogue.Profile, len(catalogue.Attributes))
	}
	s.Call("GET /api/passports/rulesets/bp-1/attributes", token, nil).WantProblem(404)
}

type line struct {
	Line    int
	Result  *report
	Problem *rest.Problem
}

// TestLines sends a thousand bodies, of which one is broken.
func TestLines(t *testing.T) {
	s := startAt(t, connect.Config{Dir: t.TempDir()}, day)
	maker := s.as(auth.Operator, "A")
	var good json.RawMessage
	if err := json.Unmarshal([]byte(sample(t, "ev-nmc-minimum-2027.json")), &good); err != nil {
		t.Fatal(err)
	}
	compact, _ := json.Marshal(good)
	lines := slices.Repeat([]string{string(compact)}, 1000)
	lines[499] = `{"data":{"generalInformation":`
	lines[500] = ``
	lines[501] = `{"data":{"generalInformation":{"batteryCategory":"EV"` + strings.Repeat(" ", 1<<20) + `}}}`
	lines[502] = `{"data":{}}`
	a := s.Call("POST /api/passports/validate", maker, strings.Join(lines, "\n"), "Content-Type", "application/x-ndjson")
	if a.Want(200, nil); a.Header.Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("header %v", a.Header)
	}
	answers := strings.Split(strings.TrimSuffix(a.Text, "\n"), "\n")
	if len(answers) != 999 {
		t.Fatalf("%d answers", len(answers))
	}
	for i, text := range answers {
		number := i + 1
		if i >= 500 {
			number++ // the empty one is not answered
		}
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil || l.Line != number || (l.Result == nil) == (l.Problem == nil) {
			t.Fatalf("answer %d: %v in %s", i, err, text)
		}
		switch number {
		case 500:
			if l.Problem == nil || l.Problem.Status != 400 || l.Problem.Errors[0].Path != "/data/generalInformation" {
				t.Errorf("the broken line: %s", text)
			}
		case 502:
			if l.Problem == nil || l.Problem.Status != 413 {
				t.Errorf("the long line: %s", text)
			}
		case 503:
			if l.Result == nil || l.Result.Complete {
				t.Errorf("the empty draft: %s", text)
			}
		default:
			if l.Result == nil || !l.Result.Complete {
				t.Fatalf("line %d: %s", number, text)
			}
		}
	}
	empty := s.Call("POST /api/passports/validate", maker, "", "Content-Type", "application/x-ndjson")
	if empty.Want(200, nil); empty.Text != "" {
		t.Errorf("no line gives %q", empty.Text)
	}
}

// TestLinesAreAnsweredAsTheyCome reads an answer before the next line is sent.
func TestLinesAreAnsweredAsTheyCome(t *testing.T) {
	s := startAt(t, connect.Config{Dir: t.TempDir()}, day)
	s.Call("GET /api/passports", s.as(auth.Operator, "A"), nil).Want(200, nil) // it is ready
	r, w := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/api/passports/validate", r)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	req.Header.Set("Authorization", "Bearer "+s.as(auth.Operator, "A"))
	go fmt.Fprintln(w, `{"data":{}}`)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answers := bufio.NewScanner(res.Body)
	for n := 1; n <= 5; n++ {
		if !answers.Scan() || !strings.HasPrefix(answers.Text(), fmt.Sprintf(`{"line":%d,`, n)) {
			t.Fatalf("answer %d: %q, %v", n, answers.Text(), answers.Err())
		}
		fmt.Fprintln(w, `{"data":{}}`)
	}
	w.Close()
	for answers.Scan() {
	}
}

// TestWhatTheStoreKnows has the rules that ask it.
func TestWhatTheStoreKnows(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := startAt(t, db, ticking())
		maker, admin := s.as(auth.Operator, "A"), s.as(auth.Admin, "")
		first := s.publish(maker, sample(t, "ev-nmc-first-life.json"))
		var r report
		s.Call("POST /api/passports/validate", maker, sample(t, "ev-nmc-first-life.json")).Want(200, &r)
		if diff := cmp.Diff([]string{"/data/generalInformation/batteryIdentifier duplicate", "/data/generalInformation/batteryPassportIdentifier duplicate"}, r.found("error")); diff != "" {
			t.Errorf("of what is stored (-want +got)\n%s", diff)
		}
		// A predecessor that is known, one that is not, and a circle.
		second := s.create(maker, sample(t, "industrial-repurposed.json"))
		compliance := func(p answer) report {
			var r report
			s.Call("GET /api/passports/"+p.ID+"/compliance", maker, nil).Want(200, &r)
			return r
		}
		if r := compliance(second); len(r.Findings) > 0 {
			t.Errorf("with a known predecessor %+v", r.Findings)
		}
		const at = "/data/lifecycle/previousPassports/0/batteryPassportIdentifier consistency"
		remade := s.create(maker, sample(t, "ev-remanufactured.json"))
		if r := compliance(remade); !slices.Equal(r.found("warning"), []string{at}) || !r.Complete {
			t.Errorf("with an unknown predecessor %+v", r)
		}
		link := func(p, to answer) {
			t.Helper()
			s.Call("PATCH /api/passports/"+p.ID, maker, fmt.Sprintf(`{"data":{"lifecycle":{"previousPassports":[{"batteryPassportIdentifier":%q,"operation":"remanufacturing"}]}}}`,
				member(t, []byte(general(t, to)), "batteryPassportIdentifier"))).Want(200, nil)
		}
		link(remade, second)
		link(second, remade)
		if r := compliance(second); !slices.Equal(r.found("error"), []string{at}) {
			t.Errorf("in a circle %+v", r)
		}
		s.Call("POST /api/passports/"+second.ID+"/publish", maker, nil).WantProblem(422, at)
		_ = first

		// A counter goes down only by an admin.
		used := s.publish(maker, sample(t, "ev-lfp-in-use.json"))
		down := `{"reason":"typing error","data":{"batteryCondition":{"usage":{"fullCycles":1}}}}`
		s.Call("PATCH /api/passports/"+used.ID, maker, down).WantProblem(422, "/data/batteryCondition/usage/fullCycles consistency")
		s.Call("PATCH /api/passports/"+used.ID, maker, `{"reason":"read out","data":{"batteryCondition":{"usage":{"fullCycles":100000}}}}`).Want(200, nil)
		s.Call("PATCH /api/passports/"+used.ID, admin, down).Want(200, nil)
	})
}

// general is a section of a passport.
func general(t *testing.T, p answer) string {
	t.Helper()
	var data struct{ GeneralInformation json.RawMessage }
	if err := json.Unmarshal(p.Data, &data); err != nil {
		t.Fatal(err)
	}
	return string(data.GeneralInformation)
}
