package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

type object = map[string]any

// battery returns the data of a sample with a unique battery identifier.
func battery(t *testing.T, name string) object {
	t.Helper()
	var body struct{ Data object }
	if err := json.Unmarshal([]byte(sample(t, name)), &body); err != nil {
		t.Fatal(err)
	}
	general := body.Data["generalInformation"].(object)
	general["batteryIdentifier"] = "https://nlb.example/" + strings.ReplaceAll(uuid.NewString(), "-", "")[:24]
	delete(general, "batteryPassportIdentifier") // publishing sets it
	return body.Data
}

type report struct {
	Complete bool
	Score    struct{ Percent, Due, Met int }
	Findings []struct{ Path, Code, Severity, Rule, Message string }
}

func (r report) errors() (n int) {
	for _, f := range r.Findings {
		if f.Severity == "error" {
			n++
		}
	}
	return n
}

func (s *suite) compliance(caller session, id string) (r report) {
	s.t.Helper()
	s.passport.Call("GET /api/passports/"+id+"/compliance", caller.Token, nil).Want(200, &r)
	return r
}

// published creates a passport from a sample and publishes it.
func (s *suite) published(caller session, name string) (p passport) {
	s.t.Helper()
	s.passport.Call("POST /api/passports", caller.Token, object{"data": battery(s.t, name)}).Want(201, &p)
	s.passport.Call("POST /api/passports/"+p.ID+"/publish", caller.Token, nil).Want(200, &p)
	return p
}

// TestCompleteAndPublish lets three people complete the passport of an EV battery in six
// steps. Each step reduces the findings, and publishing fails while a finding is an error.
func TestCompleteAndPublish(t *testing.T) {
	onAnySuite(t, func(s *suite) {
		admin := s.admin()
		organisation := slug("nordlicht")
		people := []session{s.newAccount(admin, "operator", organisation), s.newAccount(admin, "operator", organisation), admin}
		for _, p := range people[:2] {
			s.waitForNotification(p, "user.registered", p.User.ID)
		}
		whole := battery(s.t, "ev-nmc-complete.json")
		general := whole["generalInformation"].(object)

		var p passport
		s.passport.Call("POST /api/passports", people[0].Token, object{"data": object{"generalInformation": object{
			"batteryIdentifier": general["batteryIdentifier"], "batteryCategory": "EV"}}}).Want(201, &p)
		before := s.compliance(people[0], p.ID)
		if before.Complete || before.errors() < 40 || before.Score.Percent > 10 {
			s.t.Errorf("almost empty passport: %d errors, %+v", before.errors(), before.Score)
		}
		for i, sections := range [][]string{
			{"generalInformation"}, {"labelsAndConformity"}, {"materialComposition", "supplyChainDueDiligence"}, {"circularity"}, {"performanceAndDurability", "carbonFootprint"},
			{"batteryCondition", "lifecycle"},
		} {
			caller := people[i%3]
			refused := s.passport.Call("POST /api/passports/"+p.ID+"/publish", caller.Token, nil)
			if refused.Status != 422 || strings.Count(refused.Text, `"path"`) != before.errors() {
				s.t.Errorf("publishing with %d errors: %s, want 422 and one detail per error", before.errors(), refused.Text)
			}
			patch := object{}
			for _, name := range sections {
				patch[name] = whole[name]
			}
			s.passport.Call("PATCH /api/passports/"+p.ID, caller.Token, object{"data": patch}, "If-Match", fmt.Sprintf("%q", fmt.Sprint(i+1))).Want(200, nil)
			now := s.compliance(caller, p.ID)
			if now.errors() >= before.errors() || now.Score.Percent <= before.Score.Percent {
				s.t.Errorf("after adding %v: %d errors and %+v, before it %d and %+v", sections, now.errors(), now.Score, before.errors(), before.Score)
			}
			before = now
		}
		if !before.Complete || before.Score.Percent != 100 {
			s.t.Fatalf("complete passport: %+v", before)
		}
		s.passport.Call("GET /api/public/passports/"+p.ID, "", nil).WantProblem(404)
		s.passport.Call("POST /api/passports/"+p.ID+"/publish", people[1].Token, nil).Want(200, &p)
		if p.State != "active" || p.Version != 8 {
			s.t.Errorf("published %+v", p)
		}
		s.passport.Call("GET /api/public/passports/"+p.ID, "", nil).Want(200, nil)
		s.waitForNotification(people[0], "passport.published", p.ID) // the creator of the passport
		s.waitForNotification(admin, "passport.published", p.ID)
	})
}

