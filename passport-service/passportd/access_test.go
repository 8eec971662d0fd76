package passportd_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// TestRoleAndOwnershipDecideStatus calls the routes of drafts as every kind of caller.
func TestRoleAndOwnershipDecideStatus(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		tokens := map[string]string{
			"admin": s.as(auth.Admin, ""), "operator": s.as(auth.Operator, "A"), "user": s.as(auth.User, "A"),
			"other operator": s.as(auth.Operator, "B"), "other user": s.as(auth.User, "B"), "user without organisation": s.as(auth.User, ""), "operator without organisation": s.as(auth.Operator, ""),
			"recycler": s.as(auth.LegitimateInterest, "R"), "authority": s.as(auth.Authority, "BAM"), "anonymous": "",
		}
		type statuses map[string]int // by caller; "" is the default
		readers := statuses{"admin": 200, "operator": 200, "user": 200, "anonymous": 401, "": 404}
		writers := func(ok int) statuses {
			return statuses{"admin": ok, "operator": ok, "other operator": 404, "operator without organisation": 404, "anonymous": 401, "": 403}
		}
		n := 0
		for route, want := range map[string]statuses{
			"POST /api/passports":              {"admin": 201, "operator": 201, "other operator": 201, "operator without organisation": 403, "anonymous": 401, "": 403},
			"GET /api/passports":               {"anonymous": 401, "": 200},
			"GET /api/passports/{id}":          readers,
			"GET /api/passports/{id}?at={at}":  readers,
			"GET /api/passports/{id}/versions": readers, "GET /api/passports/{id}/versions/1": readers,
			"PUT /api/passports/{id}": writers(200), "PATCH /api/passports/{id}": writers(200), "DELETE /api/passports/{id}": writers(204),
			"PUT with a stale If-Match": {"admin": 412, "operator": 412, "other operator": 404, "operator without organisation": 404, "anonymous": 401, "": 403},
		} {
			for caller, token := range tokens {
				n++
				p := s.create(tokens["operator"], draft(fmt.Sprint("https://a.example/", n)))
				body, headers := draft(fmt.Sprint("https://a.example/new/", n)), []string{}
				r := strings.NewReplacer("{id}", p.ID, "{at}", p.CreatedAt.Format("2006-01-02T15:04:05.000Z07:00")).Replace(route)
				if strings.HasSuffix(r, "stale If-Match") {
					r, headers = "PUT /api/passports/"+p.ID, []string{"If-Match", `"7"`}
				}
				status, ok := want[caller]
				if !ok {
					status = want[""]
				}
				if got := s.Call(r, token, body, headers...); got.Status != status {
					t.Errorf("%s by %s: got %d, want %d: %s", route, caller, got.Status, status, got.Text)
				}
			}
		}
		// The owner is the organisation, not the account that created the passport.
		p := s.create(tokens["operator"], draft("https://a.example/owner"))
		moved := s.issuer.Token(t, auth.Principal{UserID: "operator@A", Role: auth.Operator, Organisation: "B"})
		s.Call("GET /api/passports/"+p.ID, moved, nil).WantProblem(404)
		colleague := s.issuer.Token(t, auth.Principal{UserID: "somebody", Role: auth.Operator, Organisation: "A"})
		var changed apiPassport
		s.Call("PATCH /api/passports/"+p.ID, colleague, `{"data":{"generalInformation":{"batteryMass":1}}}`).Want(200, &changed)
		if changed.UpdatedBy != "somebody" || changed.CreatedBy != "operator@A" || changed.Owner.UserID != "operator@A" {
			t.Errorf("changed by a colleague: got %+v", changed)
		}
	})
}

