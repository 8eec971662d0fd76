package authd_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
	"github.com/battery-passport/suite/pkg/waittest"
)

// attack uses up all limits of the address of the tests: its attempts, those of the devices
// of accounts that the attacker registers, and its requests.
func (s *service) attack(victim, attacker string) {
	s.T.Helper()
	for range 3 {
		s.login(victim, "wrong horse").WantProblem(401)
	}
	for i := range 12 {
		own := s.register(fmt.Sprintf("%s%d@x.example", attacker, i), "")
		for range 3 {
			s.loginFrom("", own.User.Email, "wrong horse", own.DeviceToken)
		}
	}
	for range 400 {
		s.login(victim, "correct horse").WantProblem(429)
	}
}

// TestHolderBehindAttackersAddress: the holder of an account can log in on a device with a
// token, at each instance and after a restart, although an attacker has used up everything
// that their common address has.
func TestHolderBehindAttackersAddress(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		run := func() *service {
			s := start(t, db, failures(3), requests(300))
			waittest.Until(t, "the service is ready", func() bool { return s.Do("GET /readyz", "").Status == 200 }) // a registration would count
			return s
		}
		s := run()
		ann := s.register("ann@x.example", "")
		cookie, _, _ := strings.Cut(s.login("ann@x.example", "correct horse").Want(200, nil).Header.Get("Set-Cookie"), ";")
		check := func(s *service, attacker string) {
			t.Helper()
			s.attack("ann@x.example", attacker)
			s.loginFrom("", "ann@x.example", "correct horse", ann.DeviceToken).Want(200, nil)
			s.Call("POST /api/auth/login", "", `{"email":"ann@x.example","password":"correct horse"}`, "Cookie", cookie).Want(200, nil)
			s.login("ann@x.example", "correct horse").WantProblem(429) // without a token, holder and attacker look the same
		}
		check(s, "eve")
		other := run()
		check(other, "mallory")
		s.stop()
		other.stop()
		check(run(), "trudy")
	})
}

// TestDeviceTokens: from an address without attempts, only a valid device token of the
// account lets the holder in. All others are ignored, in whatever way they are wrong.
func TestDeviceTokens(t *testing.T) {
	var c clock
	s := start(t, connect.Config{Dir: t.TempDir()}, failures(3), c.set)
	admin := s.register("root@x.example", "admin")
	password := "correct horse"
	ann, bob := s.register("ann@x.example", ""), s.register("bob@x.example", "")
	token := ann.DeviceToken
	login := func() grant {
		t.Helper()
		c.advance(time.Hour) // the address has attempts again
		s.login("ann@x.example", password).Want(200, &ann)
		return ann
	}
	const valid, ignored = 200, 429
	check := func(name string, want int, tokens ...string) {
		t.Helper()
		c.advance(time.Hour)
		for range 3 {
			s.login("nobody@x.example", "wrong horse").WantProblem(401)
		}
		for _, token := range tokens {
			if a := s.loginFrom("", "ann@x.example", password, token); a.Status != want {
				t.Errorf("%s: login with %q = %d, want %d", name, token, a.Status, want)
			}
			for _, cookie := range []string{"device_token=" + token, "__Secure-device_token=" + token} {
				if a := s.Call("POST /api/auth/login", "", map[string]string{"email": "ann@x.example", "password": password}, "Cookie", cookie); a.Status != want {
					t.Errorf("%s: login with the cookie %q = %d, want %d", name, cookie, a.Status, want)
				}
			}
		}
	}
	check("valid", valid, token, s.refreshed(ann.RefreshToken).DeviceToken)
	check("of another account", ignored, bob.DeviceToken, admin.DeviceToken)
	forged := []string{"", "x", token[:len(token)-1], token + "A", token + "=", ann.RefreshToken, ann.Token[:150], strings.Repeat("A", len(token))}
	for i := range len(token) {
		changed := []byte(token)
		if changed[i]++; changed[i] == token[i]^1 {
			changed[i]++
		}
		forged = append(forged, string(changed))
	}
	check("forged", ignored, forged...)

	c.advance(89 * 24 * time.Hour)
	check("after 89 days", valid, token)
	c.advance(2 * 24 * time.Hour)
	check("after 91 days", ignored, token)

	// A password change ends all devices; the session that made it gets a new one.
	before, session := login().DeviceToken, login()
	s.Call("PUT /api/auth/password", session.Token, `{"currentPassword":"correct horse","newPassword":"battery staple"}`).Want(204, nil)
	password = "battery staple"
	check("before a password change", ignored, before, session.DeviceToken)
	check("of the session after its password change", valid, s.refreshed(session.RefreshToken).DeviceToken)

	session = login()
	s.logout(fmt.Sprintf(`{"refreshToken":%q}`, session.RefreshToken)).Want(204, nil)
	check("after a logout", valid, session.DeviceToken)
	session = login()
	s.logout(fmt.Sprintf(`{"refreshToken":%q,"everywhere":true}`, session.RefreshToken)).Want(204, nil)
	check("before a logout everywhere", ignored, session.DeviceToken)

	session, path := login(), "PATCH /api/auth/users/"+ann.User.ID
	s.login("root@x.example", "correct horse")
	c.advance(time.Hour)
	s.login("root@x.example", "correct horse").Want(200, &admin)
	s.Call(path, admin.Token, `{"disabled":true}`).Want(200, nil)
	s.Call(path, admin.Token, `{"disabled":false}`).Want(200, nil)
	check("before the account was disabled", ignored, session.DeviceToken)
}

