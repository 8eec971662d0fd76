package authd_test

import (
	"fmt"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

func failures(n int) func(*authd.Config) { return func(c *authd.Config) { c.LoginFailures = n } }

// TestGuessingIsThrottled: after too many failures the right password is refused too.
func TestGuessingIsThrottled(t *testing.T) {
	var c clock
	s := start(t, connect.Config{Dir: t.TempDir()}, failures(3), c.set)
	ann := s.register("ann@x.example", "")
	for range 3 {
		s.login("ann@x.example", "wrong horse").WantProblem(401)
		s.login("nobody@x.example", "wrong horse").WantProblem(401)
	}
	for _, email := range []string{"ann@x.example", "nobody@x.example", "else@x.example"} {
		a := s.login(email, "correct horse")
		a.WantProblem(429)
		if wait, err := strconv.Atoi(a.Header.Get("Retry-After")); err != nil || wait < 1 || wait > 15 {
			t.Errorf("Retry-After = %q, want 1 to 15", a.Header.Get("Retry-After"))
		}
	}
	s.Call("PUT /api/auth/password", ann.Token, `{"currentPassword":"wrong horse","newPassword":"battery staple"}`).WantProblem(429)
	s.Call("GET /api/auth/profile", ann.Token, nil).Want(200, nil) // the session continues
	s.refreshed(ann.RefreshToken)
	c.advance(15 * time.Second)
	s.login("ann@x.example", "correct horse").Want(200, nil)
}

// TestKnownNetworkHasOwnAttempts: a network from which an account was logged in to has
// attempts of its own for that account, which failures at other accounts do not use.
func TestKnownNetworkHasOwnAttempts(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db, failures(3))
		s.register("ann@x.example", "")
		s.login("ann@x.example", "correct horse").Want(200, nil)
		for i := range 3 {
			s.login(fmt.Sprintf("u%d@x.example", i), "wrong horse").WantProblem(401)
		}
		s.login("bob@x.example", "wrong horse").WantProblem(429)
		s.stop()
		s = start(t, db, failures(3)) // known networks are stored
		for i := range 3 {
			s.login(fmt.Sprintf("u%d@x.example", i), "wrong horse").WantProblem(401)
		}
		s.login("bob@x.example", "wrong horse").WantProblem(429)
		s.login("ann@x.example", "correct horse").Want(200, nil)
		for range 3 {
			s.login("ann@x.example", "wrong horse").WantProblem(401)
		}
		s.login("ann@x.example", "correct horse").WantProblem(429)
	})
}

// TestKnownNetworkIsIPv6Prefix: all addresses of an IPv6 /64 are one network, because
// the addresses of clients in it change daily.
func TestKnownNetworkIsIPv6Prefix(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()}, failures(3), func(c *authd.Config) {
		c.HTTP.TrustedProxies = rest.Networks{netip.MustParsePrefix("127.0.0.0/8")}
	})
	login := func(from, email, password string) resttest.Response {
		body := map[string]string{"email": email, "password": password}
		return s.Call("POST /api/auth/login", "", body, "X-Forwarded-For", from)
	}
	s.register("ann@x.example", "")
	login("2001:db8:0:1::1", "ann@x.example", "correct horse").Want(200, nil)
	for range 3 {
		login("2001:db8:0:1::2", "bob@x.example", "wrong horse").WantProblem(401)
	}
	login("2001:db8:0:1::3", "bob@x.example", "wrong horse").WantProblem(429)
	login("2001:db8:0:1::4", "ann@x.example", "correct horse").Want(200, nil)
	login("2001:db8:0:2::4", "bob@x.example", "wrong horse").WantProblem(401) // another /64
}

func TestSuccessfulLoginsAreNotThrottled(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()}, failures(2))
	s.register("ann@x.example", "")
	s.register("bob@x.example", "")
	for range 20 {
		s.login("ann@x.example", "correct horse").Want(200, nil)
		s.login("bob@x.example", "correct horse").Want(200, nil)
	}
}

func TestCommonPasswordsAreRefused(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	for _, password := range []string{"password", "12345678", "Password1", "QWERTYUIOP", "iloveyou", "1q2w3e4r5t"} {
		s.Call("POST /api/auth/register", "", map[string]string{"email": "ann@x.example", "password": password}).WantProblem(422, "/password common")
	}
	ann := s.register("ann@x.example", "")
	s.Call("PUT /api/auth/password", ann.Token, `{"currentPassword":"correct horse","newPassword":"Football1"}`).WantProblem(422, "/newPassword common")
}