// TestMembersOwnPassportsOfFormerOrganisationIDs checks reads, writes and lists of
// passports that belong to a former id of the caller's organisation.
func TestMembersOwnPassportsOfFormerOrganisationIDs(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		before, after := s.as(auth.Operator, "Nordlicht GmbH"), s.as(auth.Operator, "nordlicht")
		member := s.issuer.Token(t, auth.Principal{UserID: "m", Role: auth.Operator, Organisation: "nordlicht", FormerOrganisations: []string{"Nordlicht GmbH", "NLB"}})
		stranger := s.issuer.Token(t, auth.Principal{UserID: "x", Role: auth.Operator, FormerOrganisations: []string{"Nordlicht GmbH"}})
		var ids []string
		for i := range 6 {
			ids = append(ids, s.create([]string{before, after}[i%2], draft(fmt.Sprint("https://a.example/", i))).ID)
		}
		old := "/api/passports/" + ids[0]
		for token, status := range map[string]int{before: 200, member: 200, after: 404, stranger: 404} {
			for _, route := range []string{"GET " + old, "PATCH " + old, "GET " + old + "/versions", "GET " + old + "/compliance"} {
				if a := s.Call(route, token, `{"data":{}}`); a.Status != status {
					t.Errorf("%s: got %d, want %d: %s", route, a.Status, status, a.Text)
				}
			}
		}
		for token, want := range map[string]int{before: 3, after: 3, member: 6, stranger: 0} {
			listed := s.list(token, "sort=createdAt&batteryCategory=EV")
			if len(listed) != want || want == 6 && !slices.Equal(listed, ids) {
				t.Errorf("got %d passports %v, want %d of %v", len(listed), listed, want, ids)
			}
		}
		s.Call("DELETE "+old, member, nil).Want(204, nil)
	})
}

// list returns the ids in a list of passports. It reads pages of two.
func (s *service) list(token, query string) (ids []string) {
	s.T.Helper()
	for cursor := ""; ; {
		var page struct {
			Items      []apiPassport
			NextCursor string
		}
		s.Call("GET /api/passports?limit=2&"+query+cursor, token, nil).Want(200, &page)
		for _, p := range page.Items {
			ids = append(ids, p.ID)
		}
		if page.NextCursor == "" {
			return ids
		}
		cursor = "&cursor=" + page.NextCursor
	}
}

func TestForgedTokensAreRefused(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	for name, f := range authtest.Forgeries(t, s.issuer.Key, time.Now()) {
		t.Run(name, func(t *testing.T) {
			s.On(t).Call("POST /api/passports", f.Token, `{"data":{}}`).WantProblem(401, "header:Authorization "+f.Code)
		})
	}
	var page struct{ Items []apiPassport }
	if s.Call("GET /api/passports", s.as(auth.Admin, ""), nil).Want(200, &page); len(page.Items) > 0 {
		t.Errorf("forged tokens created %+v", page.Items)
	}
}

func TestListFiltersAndOrder(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		admin, a, b := s.as(auth.Admin, ""), s.as(auth.Operator, "A"), s.as(auth.Operator, "B")
		names := map[string]string{}
		for i, c := range []struct{ token, category, model string }{
			{a, "EV", "M1"}, {a, "LMT", "M2"}, {a, "EV", "M2"}, {b, "EV", "M1"}, {b, "Industrial", "M&=/ü"}, {admin, "", ""},
		} {
			body := fmt.Sprintf(`{"data":{"generalInformation":{"batteryIdentifier":"https://a.example/%d"`, i)
			if c.category != "" {
				body += fmt.Sprintf(`,"batteryCategory":%q,"batteryModel":{"id":%q}`, c.category, c.model)
			}
			names[s.create(c.token, body+"}}}").ID] = fmt.Sprint(i)
		}
		for query, want := range map[string]map[string]string{
			"":                                      {admin: "543210", a: "210", b: "43"},
			"sort=createdAt":                        {admin: "012345", a: "012", b: "34"},
			"sort=-createdAt":                       {admin: "543210"},
			"batteryCategory=EV":                    {admin: "320", a: "20", b: "3"},
			"batteryCategory=EV&sort=createdAt":     {admin: "023"},
			"batteryCategory=EV&modelId=M1":         {admin: "30", a: "0"},
			"modelId=M%26%3D%2F%C3%BC":              {admin: "4", a: ""},
			"batteryIdentifier=https://a.example/3": {admin: "3", a: "", b: "3"},
			"state=draft":                           {admin: "543210", a: "210"},
			"createdBy=operator@B":                  {admin: "43", a: "", b: "43"},
			"modelId=none":                          {admin: ""},
		} {
			for token, wantNames := range want {
				got := ""
				for _, id := range s.list(token, query) {
					got += names[id]
				}
				if got != wantNames {
					t.Errorf("%s: got %s, want %s", query, got, wantNames)
				}
			}
		}
		for _, unknown := range []string{"SLI", "ev"} {
			s.Call("GET /api/passports?batteryCategory="+unknown, admin, nil).WantProblem(422, "query:batteryCategory enum")
		}
		// The cursor of another caller's list is refused.
		var page struct{ NextCursor string }
		s.Call("GET /api/passports?limit=1", admin, nil).Want(200, &page)
		s.Call("GET /api/passports?limit=1&cursor="+page.NextCursor, a, nil).WantProblem(400, "query:cursor format")
	})
}

