package e2e

import (
	"testing"

	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/waittest"
)

// acceptInvitation accepts the newest invitation to an address, with the link in the mail.
func (s *suite) acceptInvitation(email string) (out session) {
	s.t.Helper()
	token := s.mailedToken(email, "/account/invitation")
	s.auth.Call("POST /api/auth/invitations/accept", "", map[string]string{"token": token, "password": password}).Want(200, &out)
	return out
}

// TestPeopleOfCompany follows a company from its first manager to a forgotten password, with an
// API client of the manager. After the organisation exists, no admin is needed.
func TestPeopleOfCompany(t *testing.T) {
	onSuites(t, func(s *suite) {
		admin := s.register("admin@suite.example", "admin")
		s.organisation(admin, "nordlicht-battery")
		s.auth.Call("POST /api/auth/invitations", admin.Token, `{"email":"maja@nordlicht.example","role":"user","manager":true,"organisation":"nordlicht-battery"}`).Want(201, nil)
		maja := s.acceptInvitation("maja@nordlicht.example")
		s.auth.Call("POST /api/auth/invitations", maja.Token, `{"email":"ole@nordlicht.example","role":"operator"}`).Want(201, nil)
		ole := s.acceptInvitation("ole@nordlicht.example")
		if ole.User.Role != "operator" || ole.User.Organisation != "nordlicht-battery" {
			s.t.Errorf("invited account = %+v", ole.User)
		}
		var p passport
		s.passport.Call("POST /api/passports", ole.Token, sample(s.t, "ev-nmc-complete.json")).Want(201, &p)
		s.passport.Call("GET /api/passports/"+p.ID, maja.Token, nil).Want(200, nil)
		s.waitForNotification(ole, "user.registered", ole.User.ID)
		config := s.oauth(s.newClient(maja, "operator", ""))
		erp, err := config.Token(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		var made passport
		s.passport.Call("POST /api/passports", erp.AccessToken, sample(s.t, "ev-nmc-minimum-2027.json")).Want(201, &made)
		s.passport.Call("GET /api/passports/"+made.ID, ole.Token, nil).Want(200, nil)

		// Ole forgets the password. The new one ends both of his logins in all services.
		logins := []session{ole, s.login("ole@nordlicht.example")}
		s.auth.Call("POST /api/auth/password-resets", "", `{"email":"ole@nordlicht.example"}`).Want(202, nil)
		token := s.mailedToken("ole@nordlicht.example", "/account/new-password")
		s.auth.Call("POST /api/auth/password-resets/confirm", "", map[string]string{"token": token, "password": "a new " + password}).Want(204, nil)
		for _, login := range logins {
			for route, service := range map[string]resttest.Client{
				"GET /api/auth/profile": s.auth, "GET /api/passports": s.passport, "GET /api/documents": s.document, "GET /api/notifications": s.notification,
			} {
				waittest.Until(s.t, route+": an old token is refused", func() bool { return service.Call(route, login.Token, nil).Status == 401 })
			}
			s.auth.Call("POST /api/auth/refresh", "", map[string]string{"refreshToken": login.RefreshToken}).WantProblem(401)
		}
		s.auth.Call("POST /api/auth/login", "", map[string]string{"email": "ole@nordlicht.example", "password": password}).WantProblem(401)
		s.auth.Call("POST /api/auth/login", "", map[string]string{"email": "ole@nordlicht.example", "password": "a new " + password}).Want(200, &ole)
		s.passport.Call("GET /api/passports/"+p.ID, ole.Token, nil).Want(200, nil)
		s.passport.Call("GET /api/passports/"+made.ID, ole.Token, nil).Want(200, nil)
		for _, token := range []string{maja.Token, erp.AccessToken} { // other people and clients stay logged in
			s.passport.Call("GET /api/passports/"+p.ID, token, nil).Want(200, nil)
		}
	})
}
