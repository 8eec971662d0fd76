package passportd_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

type apiNamespace struct {
	ID, Organisation, Kind, Value, State, Reason string
}

// startWithNamespaces starts a service with a mode of IDENTIFIER_NAMESPACES.
func startWithNamespaces(t *testing.T, db connect.Config, mode string) *service {
	t.Helper()
	return startConfigured(t, passportd.Config{Store: db, Now: sampleClock, IdentifierNamespaces: mode}, authtest.New(t))
}

// namespace requests a namespace for the organisation of the token.
func (s *service) namespace(token, kind, value string) (n apiNamespace) {
	s.T.Helper()
	s.Call("POST /api/namespaces", token, `{"kind":"`+kind+`","value":"`+value+`"}`).Want(201, &n)
	return n
}

// confirmed requests and confirms a namespace.
func (s *service) confirmed(organisation, kind, value string) apiNamespace {
	s.T.Helper()
	n := s.namespace(s.as(auth.Operator, organisation), kind, value)
	s.Call("POST /api/namespaces/"+n.ID+"/confirm", s.as(auth.Admin, ""), nil).Want(200, &n)
	return n
}

// TestNamespaceLifeCycle requests, confirms, refuses and withdraws namespaces.
func TestNamespaceLifeCycle(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		a, b, admin := s.as(auth.Operator, "a"), s.as(auth.Operator, "b"), s.as(auth.Admin, "")
		n := s.namespace(a, "host", " ID.Nordlicht.Example ")
		if n.Organisation != "a" || n.Value != "id.nordlicht.example" || n.State != "requested" {
			t.Errorf("got %+v, want it requested, with the host in lower case", n)
		}
		path := "/api/namespaces/" + n.ID
		s.Call("POST /api/namespaces", a, `{"kind":"host","value":"id.nordlicht.example"}`).WantProblem(409, "/value duplicate")
		rival := s.namespace(b, "host", "id.nordlicht.example") // a request reveals nothing about other organisations
		for _, route := range []string{"/confirm", "/refuse"} {
			s.Call("POST "+path+route, a, `{"reason":"x"}`).WantProblem(403)
		}
		s.Call("POST "+path+"/confirm", admin, nil).Want(200, &n)
		s.Call("POST "+path+"/confirm", admin, nil).Want(200, nil)
		if n.State != "confirmed" {
			t.Errorf("confirmed: got %+v", n)
		}
		s.Call("POST "+path+"/refuse", admin, `{"reason":"x"}`).WantProblem(409, "/state transition")
		s.Call("POST /api/namespaces/"+rival.ID+"/confirm", admin, nil).WantProblem(409, "/value duplicate")
		s.Call("GET "+path, s.as(auth.User, "a"), nil).Want(200, nil)
		for route, body := range map[string]any{"GET " + path: nil, "POST " + path + "/withdraw": `{"reason":"x"}`} {
			foreign, absent := s.Call(route, b, body), s.Call(strings.Replace(route, n.ID, "01a20000-0000-7000-8000-000000000000", 1), b, body)
			if foreign.WantProblem(404); comparable(foreign) != comparable(absent) {
				t.Errorf("%s: a namespace of another organisation and none: got %s and %s", route, foreign.Text, absent.Text)
			}
		}
		var page struct{ Items []apiNamespace }
		for token, want := range map[string]int{a: 1, b: 1, admin: 2, s.as(auth.Authority, "BAM"): 0, s.as(auth.User, ""): 0} {
			if s.Call("GET /api/namespaces", token, nil).Want(200, &page); len(page.Items) != want {
				t.Errorf("list: got %+v, want %d namespaces", page.Items, want)
			}
		}
		// After it is withdrawn, the rival gets it.
		s.Call("POST "+path+"/withdraw", a, `{"reason":"sold"}`).Want(200, &n)
		s.Call("POST "+path+"/withdraw", a, `{"reason":"again"}`).Want(200, &n)
		if n.State != "withdrawn" || n.Reason != "sold" {
			t.Errorf("withdrawn: got %+v", n)
		}
		s.Call("POST "+path+"/confirm", admin, nil).WantProblem(409, "/state transition")
		s.Call("POST /api/namespaces/"+rival.ID+"/confirm", admin, nil).Want(200, nil)
		refused := s.namespace(a, "host", "id.nordlicht.example")
		s.Call("POST /api/namespaces/"+refused.ID+"/refuse", admin, `{"reason":"sold"}`).Want(200, &refused)
		if refused.State != "refused" || refused.Reason != "sold" {
			t.Errorf("refused: got %+v", refused)
		}
		s.Call("GET /api/namespaces?state=refused", admin, nil).Want(200, &page)
		if len(page.Items) != 1 || page.Items[0].ID != refused.ID {
			t.Errorf("list of refused namespaces: got %+v", page.Items)
		}
	})
}