// TestConcurrentWritesAreNotLost writes to one passport from many clients.
func TestConcurrentWritesAreNotLost(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		operator := s.as(auth.Operator, "A")
		p := s.create(operator, `{"data":{"labelsAndConformity":{"labelMeanings":[{"symbol":"CE","meaning":{}}]},"materialComposition":{}}}`)
		fields := []string{"batteryChemistry", "batteryChemistryName"}
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				for j := range 4 {
					s.Call("PATCH /api/passports/"+p.ID, operator, fmt.Sprintf(`{"data":{"materialComposition":{%q:"%d.%d"}}}`, fields[i%2], i, j)).Want(200, nil)
				}
			})
		}
		wg.Wait()
		s.Call("GET /api/passports/"+p.ID, operator, nil).Want(200, &p)
		if p.Version != 65 {
			t.Errorf("got version %d after 64 writes, want 65", p.Version)
		}
		checkHistory(t, s, operator, p)

		// Only one of many writes with the same If-Match succeeds.
		var mu sync.Mutex
		got := map[int]int{}
		for i := range 16 {
			wg.Go(func() {
				a := s.Call("PATCH /api/passports/"+p.ID, operator, fmt.Sprintf(`{"data":{"materialComposition":{"batteryChemistry":"last %d"}}}`, i), "If-Match", `"65"`)
				mu.Lock()
				defer mu.Unlock()
				got[a.Status]++
			})
		}
		wg.Wait()
		if diff := cmp.Diff(map[int]int{200: 1, 412: 15}, got); diff != "" {
			t.Errorf("statuses of 16 writes with the same If-Match (-want +got)\n%s", diff)
		}
		// Only one of many passports with the same battery identifier is created.
		got = map[int]int{}
		for range 8 {
			wg.Go(func() {
				a := s.Call("POST /api/passports", operator, draft("https://a.example/race"))
				mu.Lock()
				defer mu.Unlock()
				got[a.Status]++
			})
		}
		wg.Wait()
		if diff := cmp.Diff(map[int]int{201: 1, 409: 7}, got); diff != "" {
			t.Errorf("statuses of 8 creates with the same identifier (-want +got)\n%s", diff)
		}
	})
}

func TestBatteryIdentifierIsUnique(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	operator := s.as(auth.Operator, "A")
	const field = "/data/generalInformation/batteryIdentifier duplicate"
	s.create(operator, draft("https://a.example/1"))
	p := s.create(operator, draft("https://a.example/2"))
	s.Call("POST /api/passports", operator, draft("https://a.example/1")).WantProblem(409, field)
	s.Call("PUT /api/passports/"+p.ID, operator, draft("https://a.example/1")).WantProblem(409, field)
	s.Call("PATCH /api/passports/"+p.ID, operator, `{"data":{"generalInformation":{"batteryIdentifier":"https://a.example/1"}}}`).WantProblem(409, field)
	s.Call("GET /api/passports/"+p.ID, operator, nil).Want(200, &p)
	if p.Version != 1 || p.BatteryIdentifier != "https://a.example/2" {
		t.Errorf("after conflicts: got %+v, want version 1 unchanged", p)
	}
	s.Call("PATCH /api/passports/"+p.ID, operator, `{"data":{"generalInformation":{"batteryIdentifier":null}}}`).Want(200, nil)
	s.create(operator, draft("https://a.example/2"))
	s.create(operator, `{"data":{}}`)
	s.create(operator, `{"data":{}}`) // missing identifiers do not conflict
}
