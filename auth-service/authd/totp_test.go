package authd_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// enrolment is the response to an enrolment.
type enrolment struct{ Secret, URI, QR string }

// pending is the response to a login that needs a code.
type pending struct {
	Message, Challenge             string
	MFARequired, EnrolmentRequired bool
	ExpiresIn                      int
}

// codeAt returns the code of an authenticator app: RFC 6238, and RFC 4226, 5.3.
func codeAt(t *testing.T, secret string, at time.Time) string {
	t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha1.New, key)
	binary.Write(mac, binary.BigEndian, at.Unix()/30)
	sum := mac.Sum(nil)
	offset := sum[19] & 15
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[offset:])&0x7fffffff%1_000_000)
}

// phone is a person with an authenticator app.
type phone struct {
	*service
	clock *clock
	grant
	secret   string
	recovery []string
}

// withTOTP registers an account, sets TOTP up and advances the clock, so that the next code is not that of the
// enrolment.
func (s *service) withTOTP(c *clock, email string) *phone {
	s.T.Helper()
	p := &phone{service: s, clock: c, grant: s.register(email, "")}
	p.setUp()
	return p
}

func (p *phone) setUp() {
	p.T.Helper()
	var e enrolment
	p.Call("POST /api/auth/totp", p.Token, `{"password":"correct horse"}`).Want(200, &e)
	p.secret = e.Secret
	var out struct{ RecoveryCodes []string }
	p.Call("POST /api/auth/totp/confirmation", p.Token, map[string]string{"code": p.code(0)}).Want(200, &out)
	p.recovery, p.grant = out.RecoveryCodes, p.refreshed(p.RefreshToken)
	p.clock.advance(time.Minute)
}

// code returns the code that an app shows whose clock is ahead.
func (p *phone) code(ahead time.Duration) string {
	return codeAt(p.T, p.secret, p.clock.now().Add(ahead))
}

// challenge logs in with the password.
func (s *service) challenge(email string) (out pending) {
	s.T.Helper()
	a := s.login(email, "correct horse")
	a.Want(202, &out)
	if a.Header.Get("Set-Cookie") != "" || strings.Contains(a.Text, "oken") || !out.MFARequired || out.Challenge == "" || out.ExpiresIn != 300 || out.Message == "" {
		s.T.Errorf("login with a password: %v %s, want only a challenge", a.Header, a.Text)
	}
	return out
}

func (s *service) complete(challenge, code string) resttest.Response {
	s.T.Helper()
	return s.Call("POST /api/auth/login/totp", "", map[string]string{"challenge": challenge, "code": code})
}

// logIn logs in with password and code.
func (p *phone) logIn(code string) resttest.Response {
	p.T.Helper()
	return p.complete(p.challenge(p.User.Email).Challenge, code)
}

// status returns the response of GET /api/auth/totp, without the time.
func (s *service) status(token string) string {
	s.T.Helper()
	var out struct {
		Enabled, Required bool
		Since             time.Time
		RecoveryCodesLeft int
	}
	s.Call("GET /api/auth/totp", token, nil).Want(200, &out)
	if out.Since.IsZero() == out.Enabled {
		s.T.Errorf("status = %+v, want since if enabled", out)
	}
	return fmt.Sprintf("enabled %v required %v codes %d", out.Enabled, out.Required, out.RecoveryCodesLeft)
}

