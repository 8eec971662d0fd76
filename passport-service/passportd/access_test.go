package passportd_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// TestWhoMayDoWhat goes through every route with every kind of caller.
func TestWhoMayDoWhat(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		tokens := map[string]string{
			"admin": s.as(auth.Admin, ""), "operator": s.as(auth.Operator, "A"), "user": s.as(auth.User, "A"),
			"other operator": s.as(auth.Operator, "B"), "other user": s.as(auth.User, "B"), "user of none": s.as(auth.User, ""), "operator of none": s.as(auth.Operator, ""),
			"recycler": s.as(auth.LegitimateInterest, "R"), "authority": s.as(auth.Authority, "BAM"), "nobody": "",
		}
		// Status by caller; who is not named gets the last.
		type statuses map[string]int
		readers := statuses{"admin": 200, "operator": 200, "user": 200, "nobody": 401, "": 404}
		writers := func(ok int) statuses {
			return statuses{"admin": ok, "operator": ok, "other operator": 404, "operator of none": 404, "nobody": 401, "": 403}
		}
		n := 0
		for route, want := range map[string]statuses{
			"POST /api/passports":              {"admin": 201, "operator": 201, "other operator": 201, "operator of none": 403, "nobody": 401, "": 403},
			"GET /api/passports":               {"nobody": 401, "": 200},
			"GET /api/passports/{id}":          readers,
			"GET /api/passports/{id}?at={at}":  readers,
			"GET /api/passports/{id}/versions": readers, "GET /api/passports/{id}/versions/1": readers,
			"PUT /api/passports/{id}": writers(200), "PATCH /api/passports/{id}": writers(200), "DELETE /api/passports/{id}": writers(204),
			"PUT of a stale version": {"admin": 412, "operator": 412, "other operator": 404, "operator of none": 404, "nobody": 401, "": 403},
		} {
			for caller, token := range tokens {
				n++
				p := s.create(tokens["operator"], draft(fmt.Sprint("https://a.example/", n)))
				body, headers := draft(fmt.Sprint("https://a.example/new/", n)), []string{}
				r := strings.NewReplacer("{id}", p.ID, "{at}", p.CreatedAt.Format("2006-01-02T15:04:05.000Z07:00")).Replace(route)
				if strings.HasSuffix(r, "stale version") {
					r, headers = "PUT /api/passports/"+p.ID, []string{"If-Match", `"7"`}
				}
				status, ok := want[caller]
				if !ok {
					status = want[""]
				}
				if got := s.Call(r, token, body, headers...); got.Status != status {
					t.Errorf("%s by %s = %d, want %d: %s", route, caller, got.Status, status, got.Text)
				}
			}
		}
		// The organisation that owns counts, not who created.
		p := s.create(tokens["operator"], draft("https://a.example/owner"))
		moved := s.issuer.Token(t, auth.Principal{UserID: "operator@A", Role: auth.Operator, Organisation: "B"})
		s.Call("GET /api/passports/"+p.ID, moved, nil).WantProblem(404)
		colleague := s.issuer.Token(t, auth.Principal{UserID: "somebody", Role: auth.Operator, Organisation: "A"})
		var changed answer
		s.Call("PATCH /api/passports/"+p.ID, colleague, `{"data":{"generalInformation":{"batteryMass":1}}}`).Want(200, &changed)
		if changed.UpdatedBy != "somebody" || changed.CreatedBy != "operator@A" || changed.Owner.UserID != "operator@A" {
			t.Errorf("changed by a colleague: %+v", changed)
		}
	})
}

// TestFormerOrganisationsKeepWhatTheyOwn: members of an organisation own what it
// owned under former ids, in single reads, writes and lists; others do not.
func TestFormerOrganisationsKeepWhatTheyOwn(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		before, after := s.as(auth.Operator, "Nordlicht GmbH"), s.as(auth.Operator, "nordlicht")
		member := s.issuer.Token(t, auth.Principal{UserID: "m", Role: auth.Operator, Organisation: "nordlicht", FormerOrganisations: []string{"Nordlicht GmbH", "NLB"}})
		stranger := s.issuer.Token(t, auth.Principal{UserID: "x", Role: auth.Operator, FormerOrganisations: []string{"Nordlicht GmbH"}})
		var made []string
		for i := range 6 {
			made = append(made, s.create([]string{before, after}[i%2], draft(fmt.Sprint("https://a.example/", i))).ID)
		}
		old := "/api/passports/" + made[0]
		for token, status := range map[string]int{before: 200, member: 200, after: 404, stranger: 404} {
			for _, route := range []string{"GET " + old, "PATCH " + old, "GET " + old + "/versions", "GET " + old + "/compliance"} {
				if a := s.Call(route, token, `{"data":{}}`); a.Status != status {
					t.Errorf("%s = %d, want %d: %s", route, a.Status, status, a.Text)
				}
			}
		}
		for token, want := range map[string]int{before: 3, after: 3, member: 6, stranger: 0} {
			var seen []string
			for cursor := ""; ; {
				var page struct {
					Items      []answer
					NextCursor string
				}
				s.Call("GET /api/passports?sort=createdAt&batteryCategory=EV&limit=2"+cursor, token, nil).Want(200, &page)
				for _, p := range page.Items {
					seen = append(seen, p.ID)
				}
				if page.NextCursor == "" {
					break
				}
				cursor = "&cursor=" + page.NextCursor
			}
			if len(seen) != want || want == 6 && !slices.Equal(seen, made) {
				t.Errorf("%d passports %v, want %d of %v", len(seen), seen, want, made)
			}
		}
		s.Call("DELETE "+old, member, nil).Want(204, nil)
	})
}

