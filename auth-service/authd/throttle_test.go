package authd_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/waittest"
)

// failures limits the wrong passwords. The clock stands still, so that no more become allowed.
func failures(n int) func(*authd.Config) {
	return func(c *authd.Config) {
		c.LoginFailures = n
		stopClock(c)
	}
}

// requests limits the requests of a minute. The clock stands still too.
func requests(n int) func(*authd.Config) {
	return func(c *authd.Config) {
		c.RateLimit = n
		stopClock(c)
	}
}

func stopClock(c *authd.Config) {
	now := time.Now()
	c.Now = func() time.Time { return now }
}

// behindProxy makes the service trust X-Forwarded-For of the test.
func behindProxy(c *authd.Config) {
	c.HTTP.TrustedProxies = rest.Networks{netip.MustParsePrefix("127.0.0.0/8")}
}

// loginFrom logs in from a client address, with a device token unless it is empty.
func (s *service) loginFrom(client, email, password, device string) resttest.Response {
	s.T.Helper()
	body := map[string]string{"email": email, "password": password}
	if device != "" {
		body["deviceToken"] = device
	}
	return s.Call("POST /api/auth/login", "", body, "X-Forwarded-For", client)
}

// TestGuessingIsThrottled: after too many failures from a network, the right password is
// refused too, like any other of any account.
func TestGuessingIsThrottled(t *testing.T) {
	var c clock
	s := start(t, connect.Config{Dir: t.TempDir()}, failures(3), c.set)
	s.register("ann@x.example", "")
	for _, email := range []string{"ann@x.example", "nobody@x.example", "else@x.example"} { // one address, many accounts
		s.login(email, "wrong horse").WantProblem(401)
	}
	for _, email := range []string{"ann@x.example", "nobody@x.example", "another@x.example"} {
		a := s.login(email, "correct horse")
		a.WantProblem(429)
		if wait, err := strconv.Atoi(a.Header.Get("Retry-After")); err != nil || wait < 1 || wait > 15 {
			t.Errorf("Retry-After = %q, want 1 to 15", a.Header.Get("Retry-After"))
		}
	}
	c.advance(15 * time.Second)
	s.login("ann@x.example", "correct horse").Want(200, nil)
}

// TestPasswordChangeIsThrottled: the current password cannot be guessed with a stolen
// access token, the audit counts the attempts, and others behind the same address do not keep
// the holder from changing it.
func TestPasswordChangeIsThrottled(t *testing.T) {
	var c clock
	c.advance(time.Until(time.Now().Truncate(time.Hour).Add(time.Hour))) // to the beginning of an hour
	s := start(t, connect.Config{Dir: t.TempDir()}, failures(3), c.set)
	admin, ann, bob := s.register("root@x.example", "admin"), s.register("ann@x.example", ""), s.register("bob@x.example", "")
	change := func(g grant, current string) resttest.Response {
		return s.Call("PUT /api/auth/password", g.Token, map[string]string{"currentPassword": current, "newPassword": "battery staple"})
	}
	for range 6 { // three of the session, three of the network
		change(ann, "wrong horse").WantProblem(422, "/currentPassword mismatch")
	}
	change(ann, "correct horse").WantProblem(429)
	s.Call("GET /api/auth/profile", ann.Token, nil).Want(200, nil) // the session continues
	s.refreshed(ann.RefreshToken)
	want := []string{" loginThrottled 1", "ann loginFailed 6"}
	if diff := cmp.Diff(want, s.counts(admin, "", map[string]string{ann.User.ID: "ann"})); diff != "" {
		t.Errorf("audit (-want +got)\n%s", diff)
	}
	if part := "security_event=loginFailed account=" + ann.User.ID; !strings.Contains(s.log.String(), part) {
		t.Errorf("the log does not contain %s", part)
	}
	change(bob, "correct horse").Want(204, nil)
}

// TestManyAddressesAgainstOneAccount: together they get no more attempts than one, and
// the holder can log in.
func TestManyAddressesAgainstOneAccount(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()}, failures(3), behindProxy)
	ann := s.register("ann@x.example", "")
	for i := range 3 {
		s.loginFrom(fmt.Sprint("198.51.100.", i), "ann@x.example", "wrong horse", "").WantProblem(401)
	}
	for i := range 20 {
		address := fmt.Sprint("203.0.113.", i)
		s.loginFrom(address, "ann@x.example", "wrong horse", "").WantProblem(401)   // its one attempt of this hour
		s.loginFrom(address, "ann@x.example", "correct horse", "").WantProblem(401) // not allowed: the right password is not found out
	}
	s.loginFrom("203.0.113.1", "ann@x.example", "correct horse", ann.DeviceToken).Want(200, nil) // a known device
	s.loginFrom("192.0.2.1", "ann@x.example", "correct horse", "").Want(200, nil)                // a new device
}

// TestIPv6NetworksAreThrottled: an attacker with a /48 has a few attempts, not one for each
// address, /64 or /56 of it.
func TestIPv6NetworksAreThrottled(t *testing.T) {
	for prefix, c := range map[string]struct {
		format   string
		attempts int
	}{
		"/64": {"2001:db8:1:1::%x", 3}, "/56": {"2001:db8:2:%x::1", 6}, "/48": {"2001:db8:3:%x00::1", 12},
	} {
		t.Run(prefix, func(t *testing.T) {
			s := start(t, connect.Config{Dir: t.TempDir()}, failures(3), behindProxy)
			for i := range c.attempts {
				s.loginFrom(fmt.Sprintf(c.format, i), fmt.Sprintf("u%d@x.example", i), "wrong horse", "").WantProblem(401)
			}
			s.loginFrom(fmt.Sprintf(c.format, c.attempts), "ann@x.example", "wrong horse", "").WantProblem(429)
			s.loginFrom("2001:db8:4::1", "ann@x.example", "wrong horse", "").WantProblem(401)
		})
	}
}

