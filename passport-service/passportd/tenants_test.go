package passportd_test

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// TestDraftsOfOthersAreNotRevealed sends every kind of request that names an identifier,
// an id or a key, once for a draft of another organisation and once for something that
// does not exist. Statuses, bodies and header names must be the same.
func TestDraftsOfOthersAreNotRevealed(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := startAt(t, db, sampleClock)
		owner := s.as(auth.Operator, "A")
		const urn, hidden, absent = "urn:uuid:6a2f6c1e-3f0b-4d55-9c1e-5f1a7d2b8e99", "https://a.example/hidden", "https://a.example/absent"
		existing := s.create(owner, fmt.Sprintf(`{"data":{"generalInformation":{"batteryIdentifier":%q,"batteryPassportIdentifier":%q}}}`, hidden, urn))
		withKey, _ := s.createWithKey(owner, "key", `{"data":{}}`)

		body := func(battery, passport string) string {
			return fmt.Sprintf(`{"data":{"generalInformation":{"batteryIdentifier":%q,"batteryPassportIdentifier":%q},"lifecycle":{"previousPassports":[{"batteryPassportIdentifier":%q}]}}}`, battery, passport, passport)
		}
		noID, noURN := strings.Repeat("0", 8)+existing.ID[8:], strings.Replace(urn, "6a2f", "0000", 1)
		for _, role := range []auth.Role{auth.Operator, auth.User, auth.Authority, auth.LegitimateInterest} {
			stranger := s.as(role, "B")
			for name, send := range map[string]func(id, battery, passport string) resttest.Response{
				"validate": func(_, b, p string) resttest.Response {
					return s.Call("POST /api/passports/validate", stranger, body(b, p))
				},
				"list": func(_, b, _ string) resttest.Response {
					return s.Call("GET /api/passports?batteryIdentifier="+url.QueryEscape(b), stranger, nil)
				},
				"find public": func(_, b, _ string) resttest.Response {
					return s.Call("GET /api/public/passports?identifier="+url.QueryEscape(b), "", nil)
				},
				"find by the key of a draft": func(_, b, _ string) resttest.Response {
					return s.Call("GET /api/public/passports?identifier="+url.QueryEscape(`"organisation:A" `+b), "", nil)
				},
				"validate with the key of a draft": func(_, b, p string) resttest.Response {
					return s.Call("POST /api/passports/validate", stranger, body(`"organisation:A" `+b, `"organisation:A" `+p))
				},
				"get": func(id, _, _ string) resttest.Response {
					return s.Call("GET /api/passports/"+id, stranger, nil, "If-None-Match", `"1"`)
				},
				"get public": func(id, _, _ string) resttest.Response {
					return s.Call("GET /api/public/passports/"+id, "", nil, "If-None-Match", `"1"`)
				},
				"patch": func(id, b, p string) resttest.Response {
					return s.Call("PATCH /api/passports/"+id, stranger, body(b, p), "If-Match", `"7"`)
				},
				"delete": func(id, _, _ string) resttest.Response {
					return s.Call("DELETE /api/passports/"+id, stranger, nil, "If-Match", `"7"`)
				},
				"publish": func(id, _, _ string) resttest.Response {
					return s.Call("POST /api/passports/"+id+"/publish", stranger, nil)
				},
				"archive": func(id, _, _ string) resttest.Response {
					return s.Call("POST /api/passports/"+id+"/archive", stranger, `{"reason":"x"}`)
				},
				"void": func(id, _, _ string) resttest.Response {
					return s.Call("POST /api/passports/"+id+"/void", stranger, `{"reason":"x"}`)
				},
				"replace with members that the service sets": func(id, b, p string) resttest.Response {
					return s.Call("PUT /api/passports/"+id, stranger, strings.Replace(body(b, p), "{", `{"id":"`+id+`","version":1,"state":"draft","owner":{"organisation":"A"},`, 1))
				},
				"import": func(_, b, p string) resttest.Response {
					return s.Call("POST /api/passports/import?dryRun=true", stranger, body(b, p), "Content-Type", ndjson)
				},
				"export": func(id, _, _ string) resttest.Response {
					return s.Call("GET /api/passports/"+id+"/export", stranger, nil)
				},
				"export public": func(id, _, _ string) resttest.Response {
					return s.Call("GET /api/public/passports/"+id+"/export", "", nil, "If-None-Match", "*")
				},
				"page": func(id, _, _ string) resttest.Response {
					return s.Call("GET /p/"+id, stranger, nil, "If-None-Match", "*")
				},
				"carrier": func(id, _, _ string) resttest.Response {
					return s.Call("GET /api/passports/"+id+"/carrier", stranger, nil)
				},
				"compliance": func(id, _, _ string) resttest.Response {
					return s.Call("GET /api/passports/"+id+"/compliance", stranger, nil)
				},
				"diff": func(id, _, _ string) resttest.Response {
					return s.Call("GET /api/passports/"+id+"/diff", stranger, nil, "If-None-Match", "*")
				},
				"at": func(id, _, _ string) resttest.Response {
					return s.Call("GET /api/passports/"+id+"?at=2026-11-23T12:00:00Z", stranger, nil)
				},
				"verify": func(id, _, _ string) resttest.Response {
					return s.Call("GET /api/passports/"+id+"/verify", stranger, nil)
				},
				"version": func(id, _, _ string) resttest.Response {
					return s.Call("GET /api/passports/"+id+"/versions/1", stranger, nil)
				},
				"no version": func(id, _, _ string) resttest.Response {
					return s.Call("GET /api/passports/"+id+"/versions/9", stranger, nil)
				},
			} {
				found, missing := comparable(send(existing.ID, hidden, urn)), comparable(send(noID, absent, noURN))
				if found != missing {
					t.Errorf("%s by %s: a draft of another organisation is answered differently from none:\n%s\n%s", name, role, found, missing)
				}
			}
		}
		// A stranger creates, changes and publishes a draft with the identifiers, with the same key.
		stranger := s.as(auth.Operator, "B")
		own := s.create(stranger, body(hidden, urn))
		s.Call("PATCH /api/passports/"+own.ID, stranger, body(absent, noURN)).Want(200, nil)
		s.Call("PUT /api/passports/"+own.ID, stranger, body(hidden, urn)).Want(200, nil)
		if id, replayed := s.createWithKey(stranger, "key", `{"data":{}}`); id == withKey || replayed {
			t.Errorf("a key of another caller: got passport %s, replayed %v", id, replayed)
		}
	})
}