func TestTokensThatDoNotCount(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	for name, f := range authtest.Forgeries(t, s.issuer.Key, time.Now()) {
		t.Run(name, func(t *testing.T) {
			s.On(t).Call("POST /api/passports", f.Token, `{"data":{}}`).WantProblem(401, "header:Authorization "+f.Code)
		})
	}
	var page struct{ Items []answer }
	if s.Call("GET /api/passports", s.as(auth.Admin, ""), nil).Want(200, &page); len(page.Items) > 0 {
		t.Errorf("forged tokens made %+v", page.Items)
	}
}

func TestLists(t *testing.T) {
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
			"batteryCategory=SLI":                   {admin: ""},
		} {
			for token, names2 := range want {
				var got strings.Builder
				for cursor := ""; ; {
					var page struct {
						Items      []answer
						NextCursor string
					}
					s.Call("GET /api/passports?limit=2&"+query+cursor, token, nil).Want(200, &page)
					for _, p := range page.Items {
						got.WriteString(names[p.ID])
					}
					if page.NextCursor == "" {
						break
					}
					cursor = "&cursor=" + page.NextCursor
				}
				if got.String() != names2 {
					t.Errorf("%s = %s, want %s", query, got.String(), names2)
				}
			}
		}
		// Another's cursor does not open another's list.
		var page struct{ NextCursor string }
		s.Call("GET /api/passports?limit=1", admin, nil).Want(200, &page)
		s.Call("GET /api/passports?limit=1&cursor="+page.NextCursor, a, nil).WantProblem(400, "query:cursor format")
	})
}

// TestWritersOfOnePassport has many write at once: nothing is lost, and the
// history is whole.
func TestWritersOfOnePassport(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		maker := s.as(auth.Operator, "A")
		p := s.create(maker, `{"data":{"labelsAndConformity":{"labelMeanings":[{"symbol":"CE","meaning":{}}]},"materialComposition":{}}}`)
		fields := []string{"batteryChemistry", "batteryChemistryName"}
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				for j := range 4 {
					s.Call("PATCH /api/passports/"+p.ID, maker, fmt.Sprintf(`{"data":{"materialComposition":{%q:"%d.%d"}}}`, fields[i%2], i, j)).Want(200, nil)
				}
			})
		}
		wg.Wait()
		s.Call("GET /api/passports/"+p.ID, maker, nil).Want(200, &p)
		if p.Version != 65 {
			t.Errorf("version %d after 64 writes", p.Version)
		}
		checkHistory(t, s, maker, p)

		// Of those who mean the same version, one wins.
		var mu sync.Mutex
		got := map[int]int{}
		for i := range 16 {
			wg.Go(func() {
				a := s.Call("PATCH /api/passports/"+p.ID, maker, fmt.Sprintf(`{"data":{"materialComposition":{"batteryChemistry":"last %d"}}}`, i), "If-Match", `"65"`)
				mu.Lock()
				defer mu.Unlock()
				got[a.Status]++
			})
		}
		wg.Wait()
		if diff := cmp.Diff(map[int]int{200: 1, 412: 15}, got); diff != "" {
			t.Errorf("answers to 16 with the same If-Match (-want +got)\n%s", diff)
		}
		// Of those who give the same battery a passport, one does.
		got = map[int]int{}
		for range 8 {
			wg.Go(func() {
				a := s.Call("POST /api/passports", maker, draft("https://a.example/race"))
				mu.Lock()
				defer mu.Unlock()
				got[a.Status]++
			})
		}
		wg.Wait()
		if diff := cmp.Diff(map[int]int{201: 1, 409: 7}, got); diff != "" {
			t.Errorf("answers to 8 with the same identifier (-want +got)\n%s", diff)
		}
	})
}

