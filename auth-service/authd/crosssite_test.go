package authd_test

import (
	"io"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/store/connect"
)

// TestOtherSitesCannotSend: a web page of another site can send forms, texts and bodies
// without a type, but not JSON without a preflight. No operation with a body accepts them:
// a page could log in its visitor to the account of an attacker.
func TestOtherSitesCannotSend(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	admin := s.register("root@x.example", "admin")
	s.organisation(admin, "nordlicht")
	credentials := `{"email":"root@x.example","password":"correct horse"}`
	for route, body := range map[string]string{
		"POST /api/auth/register":                 `{"email":"ann@x.example","password":"correct horse"}`,
		"POST /api/auth/login":                    credentials,
		"POST /api/auth/refresh":                  `{"refreshToken":"` + admin.RefreshToken + `"}`,
		"POST /api/auth/logout":                   `{"refreshToken":"` + admin.RefreshToken + `"}`,
		"PUT /api/auth/password":                  `{"currentPassword":"correct horse","newPassword":"battery staple"}`,
		"PATCH /api/auth/users/" + admin.User.ID:  `{"organisation":"nordlicht"}`,
		"POST /api/auth/organisations":            `{"id":"other","name":"Other"}`,
		"PATCH /api/auth/organisations/nordlicht": `{"name":"Other"}`,
	} {
		for _, contentType := range []string{"", "text/plain", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"} {
			headers := []string{"Authorization", "Bearer " + admin.Token}
			if contentType != "" {
				headers = append(headers, "Content-Type", contentType)
			}
			s.Do(route, body, headers...).WantProblem(415, "header:Content-Type enum")
			s.DoReader(route, io.MultiReader(strings.NewReader(body)), headers...).WantProblem(415, "header:Content-Type enum") // without a length
		}
		for _, site := range []string{"cross-site", "same-site"} {
			s.Call(route, admin.Token, body, "Sec-Fetch-Site", site, "Origin", "https://evil.example").WantProblem(403)
		}
	}
	s.Call("GET /api/auth/profile", admin.Token, nil).Want(200, nil) // nothing has changed
	s.Call("POST /api/auth/login", "", credentials).Want(200, nil)
}
