package authd_test

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// TestInvalidChallenges: a challenge is of use for one account, as it was at the login, for five minutes, at every instance.
func TestInvalidChallenges(t *testing.T) {
	var c clock
	db := connect.Config{Dir: t.TempDir()}
	s := start(t, db, c.set)
	root := s.register("root@x.example", "admin")
	ann, bob := s.withTOTP(&c, "ann@x.example"), s.withTOTP(&c, "bob@x.example")
	refused := func(name, challenge, code string) {
		t.Helper()
		for route, body := range map[string]map[string]string{
			"POST /api/auth/login/totp": {"challenge": challenge, "code": code}, "POST /api/auth/login/totp/enrolment": {"challenge": challenge},
		} {
			if a := s.Call(route, "", body); a.Status != 401 || !strings.Contains(a.Text, `"/challenge"`) {
				t.Errorf("%s: %s: %d %s, want 401", name, route, a.Status, a.Text)
			}
		}
	}
	valid := s.challenge("ann@x.example").Challenge
	raw, err := base64.RawURLEncoding.DecodeString(valid)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw { // every byte counts
		forged := append([]byte{}, raw...)
		forged[i]++
		refused(fmt.Sprint("forged at ", i), base64.RawURLEncoding.EncodeToString(forged), ann.code(0))
	}
	for _, text := range []string{"", "x", valid[1:], valid + "A", valid + "\n", ann.DeviceToken, ann.RefreshToken, strings.Repeat("A", 96)} {
		refused(fmt.Sprintf("%q", text), text, ann.code(0))
	}
	s.complete(s.challenge("bob@x.example").Challenge, ann.code(0)).WantProblem(422, "/code mismatch") // swapped
	s.Call("POST /api/auth/login/totp/enrolment", "", map[string]string{"challenge": valid}).WantProblem(409)

	s.stop()
	s = start(t, db, c.set)
	c.advance(299*time.Second - 2*time.Second)
	ann.service, bob.service = s, s
	s.complete(valid, ann.code(0)).Want(200, nil) // after a restart
	refused("used", valid, ann.code(30*time.Second))

	for name, end := range map[string]func(){
		"expired": func() { c.advance(301 * time.Second) },
		"after a password change": func() {
			s.Call("PUT /api/auth/password", bob.Token, `{"currentPassword":"correct horse","newPassword":"battery staple"}`).Want(204, nil)
			bob.grant = s.refreshed(bob.RefreshToken)
			s.Call("PUT /api/auth/password", bob.Token, `{"currentPassword":"battery staple","newPassword":"correct horse"}`).Want(204, nil)
		},
		"of a disabled account": func() {
			s.login("root@x.example", "correct horse").Want(200, &root)
			for _, disabled := range []string{"true", "false"} {
				s.Call("PATCH /api/auth/users/"+bob.User.ID, root.Token, `{"disabled":`+disabled+`}`).Want(200, nil)
			}
		},
		"after a logout everywhere": func() {
			c.advance(time.Minute)
			var g grant
			bob.logIn(bob.code(0)).Want(200, &g)
			s.logout(fmt.Sprintf(`{"refreshToken":%q,"everywhere":true}`, g.RefreshToken)).Want(204, nil)
		},
	} {
		c.advance(time.Minute)
		bob.logIn(bob.code(0)).Want(200, &bob.grant)
		challenge := s.challenge("bob@x.example").Challenge
		end()
		refused(name, challenge, bob.code(30*time.Second))
	}
}

// TestWrongCodesAreThrottled: after too many wrong codes, with the right password, a device that the account was logged in
// on can log in; all others wait. Somebody without the password changes nothing.
func TestWrongCodesAreThrottled(t *testing.T) {
	var c clock
	c.advance(time.Until(time.Now().Truncate(time.Hour).Add(time.Hour))) // to the beginning of an hour
	s := start(t, connect.Config{Dir: t.TempDir()}, failures(3), c.set)
	root, p := s.register("root@x.example", "admin"), s.withTOTP(&c, "ann@x.example")
	for range 3 {
		s.login("ann@x.example", "wrong horse").WantProblem(401)
		s.complete("no challenge", "123456").WantProblem(401, "/challenge refused")
	}
	c.advance(time.Minute)
	for range 3 {
		p.logIn("wrong").WantProblem(422, "/code mismatch")
	}
	a := p.logIn(p.code(0))
	a.WantProblem(429)
	if wait, err := strconv.Atoi(a.Header.Get("Retry-After")); err != nil || wait < 800 || wait > 900 {
		t.Errorf("Retry-After = %q, want about 15 minutes", a.Header.Get("Retry-After"))
	}
	p.logIn(p.recovery[0]).WantProblem(429)
	known := func(code string) int {
		var out pending
		s.loginFrom("", "ann@x.example", "correct horse", p.DeviceToken).Want(202, &out)
		return s.complete(out.Challenge, code).Status
	}
	if got := known(p.code(0)); got != 200 {
		t.Errorf("login on a known device = %d", got)
	}
	for range 3 {
		known("wrong")
	}
	if got := known(p.code(30 * time.Second)); got != 429 {
		t.Errorf("login on a known device after three failures on it = %d, want 429", got)
	}
	want := []string{" loginThrottled 3", "ann codeFailed 6", "ann loggedIn 1", "ann loginFailed 3"}
	if diff := cmp.Diff(want, s.counts(root, "", map[string]string{p.User.ID: "ann", root.User.ID: "root"})); diff != "" {
		t.Errorf("audit (-want +got)\n%s", diff)
	}
	if part := "security_event=codeFailed account=" + p.User.ID; !strings.Contains(s.log.String(), part) {
		t.Errorf("the log does not contain %s", part)
	}
	c.advance(15 * time.Minute)
	p.logIn(p.code(0)).Want(200, nil)
}

