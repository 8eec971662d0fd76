package e2e

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestJourney follows passports from the first admin account to their last event.
func TestJourney(t *testing.T) {
	onSuites(t, func(s *suite) {
		t := s.t
		s.register("admin@nordlicht.example", "admin")
		admin := s.login("admin@nordlicht.example")
		company := slug("nordlicht-battery") // the broker may have the events of other suites
		s.organisation(admin, company)
		s.auth.Call("PATCH /api/auth/users/"+admin.User.ID, admin.Token, object{"organisation": company}).Want(200, nil)
		admin = s.login("admin@nordlicht.example")

		ids := map[string]string{}
		create := func(name string) {
			var p passport
			s.passport.Call("POST /api/passports", admin.Token, sample(t, name)).Want(201, &p)
			if p.State != "draft" || p.Version != 1 {
				t.Errorf("%s: %+v", name, p)
			}
			ids[name] = p.ID
		}
		create("readme-sample.json")
		for _, name := range []string{"ev-nmc-complete", "ev-nmc-minimum-2027", "ev-lfp-in-use", "lmt-ebike", "lmt-ebike-reused", "industrial-stationary-lfp",
			"industrial-lead-acid", "ev-nmc-first-life", "industrial-repurposed", "ev-remanufactured"} {
			create(name + ".json")
		}
		s.passport.Call("POST /api/passports", admin.Token, sample(t, "lmt-ebike-waste.json")).
			WantProblem(409, "/data/generalInformation/batteryIdentifier duplicate")
		ebike, readme := "/api/passports/"+ids["lmt-ebike.json"], "/api/passports/"+ids["readme-sample.json"]

		var p passport
		s.passport.Call("PUT "+ebike, admin.Token, sample(t, "lmt-ebike-waste.json")).Want(200, &p)
		if p.Version != 2 {
			t.Errorf("after PUT: %+v, want version 2", p)
		}
		s.passport.Call("GET "+ebike, admin.Token, nil).Want(200, &p)
		patch := func(mass string) string { return `{"data":{"generalInformation":{"batteryMass":` + mass + `}}}` }
		s.passport.Call("PATCH "+readme, admin.Token, patch("451")).Want(200, nil)
		s.passport.Call("PATCH "+readme, admin.Token, patch("452"), "If-Match", `"2"`).Want(200, &p)
		s.passport.Call("PATCH "+readme, admin.Token, patch("453"), "If-Match", `"2"`).WantProblem(412)
		var versions struct{ Items []passport }
		s.passport.Call("GET "+readme+"/versions", admin.Token, nil).Want(200, &versions)
		if len(versions.Items) != 3 || versions.Items[0].Version != 3 {
			t.Errorf("versions: %+v", versions)
		}

		// A user sees the passports only after an admin has assigned the organisation.
		s.register("ute@nordlicht.example", "")
		ute := s.login("ute@nordlicht.example")
		count := func(query string) int {
			var page struct{ Items []passport }
			s.passport.Call("GET /api/passports"+query, ute.Token, nil).Want(200, &page)
			return len(page.Items)
		}
		if n := count(""); n != 0 {
			t.Errorf("a user without organisation sees %d passports, want 0", n)
		}
		s.passport.Call("GET "+readme, ute.Token, nil).WantProblem(404)
		s.auth.Call("PATCH /api/auth/users/"+ute.User.ID, admin.Token, object{"organisation": company}).Want(200, nil)
		ute = s.login("ute@nordlicht.example")
		if all, lmt := count(""), count("?batteryCategory=LMT"); all != len(ids) || lmt != 2 {
			t.Errorf("a user of the organisation sees %d passports, %d of category LMT, want %d and 2", all, lmt, len(ids))
		}
		s.passport.Call("DELETE "+readme, ute.Token, nil).WantProblem(403)
		s.passport.Call("DELETE "+readme, admin.Token, nil).Want(204, nil)
		s.passport.Call("GET "+readme, admin.Token, nil).WantProblem(404)

		id := ids["readme-sample.json"]
		want := []string{"passport.created " + id + " 1", "passport.updated " + id + " 2", "passport.updated " + id + " 3", "passport.deleted " + id + " 4"}
		if diff := cmp.Diff(want, s.events(4, id)); diff != "" {
			t.Errorf("events (-want +got)\n%s", diff)
		}
		want = []string{"user.registered " + ute.User.ID + " 1", "user.updated " + ute.User.ID + " 3"}
		if diff := cmp.Diff(want, s.events(2, ute.User.ID)); diff != "" {
			t.Errorf("events of an account (-want +got)\n%s", diff)
		}
		if diff := cmp.Diff([]string{"organisation.updated " + company + " 1"}, s.events(1, company)); diff != "" {
			t.Errorf("events of an organisation (-want +got)\n%s", diff)
		}
	})
}

// TestRestartKeepsData stops the suite and starts it with the same data.
func TestRestartKeepsData(t *testing.T) {
	onSuites(t, func(s *suite) {
		admin := s.register("admin@nordlicht.example", "admin")
		var ids []string
		for i := range 5 {
			var p passport
			s.passport.Call("POST /api/passports", admin.Token, fmt.Sprintf(`{"data":{"generalInformation":{"batteryIdentifier":"https://a.example/%d"}}}`, i)).Want(201, &p)
			ids = append(ids, p.ID)
		}
		s.stop()
		s.start()
		for _, id := range ids { // the token is still valid
			s.passport.Call("GET /api/passports/"+id, admin.Token, nil).Want(200, nil)
		}
		s.events(5, ids...)
	})
}