// TestTOTPFromEnrolmentToDeletion: a person sets an authenticator app up, logs in with it and with a recovery
// code, changes the phone, and disables it. Passwords alone, a known device and other sessions do not help.
func TestTOTPFromEnrolmentToDeletion(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		var c clock
		s := start(t, db, c.set)
		root, ann := s.register("root@x.example", "admin"), s.register("ann@x.example", "")
		p := &phone{service: s, clock: &c, grant: ann}
		var laptop grant
		s.login("ann@x.example", "correct horse").Want(200, &laptop)

		s.Call("POST /api/auth/totp/confirmation", ann.Token, `{"code":"123456"}`).WantProblem(409)
		s.Call("POST /api/auth/totp", ann.Token, `{"password":"wrong horse"}`).WantProblem(422, "/password mismatch")
		var e enrolment
		a := s.Call("POST /api/auth/totp", ann.Token, `{"password":"correct horse"}`)
		a.Want(200, &e)
		if !strings.HasPrefix(e.URI, "otpauth://totp/Battery%20Passport:ann@x.example?") || !strings.HasPrefix(e.QR, "<svg ") || a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("enrolment = %+v, %v", e, a.Header)
		}
		p.secret = e.Secret
		s.login("ann@x.example", "correct horse").Want(200, nil) // nothing has changed yet
		s.Call("POST /api/auth/totp/confirmation", ann.Token, `{"code":"12345"}`).WantProblem(422, "/code mismatch")
		if got := s.status(ann.Token); got != "enabled false required false codes 0" {
			t.Errorf("before the confirmation: %s", got)
		}
		var confirmed struct{ RecoveryCodes []string }
		s.Call("POST /api/auth/totp/confirmation", ann.Token, map[string]string{"code": p.code(0)}).Want(200, &confirmed)
		s.refresh(laptop.RefreshToken).WantProblem(401)
		s.eventuallyRefused(ann.Token)
		p.grant = s.refreshed(ann.RefreshToken)
		if got := s.status(p.Token); got != "enabled true required false codes 10" || len(confirmed.RecoveryCodes) != 10 {
			t.Errorf("after the confirmation: %s, %q", got, confirmed.RecoveryCodes)
		}
		s.Call("POST /api/auth/totp/confirmation", p.Token, map[string]string{"code": p.code(30 * time.Second)}).WantProblem(409)

		c.advance(time.Minute)
		p.logIn("000 0000").WantProblem(422, "/code mismatch")
		out := p.logIn(p.code(0))
		out.Want(200, &p.grant)
		if !strings.Contains(out.Header.Get("Set-Cookie"), "device_token="+p.DeviceToken) || strings.Contains(out.Text, "recoveryCodes") {
			t.Errorf("login with a code: %v %s", out.Header, out.Text)
		}
		s.loginFrom("", "ann@x.example", "correct horse", p.DeviceToken).Want(202, nil) // a known device needs a code too
		s.Call("POST /api/auth/login", "", `{"email":"ann@x.example","password":"correct horse"}`, "Cookie", "device_token="+p.DeviceToken).Want(202, nil)
		s.login("ann@x.example", "wrong horse").WantProblem(401)
		first := confirmed.RecoveryCodes[0]
		p.logIn(strings.ToLower(strings.ReplaceAll(first, "-", " "))).Want(200, nil)
		p.logIn(first).WantProblem(422, "/code mismatch")
		if got := s.status(p.Token); got != "enabled true required false codes 9" {
			t.Errorf("after a recovery code: %s", got)
		}
		s.Call("POST /api/auth/totp/recovery-codes", p.Token, `{"password":"wrong horse"}`).WantProblem(422, "/password mismatch")
		var replaced struct{ RecoveryCodes []string }
		s.Call("POST /api/auth/totp/recovery-codes", p.Token, `{"password":"correct horse"}`).Want(200, &replaced)
		p.logIn(confirmed.RecoveryCodes[1]).WantProblem(422, "/code mismatch")
		p.logIn(replaced.RecoveryCodes[1]).Want(200, nil)

		// Another phone: the old one is valid until the new one is confirmed.
		old := *p
		s.Call("POST /api/auth/totp", p.Token, `{"password":"correct horse"}`).Want(200, &e)
		c.advance(time.Minute)
		old.logIn(old.code(0)).Want(200, nil)
		c.advance(15 * time.Minute)
		p.secret = e.Secret
		p.grant = s.refreshed(p.RefreshToken)
		s.Call("POST /api/auth/totp/confirmation", p.Token, map[string]string{"code": p.code(0)}).WantProblem(409) // too late
		p.setUp()
		old.logIn(old.code(0)).WantProblem(422, "/code mismatch")
		p.logIn(p.code(0)).Want(200, nil)

		text := s.Call("GET /api/auth/profile/export", p.Token, nil).Text
		if !strings.Contains(text, `"totpSince"`) || strings.Contains(text, p.secret) || strings.Contains(text, `"factor"`) {
			t.Errorf("export = %s, want the time since which TOTP is on, and no secret", text)
		}
		s.Call("POST /api/auth/totp/deletion", p.Token, `{"password":"wrong horse"}`).WantProblem(422, "/password mismatch")
		s.Call("POST /api/auth/totp/deletion", p.Token, `{"password":"correct horse"}`).Want(204, nil)
		p.grant = s.refreshed(p.RefreshToken)
		for _, route := range []string{"POST /api/auth/totp/deletion", "POST /api/auth/totp/recovery-codes"} {
			s.Call(route, p.Token, `{"password":"correct horse"}`).WantProblem(409)
		}
		s.login("ann@x.example", "correct horse").Want(200, nil)

		names := map[string]string{ann.User.ID: "ann"}
		s.login("root@x.example", "correct horse").Want(200, &root)
		var actions []string
		for _, entry := range s.entries(root, "&account="+ann.User.ID, names) {
			actions = append(actions, strings.Fields(entry)[2])
		}
		if diff := cmp.Diff(strings.Fields("totpDisabled totpEnabled totpEnrolled totpEnrolled recoveryCodeUsed recoveryCodesReplaced recoveryCodeUsed totpEnabled totpEnrolled registered"), actions); diff != "" {
			t.Errorf("audit (-want +got)\n%s", diff)
		}
		wantNoSecrets(t, s.log.String(), append(replaced.RecoveryCodes, e.Secret, p.secret, first, "otpauth"))
	})
}