// TestTOTPIsResetByOthers: an admin, a manager of the organisation or the command promote helps a person without phone and
// recovery codes. Nobody else can, and nobody without the password for the own account.
func TestTOTPIsResetByOthers(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		var c clock
		s := start(t, db, c.set)
		people := newCompany(s)
		reset := func(name string) string { return people.route("DELETE", name) + "/totp" }
		s.Call(reset("ole"), people.admin.Token, nil).WantProblem(409) // TOTP is off
		for _, name := range []string{"ole", "amt", "mia", "ada"} {
			p := &phone{service: s, clock: &c, grant: people.people[name]}
			p.setUp()
			people.people[name] = p.grant
			s.challenge(name + "@x.example")
		}
		people.admin = s.refreshed(people.admin.RefreshToken)
		for _, name := range []string{"ole", "max", "eve", "ute", "amt"} {
			by := s.refreshed(people.people[name].RefreshToken)
			people.people[name] = by
			want := map[string]int{"max": 404}[name] // a manager of another organisation
			if want == 0 {
				want = 403
			}
			if a := s.Call(reset("ole"), by.Token, nil); a.Status != want {
				t.Errorf("reset by %s: %d %s, want %d", name, a.Status, a.Text, want)
			}
		}
		mia := s.refreshed(people.people["mia"].RefreshToken)
		s.Call(reset("amt"), mia.Token, nil).WantProblem(404) // an authority
		s.Call(reset("mia"), mia.Token, nil).WantProblem(409)
		s.Call("DELETE /api/auth/users/none/totp", mia.Token, nil).WantProblem(404)
		s.Call(reset("ole"), mia.Token, nil).Want(204, nil)
		s.refresh(people.people["ole"].RefreshToken).WantProblem(401)
		s.login("ole@x.example", "correct horse").Want(200, nil)
		s.Call(reset("mia"), people.admin.Token, nil).Want(204, nil)
		s.login("mia@x.example", "correct horse").Want(200, nil)
		got := s.entries(people.admin, "&action=totpReset", map[string]string{people.people["ole"].User.ID: "ole", people.people["mia"].User.ID: "mia", people.admin.User.ID: "root"})
		if diff := cmp.Diff([]string{"mia 5 totpReset by root from 127.0.0.1", "ole 5 totpReset by mia from 127.0.0.1"}, got); diff != "" {
			t.Errorf("audit (-want +got)\n%s", diff)
		}

		// An erased account keeps nothing of it.
		s.Call(people.route("DELETE", "amt"), people.admin.Token, nil).Want(204, nil)
		row, err := store.Open(openStore(t, db), account.Schema()).Get(t.Context(), people.people["amt"].User.ID)
		if err != nil || row.Doc.HasTOTP() || !reflect.ValueOf(row.Doc.Factor).IsZero() {
			t.Errorf("stored account after its erasure: %+v, %v", row.Doc, err)
		}

		// The operator of the service takes the account of an admin over.
		if output, ok := promote(t, db, "ada@x.example", "operator's own"); !ok {
			t.Fatalf("promote: %s", output)
		}
		if g := s.eventuallyLogin("ada@x.example", "operator's own"); s.status(g.Token) != "enabled false required false codes 0" {
			t.Errorf("after the promotion: %s", s.status(g.Token))
		}
	})
}

// TestWrongCodesHaveALimit: also without a limit of wrong passwords, nobody can try all codes.
func TestWrongCodesHaveALimit(t *testing.T) {
	var c clock
	p := start(t, connect.Config{Dir: t.TempDir()}, failures(0), c.set).withTOTP(&c, "ann@x.example")
	for range 10 {
		p.logIn("wrong").WantProblem(422, "/code mismatch")
	}
	p.logIn(p.code(0)).WantProblem(429)
}