// TestResponsesDoNotRevealAccounts: one client tries a password several times at an account,
// at an address without account, and at both while others attack them. Status, body, headers
// and Retry-After of all responses are the same.
func TestResponsesDoNotRevealAccounts(t *testing.T) {
	at := time.Now()
	s := start(t, connect.Config{Dir: t.TempDir()}, failures(3), behindProxy, func(cfg *authd.Config) {
		cfg.Now = func() time.Time { return at } // so that Retry-After is comparable
	})
	for _, email := range []string{"ann@x.example", "attacked@x.example"} {
		s.register(email, "")
	}
	for i := range 3 {
		for _, email := range []string{"attacked@x.example", "attacked-unknown@x.example"} {
			s.loginFrom(fmt.Sprint("198.51.100.", i), email, "wrong horse", "").WantProblem(401)
		}
	}
	var first []string
	for n, email := range []string{"ann@x.example", "unknown@x.example", "attacked@x.example", "attacked-unknown@x.example"} {
		var got []string
		for range 5 {
			a := s.loginFrom(fmt.Sprint("203.0.113.", n), email, "wrong horse", "")
			a.Header.Del("X-Request-Id")
			a.Header.Del("Date")
			got = append(got, fmt.Sprint(a.Status, withoutID(a.Text), a.Header))
		}
		if n == 0 {
			first = got
		}
		if diff := cmp.Diff(first, got); diff != "" {
			t.Errorf("responses to ann@x.example and %s differ\n%s", email, diff)
		}
	}
	if !strings.HasPrefix(first[2], "401") || !strings.HasPrefix(first[3], "429") {
		t.Errorf("responses 3 and 4: %s", first[2:4])
	}
}

// TestThrottledAccountTakesAsLongAsWrongPassword compares the response times of attempts
// that are not allowed, because others attack the account, with those at an address without
// account. They would differ a hundredfold without a hash.
func TestThrottledAccountTakesAsLongAsWrongPassword(t *testing.T) {
	if isRace {
		t.Skip("compares times, which the race detector changes")
	}
	s := start(t, connect.Config{Dir: t.TempDir()}, failures(2), behindProxy, func(c *authd.Config) { c.PasswordCost = 8 })
	s.register("ann@x.example", "")
	measure := func(client, email string) time.Duration {
		begin := time.Now()
		s.loginFrom(client, email, "correct horse battery", "").WantProblem(401)
		return time.Since(begin)
	}
	for i := range 2 {
		measure(fmt.Sprint("198.51.100.", i), "ann@x.example")
	}
	var throttled, unknown []time.Duration
	for i := range 31 { // alternately, so that other load affects both
		client, other := fmt.Sprint("203.0.113.", i), fmt.Sprint("192.0.2.", i)
		measure(client, "ann@x.example") // its one attempt of this hour
		throttled = append(throttled, measure(client, "ann@x.example"))
		unknown = append(unknown, measure(other, fmt.Sprintf("u%d@x.example", i)))
	}
	slices.Sort(throttled)
	slices.Sort(unknown)
	for _, i := range []int{0, len(throttled) / 2} {
		if ratio := float64(throttled[i]) / float64(unknown[i]); ratio < 0.5 || ratio > 2 {
			t.Errorf("attempts that are not allowed took %v, those with an unknown address %v", throttled, unknown)
		}
	}
}

// TestFloodDoesNotEndSessions: an attacker uses up all refresh requests and logouts of an
// address; the holder of a session behind it can still refresh and end it.
func TestFloodDoesNotEndSessions(t *testing.T) {
	db := connect.Config{Dir: t.TempDir()}
	s := start(t, db)
	ann := s.register("ann@x.example", "")
	s.stop()
	s = start(t, db, requests(20))
	waittest.Until(t, "the service is ready", func() bool { return s.Do("GET /readyz", "").Status == 200 })
	for i := range 30 {
		status := map[bool]int{true: 401, false: 429}[i < 20]
		s.refresh("junk").Want(status, nil)
		s.logout(`{"refreshToken":"junk"}`).Want(status, nil)
	}
	s.refresh("junk").WantProblem(429)
	ann = s.refreshed(ann.RefreshToken)
	s.logout(fmt.Sprintf(`{"refreshToken":%q}`, ann.RefreshToken)).Want(204, nil)
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

func TestNewPasswordMustDiffer(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	ann := s.register("ann@x.example", "")
	change := func(current, next string) resttest.Response {
		return s.Call("PUT /api/auth/password", ann.Token, map[string]string{"currentPassword": current, "newPassword": next})
	}
	change("correct horse", "correct horse").WantProblem(422, "/newPassword unchanged")
	change("wrong horse", "wrong horse").WantProblem(422, "/newPassword unchanged")
	s.Call("GET /api/auth/profile", ann.Token, nil).Want(200, nil) // nothing was revoked
	change("correct horse", "Correct horse").Want(204, nil)
}

func TestCommonPasswordsAreRefused(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	for _, password := range []string{"password", "12345678", "Password1", "QWERTYUIOP", "iloveyou", "1q2w3e4r5t"} {
		s.Call("POST /api/auth/register", "", map[string]string{"email": "ann@x.example", "password": password}).WantProblem(422, "/password common")
	}
	ann := s.register("ann@x.example", "")
	s.Call("PUT /api/auth/password", ann.Token, `{"currentPassword":"correct horse","newPassword":"Football1"}`).WantProblem(422, "/newPassword common")
}
