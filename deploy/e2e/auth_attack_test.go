package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/waittest"
)

// TestWritesStopWithoutRevocations: a service that has not read revocations for
// REVOCATION_MAX_AGE answers writes and admin routes with 503, because the token of the
// caller may be revoked. Reads continue.
func TestWritesStopWithoutRevocations(t *testing.T) {
	s := start(t, config(t))
	admin := s.admin()
	maker := s.newAccount(admin, "operator", slug("nordlicht"))
	s.stop()
	for _, c := range []*time.Duration{
		&s.cfg.Auth.Revocations.MaxAge, &s.cfg.Passport.Auth.Revocations.MaxAge, &s.cfg.Document.Auth.Revocations.MaxAge, &s.cfg.Notification.Auth.Revocations.MaxAge,
	} {
		*c = time.Nanosecond // always exceeded
	}
	s.start()
	for name, c := range map[string]struct {
		service             resttest.Client
		read, write, admins string
	}{
		"auth":         {s.auth, "GET /api/auth/profile", "PUT /api/auth/password", "GET /api/auth/audit"},
		"passport":     {s.passport, "GET /api/passports", "POST /api/passports", ""},
		"document":     {s.document, "GET /api/documents", "DELETE /api/documents/0193", ""},
		"notification": {s.notification, "GET /api/notifications", "PATCH /api/notifications/read", "POST /api/notifications"},
	} {
		send := func(route, token string) resttest.Response { // unlike Call, it does not repeat a request after 503
			return c.service.Do(route, `{}`, "Authorization", "Bearer "+token, "Content-Type", jsonType)
		}
		for _, token := range []string{maker.Token, admin.Token} {
			c.service.Call(c.read, token, nil).Want(200, nil)
			a := send(c.write, token)
			a.WantProblem(503)
			if a.Header.Get("Retry-After") == "" || !strings.Contains(a.Text, "revoked tokens cannot be recognised") {
				t.Errorf("%s: %s without Retry-After or reason: %v %s", name, c.write, a.Header, a.Text)
			}
		}
		if c.admins != "" {
			send(c.admins, maker.Token).WantProblem(403)
			send(c.admins, admin.Token).WantProblem(503)
		}
		var ready rest.Readiness
		c.service.Call("GET /readyz", "", nil).Want(200, &ready)
		found := false
		for _, check := range ready.Checks {
			found = found || check.Name == "revocations" && !check.OK
		}
		if !found || ready.Status != "degraded" {
			t.Errorf("%s: readyz = %+v, want degraded by revocations", name, ready)
		}
	}
}

// TestMovedAccountLosesOldOrganisation: all services refuse the access tokens of an
// account that was moved to another organisation, and its new tokens give access to the
// new organisation only.
func TestMovedAccountLosesOldOrganisation(t *testing.T) {
	onAnySuite(t, func(s *suite) {
		admin := s.admin()
		before, after := slug("before"), slug("after")
		ann, old, other := s.newAccount(admin, "operator", before), s.newAccount(admin, "operator", before), s.newAccount(admin, "operator", after)
		create := func(caller session) (passport, document string) {
			var p struct{ ID string }
			s.passport.Call("POST /api/passports", caller.Token, `{"data":{}}`).Want(201, &p)
			var d struct{ DocID string }
			s.upload(caller.Token, "report.txt").Want(201, &d)
			return "/api/passports/" + p.ID, "/api/documents/" + d.DocID
		}
		oldPassport, oldDocument := create(old)
		newPassport, newDocument := create(other)
		s.passport.Call("PATCH "+oldPassport, ann.Token, `{"data":{}}`).Want(200, nil)
		s.document.Call("GET "+oldDocument, ann.Token, nil).Want(200, nil)
		s.passport.Call("GET "+newPassport, ann.Token, nil).WantProblem(404)

		s.changeAccount(admin, ann, `{"organisation":"`+after+`"}`)
		for name, c := range map[string]struct {
			service resttest.Client
			route   string
		}{
			"auth": {s.auth, "GET /api/auth/profile"}, "passport": {s.passport, "PATCH " + oldPassport},
			"document": {s.document, "GET " + oldDocument}, "notification": {s.notification, "GET /api/notifications"},
		} {
			waittest.Until(s.t, name+": a token with the old organisation is refused", func() bool {
				return c.service.Call(c.route, ann.Token, `{"data":{}}`).Status == 401
			})
		}
		s.auth.Call("POST /api/auth/refresh", "", map[string]string{"refreshToken": ann.RefreshToken}).Want(200, &ann)
		if ann.User.Organisation != after {
			s.t.Errorf("organisation after the refresh = %s, want %s", ann.User.Organisation, after)
		}
		s.passport.Call("GET "+oldPassport, ann.Token, nil).WantProblem(404)
		s.passport.Call("PATCH "+oldPassport, ann.Token, `{"data":{}}`).WantProblem(404)
		s.passport.Call("DELETE "+oldPassport, ann.Token, nil).WantProblem(404)
		s.document.Call("GET "+oldDocument, ann.Token, nil).WantProblem(404)
		s.document.Call("DELETE "+oldDocument, ann.Token, nil).WantProblem(404)
		s.passport.Call("GET "+newPassport, ann.Token, nil).Want(200, nil)
		s.document.Call("GET "+newDocument, ann.Token, nil).Want(200, nil)
	})
}