func TestIdentifierIsTaken(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	maker := s.as(auth.Operator, "A")
	const field = "/data/generalInformation/batteryIdentifier duplicate"
	s.create(maker, draft("https://a.example/1"))
	p := s.create(maker, draft("https://a.example/2"))
	s.Call("POST /api/passports", s.as(auth.Operator, "B"), draft("https://a.example/1")).WantProblem(409, field)
	s.Call("PUT /api/passports/"+p.ID, maker, draft("https://a.example/1")).WantProblem(409, field)
	s.Call("PATCH /api/passports/"+p.ID, maker, `{"data":{"generalInformation":{"batteryIdentifier":"https://a.example/1"}}}`).WantProblem(409, field)
	s.Call("GET /api/passports/"+p.ID, maker, nil).Want(200, &p)
	if p.Version != 1 || p.BatteryIdentifier != "https://a.example/2" {
		t.Errorf("after conflicts %+v", p)
	}
	s.Call("PATCH /api/passports/"+p.ID, maker, `{"data":{"generalInformation":{"batteryIdentifier":null}}}`).Want(200, nil)
	s.create(maker, draft("https://a.example/2"))
	s.create(maker, `{"data":{}}`)
	s.create(maker, `{"data":{}}`) // what is absent is not unique
}

// TestDeleteAgainstWriters deletes drafts while others write to them: in the
// end nothing is left, whoever was quicker.
func TestDeleteAgainstWriters(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		maker := s.as(auth.Operator, "A")
		var wg sync.WaitGroup
		for i := range 10 {
			p := s.create(maker, draft(fmt.Sprint("https://a.example/", i)))
			for w := range 4 {
				wg.Go(func() {
					for j := 0; ; j++ {
						match := "*"
						if w%2 == 0 { // it is often too late, after it kept a version
							match = s.Call("GET /api/passports/"+p.ID, maker, nil).Header.Get("ETag")
						}
						a := s.Call("PATCH /api/passports/"+p.ID, maker, fmt.Sprintf(`{"data":{"generalInformation":{"manufacturingPlace":"%d.%d"}}}`, w, j), "If-Match", match)
						switch {
						case a.Status == 404:
							return
						case match != "*" && a.Status == 412:
						default:
							a.Want(200, nil)
						}
					}
				})
			}
			wg.Go(func() { s.Call("DELETE /api/passports/"+p.ID, maker, nil).Want(204, nil) })
		}
		wg.Wait()
		s.stop()
		startAt(t, db, func() time.Time { return time.Now().Add(2 * time.Minute) })
		wantNothing(t, s)
	})
}

// wantNothing waits until nothing is left of deleted passports.
func wantNothing(t *testing.T, s *service) {
	t.Helper()
	passports, versions := s.open(t)
	for scope, list := range map[string]func() (int, error){
		"deleted": func() (int, error) {
			page, err := passports.List(t.Context(), store.Query{Scopes: []string{"deleted"}, Limit: 200})
			return len(page.Rows), err
		},
		"passports": func() (int, error) {
			page, err := passports.List(t.Context(), store.Query{Scopes: []string{store.All}, Limit: 200})
			return len(page.Rows), err
		},
		"versions": func() (int, error) {
			n := 0
			for _, id := range s.ids {
				page, err := versions.List(t.Context(), store.Query{Scopes: []string{id}, Limit: 200})
				if err != nil {
					return 0, err
				}
				n += len(page.Rows)
			}
			return n, nil
		},
	} {
		n, err := list()
		for deadline := time.Now().Add(20 * time.Second); n > 0 && time.Now().Before(deadline); {
			n, err = list()
		}
		if n > 0 || err != nil {
			t.Errorf("%d %s are left, %v", n, scope, err)
		}
	}
}

// open opens the store of the service, as another process does.
func (s *service) open(t *testing.T) (*store.Collection[passport.Passport], *store.Collection[passport.Version]) {
	t.Helper()
	db, err := connect.Open(t.Context(), s.db, passportd.Name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(context.Background()) })
	return store.Open(db, passport.Schema()), store.Open(db, passport.VersionSchema())
}