func TestInvalidNamespaces(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	operator, admin := s.as(auth.Operator, "a"), s.as(auth.Admin, "")
	for _, value := range []string{"localhost", "https://a.example", "a.example:443", "a.example/x", "bücher.example", "b%C3%BCcher.example", "a.example.", "-a.example", "192.0.2.1", "[::1]", "id.gs1.org", "a b.example", strings.Repeat("a", 64) + ".example"} {
		s.Call("POST /api/namespaces", operator, `{"kind":"host","value":"`+value+`"}`).WantProblem(422, "/value format")
	}
	for _, value := range []string{"123", "1234567890123", "12a4", "0000", "00000", "000001234"} {
		s.Call("POST /api/namespaces", operator, `{"kind":"gs1CompanyPrefix","value":"`+value+`"}`).WantProblem(422, "/value format")
	}
	s.Call("POST /api/namespaces", operator, `{"kind":"domain","value":"a.example"}`).WantProblem(422, "/kind enum")
	s.Call("POST /api/namespaces", operator, `{"kind":"host","value":"b.example","organisation":"b"}`).WantProblem(403)
	s.Call("POST /api/namespaces", admin, `{"kind":"host","value":"b.example"}`).WantProblem(422, "/organisation required")
	s.Call("POST /api/namespaces", admin, `{"kind":"host","value":"https://b.example"}`).WantProblem(422, "/organisation required", "/value format")
	s.Call("POST /api/namespaces", admin, `{"kind":"host","value":"xn--bcher-kva.example","organisation":"b"}`).Want(201, nil)
	first := s.Call("POST /api/namespaces", operator, `{"kind":"host","value":"k.example"}`, "Idempotency-Key", "k").Want(201, nil)
	again := s.Call("POST /api/namespaces", operator, `{"kind":"host","value":"k.example"}`, "Idempotency-Key", "k").Want(201, nil)
	if first.Text != again.Text || again.Header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("repeated with the same key: got %s, want %s", again.Text, first.Text)
	}
	s.Call("POST /api/namespaces", operator, `{"kind":"host","value":"l.example"}`, "Idempotency-Key", "k").WantProblem(422, "header:Idempotency-Key reused")
}

// TestOverlappingPrefixesAreRefused confirms prefixes of two organisations, also at the
// same time: of two that overlap, only one is confirmed.
func TestOverlappingPrefixesAreRefused(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		admin := s.as(auth.Admin, "")
		s.confirmed("a", "gs1CompanyPrefix", "0952110")
		for value, status := range map[string]int{"0952110": 409, "0952": 409, "09521100": 409, "0952111": 200, "9521": 200} {
			n := s.namespace(s.as(auth.Operator, "b"), "gs1CompanyPrefix", value)
			if got := s.Call("POST /api/namespaces/"+n.ID+"/confirm", admin, nil); got.Status != status {
				t.Errorf("prefix %s of another organisation: got %d, want %d: %s", value, got.Status, status, got.Text)
			}
		}
		s.confirmed("a", "gs1CompanyPrefix", "09521105") // their own may overlap
		for _, pair := range [][2]string{{"4012", "4012345"}, {"5012345", "50123456"}, {"6012", "6012"}} {
			var wg sync.WaitGroup
			statuses := make([]int, 2)
			for i, organisation := range []string{"a", "b"} {
				n := s.namespace(s.as(auth.Operator, organisation), "gs1CompanyPrefix", pair[i])
				wg.Go(func() { statuses[i] = s.Call("POST /api/namespaces/"+n.ID+"/confirm", admin, nil).Status })
			}
			if wg.Wait(); statuses[0]+statuses[1] != 200+409 {
				t.Errorf("%v at the same time: got %v, want one confirmed", pair, statuses)
			}
		}
	})
}