// TestStolenDeviceToken: a thief of a device token has as many attempts as any device, also
// if the thief can refresh the session, and cannot keep out other devices of the holder.
func TestStolenDeviceToken(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()}, failures(3))
	stolen := s.register("ann@x.example", "")
	var laptop grant
	s.login("ann@x.example", "correct horse").Want(200, &laptop)
	for range 3 {
		s.login("nobody@x.example", "wrong horse").WantProblem(401)
	}
	for range 3 {
		s.loginFrom("", "ann@x.example", "wrong horse", stolen.DeviceToken).WantProblem(401)
		stolen = s.refreshed(stolen.RefreshToken) // the same device
	}
	s.loginFrom("", "ann@x.example", "correct horse", stolen.DeviceToken).WantProblem(429)
	s.loginFrom("", "ann@x.example", "correct horse", laptop.DeviceToken).Want(200, nil)
}

// TestDeviceCookie: scripts cannot read the cookie, other sites cannot cause it to be sent,
// and it is sent to the login only, over HTTPS if it was received over HTTPS.
func TestDeviceCookie(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	g := s.register("ann@x.example", "")
	for proto, prefix := range map[string]string{"http": "", "https": "__Secure-"} {
		for name, body := range map[string]string{
			"register": fmt.Sprintf(`{"email":"%s@x.example","password":"correct horse"}`, proto),
			"login":    `{"email":"ann@x.example","password":"correct horse"}`,
			"refresh":  fmt.Sprintf(`{"refreshToken":%q}`, g.RefreshToken),
		} {
			a := s.Call("POST /api/auth/"+name, "", body, "X-Forwarded-Proto", proto)
			var out grant
			a.Want(map[string]int{"register": 201, "login": 200, "refresh": 200}[name], &out)
			cookie, err := http.ParseSetCookie(a.Header.Get("Set-Cookie"))
			if err != nil {
				t.Fatal(err)
			}
			if cookie.Value != out.DeviceToken || cookie.Name != prefix+"device_token" || !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode ||
				cookie.Path != "/api/auth/login" || cookie.Domain != "" || cookie.MaxAge != 90*24*3600 || cookie.Secure != (prefix != "") {
				t.Errorf("cookie of %s over %s: %v", name, proto, cookie)
			}
		}
	}
	if a := s.login("ann@x.example", "wrong horse"); a.Header.Get("Set-Cookie") != "" {
		t.Errorf("a failed login sets the cookie %q", a.Header.Get("Set-Cookie"))
	}
}