// TestSweepEndsDeletions leaves passports as earlier releases do that are killed
// after they decided to delete them. A passport that was deleted less than a
// minute ago stays: a write that has begun may add a version.
func TestSweepEndsDeletions(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		maker := s.as(auth.Operator, "A")
		kept, fresh := s.create(maker, draft("https://a.example/kept")), s.create(maker, draft("https://a.example/fresh"))
		for i := range 3 {
			p := s.create(maker, draft(fmt.Sprint("https://a.example/", i)))
			s.Call("PATCH /api/passports/"+p.ID, maker, `{"data":{"generalInformation":{"batteryMass":1}}}`).Want(200, nil)
		}
		passports, versions := s.open(t)
		for _, id := range s.ids[2:] {
			if _, err := passports.Update(t.Context(), id, func(p *passport.Passport) (store.Change, error) { p.Deleted = true; return store.Change{}, nil }); err != nil {
				t.Fatal(err)
			}
		}
		s.Call("GET /api/passports/"+s.ids[2], maker, nil).WantProblem(404)
		s.Call("DELETE /api/passports/"+fresh.ID, maker, nil).Want(204, nil)
		s.stop()
		s2 := start(t, db)
		s2.Call("GET /api/passports/"+kept.ID, s2.as(auth.Operator, "A"), nil).Want(200, nil)
		for _, id := range s.ids[2:] {
			for { // the sweep goes on beside
				page, err := versions.List(t.Context(), store.Query{Scopes: []string{id}, Limit: 1})
				_, gone := passports.Get(t.Context(), id)
				if err == nil && len(page.Rows) == 0 && fault.Is(gone, fault.NotFound) {
					break
				}
			}
		}
		if row, err := passports.Get(t.Context(), fresh.ID); err != nil || !row.Doc.Deleted {
			t.Errorf("deleted just now: %+v, %v", row.Doc, err)
		}
	})
}

// TestPartsAway has the store, or the auth-service, away.
func TestPartsAway(t *testing.T) {
	t.Run("store", func(t *testing.T) {
		s := start(t, connect.Config{URI: "mongodb://" + resttest.UnusedAddress(t)})
		bearer := []string{"Authorization", "Bearer " + s.as(auth.Admin, "")}
		for _, route := range []string{"GET /api/passports", "GET /api/passports/x", "POST /api/passports"} {
			a := s.Do(route, `{"data":{}}`, bearer...)
			a.WantProblem(503)
			if a.Header.Get("Retry-After") == "" {
				t.Errorf("%s: no Retry-After", route)
			}
		}
		ready := s.Do("GET /readyz", "")
		if ready.Want(503, nil); !strings.Contains(ready.Text, `{"name":"store","ok":false,`) || !strings.Contains(ready.Text, `{"name":"keys","ok":true,`) {
			t.Errorf("readyz = %s", ready.Text)
		}
		s.Do("GET /livez", "").Want(200, nil)
	})
	t.Run("store that comes back", func(t *testing.T) {
		proxy, uri := storetest.NewProxy(t, storetest.MongoURI(t))
		s := start(t, connect.Config{URI: uri})
		maker := s.as(auth.Operator, "A")
		p := s.create(maker, draft("https://a.example/1"))
		for i := range 2 {
			proxy.SetDown(true)
			for _, route := range []string{"GET /api/passports/" + p.ID, "PATCH /api/passports/" + p.ID} {
				begin := time.Now()
				s.Do(route, `{"data":{}}`, "Authorization", "Bearer "+maker).WantProblem(503)
				if took := time.Since(begin); took > 3*time.Second {
					t.Errorf("%s took %v", route, took)
				}
			}
			for deadline := time.Now().Add(3 * time.Second); s.Do("GET /readyz", "").Status != 503 && time.Now().Before(deadline); { // it counts for a second
			}
			s.Do("GET /readyz", "").Want(503, nil)
			proxy.SetDown(false)
			s.Call("PATCH /api/passports/"+p.ID, maker, fmt.Sprintf(`{"data":{"generalInformation":{"batteryMass":%d}}}`, i+1)).Want(200, nil)
			s.Call("GET /readyz", "", nil).Want(200, nil)
		}
		s.Call("GET /api/passports/"+p.ID, maker, nil).Want(200, &p)
		checkHistory(t, s, maker, p)
	})
	t.Run("auth-service", func(t *testing.T) {
		issuer := authtest.New(t)
		issuer.Down.Store(true)
		s := startWith(t, connect.Config{Dir: t.TempDir()}, issuer)
		bearer := []string{"Authorization", "Bearer " + s.as(auth.Admin, "")}
		s.Do("GET /api/passports", "", bearer...).WantProblem(503)
		s.Do("GET /api/passports", "").WantProblem(401, "header:Authorization missing") // needs no keys
		if ready := s.Do("GET /readyz", ""); !strings.Contains(ready.Text, `{"name":"keys","ok":false,"vital":true,"detail":"no signing keys have been fetched from the auth-service"}`) {
			t.Errorf("readyz = %s", ready.Text)
		}
		issuer.Down.Store(false)
		s.Call("GET /api/passports", s.as(auth.Admin, ""), nil).Want(200, nil)
		s.Call("GET /readyz", "", nil).Want(200, nil) // within a second
	})
}