// TestNamespacesAreEnforced uses identifiers of the own organisation, of another one and
// of none, in every spelling, in both modes of IDENTIFIER_NAMESPACES.
func TestNamespacesAreEnforced(t *testing.T) {
	for mode, wantNone := range map[string]string{"open": "", "enforced": "error"} {
		t.Run(mode, func(t *testing.T) {
			s := startWithNamespaces(t, connect.Config{Dir: t.TempDir()}, mode)
			s.confirmed("a", "host", "id.nordlicht.example")
			s.confirmed("a", "host", "xn--bcher-kva.example")
			s.confirmed("a", "gs1CompanyPrefix", "952110")
			s.confirmed("a", "gs1CompanyPrefix", "000001234567") // one GTIN-8
			s.confirmed("b", "host", "b.example")
			s.confirmed("b", "gs1CompanyPrefix", "4012345")
			foreign := map[string]string{"open": "warning", "enforced": "error"}[mode]
			for identifier, want := range map[string]string{
				"https://b.example/1":                                                   "",
				"https://any.example/01/04012345000023/21/S1":                           "", // the GTIN decides
				"https://b.example/01/94012345000026/10/L/21/S2":                        "", // indicator digit
				"https://none.example/1":                                                wantNone,
				"https://sub.b.example/1":                                               wantNone,
				"https://b.example/01/04999999000022/21/S3":                             wantNone, // own host, unknown prefix
				"https://id.nordlicht.example/1":                                        foreign,
				"https://id.nordlicht.example./2":                                       foreign,
				"https://id.nordlicht.example:8443/1":                                   foreign,
				"https://xn--bcher-kva.example/1":                                       foreign,
				"https://id.nordlicht.example/01/04012345000023/21/S4":                  foreign, // own GTIN on their host
				"https://b.example/01/09521100002073/21/S5":                             foreign, // their GTIN on the own host
				"https://b.example/some/path/01/19521100002070/22/V/10/L/21/S%31%31%31": foreign,
				"https://b.example/01/00000012345670/21/S6":                             foreign,
			} {
				operator := s.as(auth.Operator, "b")
				var r report
				s.Call("POST /api/passports/validate", operator, draft(identifier)).Want(200, &r)
				for _, severity := range []string{"error", "warning"} {
					if got := strings.Contains(strings.Join(r.findings(severity), " "), identifierAt+" namespace"); got != (severity == want) {
						t.Errorf("validate %s: got %s %v, want severity %q", identifier, severity, got, want)
					}
				}
				created := s.Call("POST /api/passports", operator, draft(identifier))
				if want == "error" {
					if created.WantProblem(422, identifierAt+" namespace"); !strings.Contains(created.Text, "admin") {
						t.Errorf("%s: the message does not say what to do: %s", identifier, created.Text)
					}
					continue
				}
				created.Want(201, nil)
			}
			if upper := s.Call("POST /api/passports", s.as(auth.Operator, "b"), draft("https://ID.Nordlicht.example/2")); mode == "enforced" {
				upper.WantProblem(422, identifierAt+" namespace")
			}
			var r report
			s.Call("POST /api/passports/validate", s.as(auth.Operator, "b"), draft("https://b%C3%BCcher.example/1")).Want(200, &r)
			if !strings.Contains(strings.Join(r.findings("error"), " "), identifierAt+" format") {
				t.Error("a percent-encoded international host is accepted")
			}
		})
	}
}

// TestExistingPassportsKeepWorking switches to enforced namespaces. A published passport
// outside can be changed and archived; a draft outside can be changed, but not published.
func TestExistingPassportsKeepWorking(t *testing.T) {
	db := connect.Config{Dir: t.TempDir()}
	s := startWithNamespaces(t, db, "open")
	published := s.publish(s.as(auth.Operator, "b"), sample(t, "lmt-ebike.json"))
	drafted := s.create(s.as(auth.Operator, "b"), sample(t, "ev-nmc-complete.json"))
	key, _ := s.createWithKey(s.as(auth.Operator, "b"), "k", draft("https://none.example/1"))
	s.confirmed("a", "gs1CompanyPrefix", "952110")
	s.stop()

	s = startConfigured(t, passportd.Config{Store: db, Now: sampleClock, IdentifierNamespaces: "enforced"}, s.issuer)
	operator := s.as(auth.Operator, "b")
	for _, p := range []apiPassport{published, drafted} {
		s.Call("PATCH /api/passports/"+p.ID, operator, `{"reason":"x","data":{"generalInformation":{"batchIdentifier":"B7"}}}`).Want(200, nil)
	}
	if id, replayed := s.createWithKey(operator, "k", draft("https://none.example/1")); id != key || !replayed {
		t.Errorf("repeated request: got %s, replayed %v, want %s", id, replayed, key)
	}
	for _, token := range []string{operator, s.as(auth.Admin, "")} {
		s.Call("POST /api/passports/"+drafted.ID+"/publish", token, nil).WantProblem(422, identifierAt+" namespace", "/data/generalInformation/batteryModel/gtin namespace")
	}
	s.Call("PATCH /api/passports/"+key, operator, `{"data":{"generalInformation":{"batteryIdentifier":"https://none.example/2"}}}`).WantProblem(422, identifierAt+" namespace")
	s.Call("PUT /api/passports/"+key, operator, draft("https://none.example/2")).WantProblem(422, identifierAt+" namespace")
	s.confirmed("b", "host", "none.example")
	s.Call("PUT /api/passports/"+key, operator, draft("https://none.example/2")).Want(200, nil)
	s.Call("POST /api/passports/"+published.ID+"/archive", operator, `{"reason":"x"}`).Want(200, nil)
	var r report
	s.Call("GET /api/passports/"+drafted.ID+"/compliance", operator, nil).Want(200, &r)
	if !strings.Contains(strings.Join(r.findings("error"), " "), identifierAt+" namespace") {
		t.Errorf("compliance: got %q, want the namespace", r.findings("error"))
	}
}

