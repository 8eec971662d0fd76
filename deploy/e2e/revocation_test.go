package e2e

import (
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/rest/resttest"
)

// within is how long a token may count that was revoked.
const within = 5 * time.Second

// TestRevokedEverywhere ends logins in each way there is, and asks all four
// services with the access token of before.
func TestRevokedEverywhere(t *testing.T) {
	onAnySuite(t, func(s *suite) {
		admin := s.admin()
		routes := map[string]struct {
			service resttest.Client
			route   string
		}{
			"auth": {s.auth, "GET /api/auth/profile"}, "passport": {s.passport, "GET /api/passports"},
			"document": {s.document, "GET /api/documents"}, "notification": {s.notification, "GET /api/notifications"},
		}
		ends := map[string]func(session){
			"logout": func(who session) {
				s.auth.Call("POST /api/auth/logout", "", map[string]string{"refreshToken": who.RefreshToken}).Want(204, nil)
			},
			"logout everywhere": func(who session) {
				var here session
				s.auth.Call("POST /api/auth/login", "", map[string]string{"email": who.User.Email, "password": password}).Want(200, &here)
				s.auth.Call("POST /api/auth/logout", "", `{"refreshToken":"`+here.RefreshToken+`","everywhere":true}`).Want(204, nil)
			},
			"a stolen refresh token": func(who session) {
				refresh := func(token string, status int) (next session) {
					s.auth.Call("POST /api/auth/refresh", "", map[string]string{"refreshToken": token}).Want(status, &next)
					return next
				}
				refresh(refresh(who.RefreshToken, 200).RefreshToken, 200)
				refresh(who.RefreshToken, 401)
			},
			"a new password": func(who session) {
				s.auth.Call("PUT /api/auth/password", who.Token, map[string]string{"currentPassword": password, "newPassword": "battery staple"}).Want(204, nil)
			},
			"another role": func(who session) { s.change(admin, who, `{"role":"user"}`) },
			"disabled":     func(who session) { s.change(admin, who, `{"disabled":true}`) },
		}
		for name, end := range ends {
			who := s.person(admin, "operator", slug("nordlicht"))
			other := s.person(admin, "operator", who.User.Organisation)
			for _, r := range routes {
				r.service.Call(r.route, who.Token, nil).Want(200, nil)
			}
			end(who)
			begin := time.Now()
			for service, r := range routes {
				for r.service.Call(r.route, who.Token, nil).Status != 401 {
					if time.Since(begin) > within {
						s.t.Fatalf("%s: the %s-service takes the token after %v", name, service, time.Since(begin))
					}
				}
				r.service.Call(r.route, other.Token, nil).Want(200, nil)
			}
		}
	})
}

func (s *suite) change(admin, who session, body string) {
	s.t.Helper()
	s.auth.Call("PATCH /api/auth/users/"+who.User.ID, admin.Token, body).Want(200, nil)
}