var variable = regexp.MustCompile(`https://a\.example/\w+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// comparable returns a response without identifiers and without the values of headers
// that name the request or the time.
func comparable(r resttest.Response) string {
	return fmt.Sprint(r.Status, slices.Sorted(maps.Keys(r.Header)), r.Header.Get("ETag"), variable.ReplaceAllString(r.Text, "…"))
}

// TestPredecessorsDoNotRevealDrafts publishes a passport whose predecessor is a draft. Its
// owner learns that the draft is stored; an authority, and the owner of a passport with
// the same predecessor, do not.
func TestPredecessorsDoNotRevealDrafts(t *testing.T) {
	s := startAt(t, connect.Config{Dir: t.TempDir()}, sampleClock)
	owner, other, authority := s.as(auth.Operator, "A"), s.as(auth.Operator, "B"), s.as(auth.Authority, "BAM")
	const predecessor = "urn:uuid:d2f0a6b1-07a4-4c3e-9b55-1c9d8e7f6a5b"
	s.create(owner, fmt.Sprintf(`{"data":{"generalInformation":{"batteryPassportIdentifier":%q}}}`, predecessor))
	text := sample(t, "ev-remanufactured.json")
	foreign := s.create(other, text) // the same battery: only a draft
	mine := s.publish(owner, text)
	for name, c := range map[string]struct {
		token, id string
		isStored  bool
	}{
		"owner": {owner, mine.ID, true}, "admin": {s.as(auth.Admin, ""), mine.ID, true}, "authority": {authority, mine.ID, false}, "owner of another passport": {other, foreign.ID, false},
	} {
		var r report
		s.Call("GET /api/passports/"+c.id+"/compliance", c.token, nil).Want(200, &r)
		if warns := strings.Contains(strings.Join(r.findings("warning"), " "), "/data/lifecycle/previousPassports/0/batteryPassportIdentifier consistency"); warns == c.isStored {
			t.Errorf("%s: got the warning that the predecessor is not stored: %v, want %v", name, warns, !c.isStored)
		}
	}
}

// TestFirstToPublishHasTheIdentifier creates drafts of one battery in two organisations.
func TestFirstToPublishHasTheIdentifier(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := startAt(t, db, sampleClock)
		maker, squatter := s.as(auth.Operator, "A"), s.as(auth.Operator, "B")
		text := sample(t, "lmt-ebike.json")
		blocked := s.create(squatter, text)
		p := s.publish(maker, text)
		s.Call("POST /api/passports/"+blocked.ID+"/publish", squatter, nil).WantProblem(409, identifierAt+" duplicate")
		for _, token := range []string{maker, squatter} {
			s.Call("POST /api/passports", token, draft(p.BatteryIdentifier)).WantProblem(409, identifierAt+" duplicate")
		}
		another := s.create(squatter, draft("https://a.example/1"))
		s.Call("PUT /api/passports/"+another.ID, squatter, draft(p.BatteryIdentifier)).WantProblem(409, identifierAt+" duplicate")
		s.Call("PATCH /api/passports/"+blocked.ID, squatter, `{"data":{"generalInformation":{"batteryMass":3}}}`).Want(200, nil) // has the same identifier
	})
}

// TestVoidFreesTheIdentifier voids a false passport and publishes the true one.
func TestVoidFreesTheIdentifier(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := startAt(t, db, sampleClock)
		squatter, maker, admin := s.as(auth.Operator, "B"), s.as(auth.Operator, "A"), s.as(auth.Admin, "")
		text := sample(t, "lmt-ebike.json")
		p := s.publish(squatter, text)
		path, find := "/api/passports/"+p.ID, "GET /api/public/passports?identifier="+url.QueryEscape(p.BatteryIdentifier)
		for _, token := range []string{squatter, maker} {
			s.Call("POST "+path+"/void", token, `{"reason":"x"}`).WantProblem(403)
		}
		s.Call("POST "+path+"/void", admin, `{"reason":" "}`).WantProblem(422, "/reason required")
		s.Call("POST "+path+"/void", admin, `{"reason":"x"}`, "If-Match", `"1"`).WantProblem(412)
		s.Call("POST "+path+"/archive", squatter, `{"reason":"to keep the identifier"}`).Want(200, nil)
		var voided apiPassport
		s.Call("POST "+path+"/void", admin, `{"reason":"not the maker"}`).Want(200, &voided)
		if s.Call("POST "+path+"/void", admin, `{"reason":"again"}`).Want(200, &p); voided.State != "voided" || voided.Version != 4 || p.Version != 4 {
			t.Errorf("voided twice: got %+v, then %+v, want voided version 4", voided, p)
		}
		for _, route := range []string{"GET /api/public" + strings.TrimPrefix(path, "/api"), find, "GET " + path} {
			token := ""
			if route == "GET "+path {
				token = s.as(auth.User, "C")
			}
			gone := s.Call(route, token, nil)
			if gone.WantProblem(410); !strings.Contains(gone.Text, "declared void on 2026-11-23") {
				t.Errorf("%s: got %s, want the date", route, gone.Text)
			}
		}
		// It is final, and its history stays.
		for route, body := range map[string]any{
			"PATCH " + path: `{"reason":"x"}`, "PUT " + path: `{"reason":"x","data":{}}`, "POST " + path + "/archive": `{"reason":"x"}`,
			"POST " + path + "/publish": nil, "DELETE " + path: nil,
		} {
			s.Call(route, admin, body).WantProblem(409, "/state transition")
		}
		for _, token := range []string{admin, squatter} {
			if got := s.actions(token, p.ID); got != "create publish archive void" {
				t.Errorf("actions: got %s", got)
			}
			var v verification
			if s.Call("GET "+path+"/verify", token, nil).Want(200, &v); !v.intact() || v.Versions != 4 {
				t.Errorf("verify: got %+v, want 4 intact versions", v)
			}
		}
		passports, _ := s.open(t)
		waiting := storetest.WaitingEvents(t, passports.Outbox(), p.ID)
		if last := waiting[len(waiting)-1]; last.Type != (event.PassportUpdated{}).Topic() || !strings.Contains(string(last.Data), `"organisation":"B","updatedFields":["state"],"state":"voided","currentState":"voided","updatedBy":"admin@"`) {
			t.Errorf("last event: got %s %s, want the new state and the owner", last.Type, last.Data)
		}
		// The maker publishes the true passport.
		genuine := s.publish(maker, text)
		var found apiPassport
		if s.Call(find, "", nil).Want(200, &found); found.ID != genuine.ID {
			t.Errorf("find: got %s, want %s", found.ID, genuine.ID)
		}
		s.Call("POST /api/passports", squatter, text).WantProblem(409, identifierAt+" duplicate")
		s.Call("POST /api/passports/"+s.create(maker, `{"data":{}}`).ID+"/void", admin, `{"reason":"x"}`).WantProblem(409, "/state transition")
	})
}