// TestNamespacesOfOtherIdentifiers uses passport identifiers and GTINs of the own
// organisation, of another one and of none, in drafts and in a published passport.
func TestNamespacesOfOtherIdentifiers(t *testing.T) {
	for mode, foreign := range map[string]string{"open": "warning", "enforced": "error"} {
		t.Run(mode, func(t *testing.T) {
			s := startWithNamespaces(t, connect.Config{Dir: t.TempDir()}, mode)
			s.confirmed("a", "host", "id.nordlicht.example")
			s.confirmed("a", "gs1CompanyPrefix", "4012345")
			s.confirmed("b", "host", "vlf.example")
			s.confirmed("b", "gs1CompanyPrefix", "952110")
			operator, admin := s.as(auth.Operator, "b"), s.as(auth.Admin, "")
			wantNone := map[string]string{"open": "", "enforced": "error"}[mode]
			body := func(member, value string) string {
				return `{"data":{"generalInformation":{` + fmt.Sprintf(member, value) + `}}}`
			}
			const passportMember, gtinMember = `"batteryPassportIdentifier":%q`, `"batteryModel":{"gtin":%q}`
			for _, c := range []struct{ member, at, value, want string }{
				{passportMember, "batteryPassportIdentifier", "https://vlf.example/passports/1", ""},
				{passportMember, "batteryPassportIdentifier", "urn:uuid:6a2f6c1e-3f0b-4d55-9c1e-5f1a7d2b8e02", ""},
				{passportMember, "batteryPassportIdentifier", "https://none.example/1", wantNone},
				{passportMember, "batteryPassportIdentifier", "https://id.nordlicht.example/passports/1", foreign},
				{passportMember, "batteryPassportIdentifier", "https://id.nordlicht.example/passports?id=1#x", foreign},
				{passportMember, "batteryPassportIdentifier", "https://b@id.nordlicht.example./1", foreign},
				{passportMember, "batteryPassportIdentifier", "https://ID.nordlicht.example:8443/p", foreign},
				{passportMember, "batteryPassportIdentifier", "https://vlf.example/01/04012345000023/21/P1", foreign},
				{passportMember, "batteryPassportIdentifier", "https://vlf.example/01/04012345000023/21/P2?x=1", foreign},
				{gtinMember, "batteryModel/gtin", "09521100002073", ""},
				{gtinMember, "batteryModel/gtin", "5012345678900", ""}, // of no organisation
				{gtinMember, "batteryModel/gtin", "04012345000023", foreign},
				{gtinMember, "batteryModel/gtin", "4012345000023", foreign},
			} {
				at := "/data/generalInformation/" + c.at + " namespace"
				var r report
				s.Call("POST /api/passports/validate", operator, body(c.member, c.value)).Want(200, &r)
				for _, severity := range []string{"error", "warning"} {
					if got := strings.Contains(strings.Join(r.findings(severity), " "), at); got != (severity == c.want) {
						t.Errorf("validate %s: got %s %v, want severity %q", c.value, severity, got, c.want)
					}
				}
				p := s.create(operator, `{"data":{"generalInformation":{}}}`)
				for _, token := range []string{operator, admin} { // an admin is bound by the namespaces of the owner
					if a := s.Call("PATCH /api/passports/"+p.ID, token, body(c.member, c.value)); c.want == "error" {
						a.WantProblem(422, at)
					} else {
						a.Want(200, nil)
					}
				}
			}
			// A published passport may get the GTIN that a scan of the model finds.
			p := s.publish(operator, strings.Replace(sample(t, "lmt-ebike.json"), `"https://vlf.example/01/09521100002073/21/V4E10077"`, `"https://vlf.example/b/V4E10077"`, 1))
			patch := s.Call("PATCH /api/passports/"+p.ID, operator, `{"reason":"x","data":{"generalInformation":{"batteryModel":{"gtin":"04012345000023"}}}}`)
			if mode == "enforced" {
				patch.WantProblem(422, "/data/generalInformation/batteryModel/gtin namespace")
			} else {
				patch.Want(200, nil)
			}
		})
	}
}