// TestCorrectPublishedPassport changes a published passport with a reason. The diff shows
// the change, the version the reason, and the hash chain is intact.
func TestCorrectPublishedPassport(t *testing.T) {
	onAnySuite(t, func(s *suite) {
		ada := s.newAccount(s.admin(), "operator", slug("nordlicht"))
		p := s.published(ada, "ev-nmc-complete.json")
		path := "/api/passports/" + p.ID
		change := object{"generalInformation": object{"warrantyPeriod": "P10Y"}}
		s.passport.Call("PATCH "+path, ada.Token, object{"data": change}).WantProblem(422, "/reason required")
		s.passport.Call("PATCH "+path, ada.Token, object{"data": object{"generalInformation": object{"batteryMass": nil}}, "reason": "x"}).
			WantProblem(422, "/data/generalInformation/batteryMass required")
		s.passport.Call("PATCH "+path, ada.Token, object{"data": change, "reason": "goodwill"}).Want(200, nil)

		diff := s.passport.Call("GET "+path+"/diff?from=2&to=3", ada.Token, nil).Want(200, nil)
		if want := `"changes":[{"path":"/data/generalInformation/warrantyPeriod","old":"P96M","new":"P10Y"}]`; !strings.Contains(diff.Text, want) {
			s.t.Errorf("diff %s", diff.Text)
		}
		var v struct{ Action, Reason, CreatedBy string }
		if s.passport.Call("GET "+path+"/versions/3", ada.Token, nil).Want(200, &v); v.Action != "patch" || v.Reason != "goodwill" || v.CreatedBy != ada.User.ID {
			s.t.Errorf("version %+v", v)
		}
		var verified struct {
			Intact   bool
			Versions int
		}
		if s.passport.Call("GET "+path+"/verify", ada.Token, nil).Want(200, &verified); !verified.Intact || verified.Versions != 3 {
			s.t.Errorf("verify %+v", verified)
		}
	})
}

// points maps each point of Annex XIII to the path of one of its attributes in data.
var points = map[string]string{
	"1": "generalInformation.batteryMass", "2": "materialComposition.materials", "3": "labelsAndConformity.testReports", "4": "generalInformation.batteryStatus",
}

// TestEveryRoleReadsOnlyItsPoints reads a published and an archived passport as every role.
func TestEveryRoleReadsOnlyItsPoints(t *testing.T) {
	onAnySuite(t, func(s *suite) {
		admin := s.admin()
		ada := s.newAccount(admin, "operator", slug("nordlicht"))
		recycler, authority, stranger := s.newAccount(admin, "legitimate_interest", ""), s.newAccount(admin, "authority", "bam"), s.newAccount(admin, "user", "")
		p := s.published(ada, "ev-nmc-complete.json")
		path, public := "GET /api/passports/"+p.ID, "GET /api/public/passports/"+p.ID
		for _, c := range []struct{ route, token, reads string }{
			{path, ada.Token, "1234"}, {path, admin.Token, "1234"}, {path, recycler.Token, "124"}, {path, authority.Token, "123"}, {path, stranger.Token, "1"}, {public, "", "1"},
		} {
			if got := s.reads(c.route, c.token); got != c.reads {
				s.t.Errorf("%s returns the points %s, want %s", c.route, got, c.reads)
			}
		}
		s.passport.Call(path, "", nil).WantProblem(401, "header:Authorization missing")

		s.passport.Call("POST /api/passports/"+p.ID+"/archive", ada.Token, `{"reason":"recalled"}`).Want(200, nil)
		for _, route := range []string{public, "GET /api/public/passports?identifier=" + p.BatteryIdentifier} {
			s.passport.Call(route, "", nil).WantProblem(410)
		}
		s.passport.Call(path, recycler.Token, nil).WantProblem(410)
		for token, reads := range map[string]string{ada.Token: "1234", authority.Token: "123"} {
			if got := s.reads(path, token); got != reads {
				s.t.Errorf("archived passport: got the points %s, want %s", got, reads)
			}
		}
		if s.stack != nil {
			want := []string{"passport.created 1", "passport.published 2", "passport.updated 3"}
			var got []string
			for _, e := range s.events(3, p.ID) {
				got = append(got, strings.Replace(e, p.ID+" ", "", 1))
			}
			slices.Sort(got) // events of different topics have no order
			if diff := cmp.Diff(want, got); diff != "" {
				s.t.Errorf("events (-want +got)\n%s", diff)
			}
		}
	})
}

// reads returns the points whose attribute is in the response.
func (s *suite) reads(route, token string) string {
	s.t.Helper()
	var p struct{ Data object }
	s.passport.Call(route, token, nil).Want(200, &p)
	var read string
	for _, point := range slices.Sorted(maps.Keys(points)) {
		section, field, _ := strings.Cut(points[point], ".")
		members, _ := p.Data[section].(object)
		if members[field] != nil {
			read += point
		}
	}
	return read
}
