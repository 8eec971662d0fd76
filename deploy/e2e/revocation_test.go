package e2e

import (
	"testing"

	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/waittest"
)

// TestRevokedEverywhere ends sessions in every possible way and checks that all four
// services then refuse the access token.
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
			"logout": func(caller session) {
				s.auth.Call("POST /api/auth/logout", "", map[string]string{"refreshToken": caller.RefreshToken}).Want(204, nil)
			},
			"logout everywhere": func(caller session) {
				var here session
				s.auth.Call("POST /api/auth/login", "", map[string]string{"email": caller.User.Email, "password": password}).Want(200, &here)
				s.auth.Call("POST /api/auth/logout", "", `{"refreshToken":"`+here.RefreshToken+`","everywhere":true}`).Want(204, nil)
			},
			"reused refresh token": func(caller session) {
				refresh := func(token string, status int) (next session) {
					s.auth.Call("POST /api/auth/refresh", "", map[string]string{"refreshToken": token}).Want(status, &next)
					return next
				}
				refresh(refresh(caller.RefreshToken, 200).RefreshToken, 200)
				refresh(caller.RefreshToken, 401)
			},
			"password change": func(caller session) {
				s.auth.Call("PUT /api/auth/password", caller.Token, map[string]string{"currentPassword": password, "newPassword": "battery staple"}).Want(204, nil)
			},
			"role change": func(caller session) { s.changeAccount(admin, caller, `{"role":"user"}`) },
			"move to another organisation": func(caller session) {
				other := slug("elsewhere")
				s.organisation(admin, other)
				s.changeAccount(admin, caller, `{"organisation":"`+other+`"}`)
			},
			"disabled account": func(caller session) { s.changeAccount(admin, caller, `{"disabled":true}`) },
		}
		for name, end := range ends {
			caller := s.newAccount(admin, "operator", slug("nordlicht"))
			other := s.newAccount(admin, "operator", caller.User.Organisation)
			for _, r := range routes {
				r.service.Call(r.route, caller.Token, nil).Want(200, nil)
			}
			end(caller)
			for service, r := range routes {
				waittest.Until(s.t, name+": the "+service+"-service refuses the token", func() bool {
					return r.service.Call(r.route, caller.Token, nil).Status == 401
				})
				r.service.Call(r.route, other.Token, nil).Want(200, nil)
			}
		}
	})
}

func (s *suite) changeAccount(admin, caller session, body string) {
	s.t.Helper()
	s.auth.Call("PATCH /api/auth/users/"+caller.User.ID, admin.Token, body).Want(200, nil)
}