func wantNoSecrets(t *testing.T, text string, secrets []string) {
	t.Helper()
	for _, secret := range secrets {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in %s", secret, text)
		}
	}
}

// TestCodeOfWrongClock: a clock that is wrong by up to 30 seconds works. Up to five minutes, the error names the clock, and a
// code that was early is not accepted at its time either: the error would help somebody who guesses.
func TestCodeOfWrongClock(t *testing.T) {
	var c clock
	s := start(t, connect.Config{Dir: t.TempDir()}, c.set)
	p := s.withTOTP(&c, "ann@x.example")
	middle := func() { // of a step, so that slow requests are in it
		now := c.now()
		c.advance(now.Truncate(30 * time.Second).Add(45 * time.Second).Sub(now))
	}
	for ahead, want := range map[time.Duration]string{
		-30 * time.Second: "", 0: "", 30 * time.Second: "",
		-2 * time.Minute: "slow", 2 * time.Minute: "fast", -5 * time.Minute: "slow", 5 * time.Minute: "fast",
		-6 * time.Minute: "wrong", 6 * time.Minute: "wrong",
	} {
		c.advance(10 * time.Minute)
		middle()
		a := p.logIn(p.code(ahead))
		if want == "" {
			if a.Status != 200 {
				t.Errorf("clock ahead by %v: %d %s, want a login", ahead, a.Status, a.Text)
			}
			continue
		}
		if code := map[bool]string{true: "mismatch", false: "clock"}[want == "wrong"]; a.Status != 422 || !strings.Contains(a.Text, want) || !strings.Contains(a.Text, `"code":"`+code+`"`) {
			t.Errorf("clock ahead by %v: %d %s, want the code %s and the word %s", ahead, a.Status, a.Text, code, want)
		}
	}
	c.advance(10 * time.Minute)
	middle()
	early := p.code(2 * time.Minute)
	p.logIn(early).WantProblem(422, "/code clock")
	c.advance(2 * time.Minute)
	p.logIn(early).WantProblem(422, "/code used")
	p.logIn(p.code(30*time.Second)).Want(200, nil)
}

// TestCodeIsUsedOnce: of concurrent logins with a code, one succeeds, and none with the code or an earlier one later.
func TestCodeIsUsedOnce(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		var c clock
		s := start(t, db, c.set)
		other := start(t, db, c.set) // another instance
		p := s.withTOTP(&c, "ann@x.example")
		earlier := p.code(0)
		for _, code := range []string{p.code(30 * time.Second), p.recovery[3]} {
			var challenges []string
			for range 6 {
				challenges = append(challenges, p.challenge("ann@x.example").Challenge)
			}
			var wg sync.WaitGroup
			statuses := make([]int, len(challenges))
			for i, challenge := range challenges {
				wg.Go(func() { statuses[i] = []*service{s, other}[i%2].complete(challenge, code).Status })
			}
			wg.Wait()
			got := map[int]int{}
			for _, status := range statuses {
				got[status]++
			}
			if got[200] != 1 || got[401]+got[422] != 5 {
				t.Errorf("statuses of concurrent logins with one code: %v, want one 200", got)
			}
			for _, challenge := range challenges {
				s.complete(challenge, p.code(30*time.Second)).WantProblem(401, "/challenge refused")
			}
			p.logIn(code).WantProblem(422, map[bool]string{true: "/code used", false: "/code mismatch"}[len(code) == 6])
			p.logIn(earlier).WantProblem(422, "/code used")
		}
	})
}
