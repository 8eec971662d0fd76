package authd_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
	"github.com/battery-passport/suite/pkg/waittest"
)

func requireTOTP(value string) func(*authd.Config) {
	return func(c *authd.Config) { c.RequireTOTP = value }
}

// TestRequiredTOTP: REQUIRE_TOTP selects people by role and manager. Without TOTP, these people neither log in with a password
// nor refresh an earlier session. API clients work as before.
func TestRequiredTOTP(t *testing.T) {
	db := connect.Config{Dir: t.TempDir()}
	s := start(t, db)
	people := newCompany(s)
	client := s.newClient(people.admin, "operator", "nordlicht")
	for value, required := range map[string]string{"": "", "admins": "ada", "managers": "ada max mia", "all": "ada amt eve max mia ole ute"} {
		s.stop()
		s = start(t, db, requireTOTP(value))
		var got []string
		for name, g := range people.people {
			a := s.login(name+"@x.example", "correct horse")
			refresh := s.refresh(g.RefreshToken)
			switch {
			case a.Status == 202 && refresh.Status == 401 && strings.Contains(refresh.Text, "log in again"):
				var out pending
				if a.Want(202, &out); !out.EnrolmentRequired {
					t.Errorf("login of %s = %s, want enrolmentRequired", name, a.Text)
				}
				got = append(got, name)
			case a.Status == 200 && refresh.Status == 200:
				refresh.Want(200, &g)
				people.people[name] = g
				if want := fmt.Sprintf("enabled false required %v codes 0", value == "all"); value != "all" && s.status(g.Token) != want {
					t.Errorf("status of %s = %s, want %s", name, s.status(g.Token), want)
				}
			default:
				t.Errorf("REQUIRE_TOTP=%s: %s: login %d, refresh %d", value, name, a.Status, refresh.Status)
			}
		}
		slices.Sort(got)
		if strings.Join(got, " ") != required {
			t.Errorf("REQUIRE_TOTP=%s: %q must have TOTP, want %s", value, got, required)
		}
		s.clientToken(client.ID, client.Secret)
	}
}

// enrolAtLogin sets TOTP up during a login.
func (p *phone) enrolAtLogin(challenge string) {
	p.T.Helper()
	var e enrolment
	p.Call("POST /api/auth/login/totp/enrolment", "", map[string]string{"challenge": challenge}).Want(200, &e)
	p.secret = e.Secret
	var out struct {
		grant
		RecoveryCodes []string
	}
	p.complete(challenge, p.code(0)).Want(200, &out)
	p.grant, p.recovery = out.grant, out.RecoveryCodes
	if len(p.recovery) != 10 {
		p.T.Errorf("%d recovery codes, want 10", len(p.recovery))
	}
	p.clock.advance(time.Minute)
}

// TestEnrolmentAtLogin: everybody must have TOTP. It is set up during the first login, whatever begins it, and cannot be
// disabled, but moved to another phone.
func TestEnrolmentAtLogin(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		var c clock
		s := start(t, db, requireTOTP("all"), c.set)
		var out pending
		a := s.Call("POST /api/auth/register", "", `{"email":"root@x.example","password":"correct horse","role":"admin"}`)
		a.Want(202, &out)
		if !out.MFARequired || !out.EnrolmentRequired || strings.Contains(a.Text, "oken") || a.Header.Get("Set-Cookie") != "" {
			t.Errorf("registration = %s", a.Text)
		}
		s.complete(out.Challenge, "123456").WantProblem(409) // no secret yet
		root := &phone{service: s, clock: &c}
		s.Call("POST /api/auth/login/totp/enrolment", "", map[string]string{"challenge": out.Challenge}).Want(200, nil)
		s.complete(out.Challenge, "12345").WantProblem(422, "/code mismatch")
		root.enrolAtLogin(out.Challenge)
		s.complete(out.Challenge, root.code(0)).WantProblem(401, "/challenge refused")
		if root.User.Role != "admin" || s.status(root.Token) != "enabled true required true codes 10" {
			t.Errorf("account %+v, %s", root.User, s.status(root.Token))
		}
		s.Call("POST /api/auth/totp/deletion", root.Token, `{"password":"correct horse"}`).WantProblem(409)
		if again := s.challenge("root@x.example"); again.EnrolmentRequired {
			t.Errorf("second login = %+v, want no enrolment", again)
		}
		root.logIn(root.recovery[0]).Want(200, &root.grant)
		root.setUp() // another phone
		root.logIn(root.code(0)).Want(200, &root.grant)

		// After a reset, a person sets TOTP up again. With TOTP, the password is not enough for that.
		s.Call("POST /api/auth/register", "", `{"email":"ann@x.example","password":"correct horse"}`).Want(202, &out)
		ann := &phone{service: s, clock: &c}
		ann.enrolAtLogin(out.Challenge)
		s.Call("POST /api/auth/login/totp/enrolment", "", map[string]string{"challenge": s.challenge("ann@x.example").Challenge}).WantProblem(409)
		s.Call("DELETE /api/auth/users/"+ann.User.ID+"/totp", root.Token, nil).Want(204, nil)
		s.refresh(ann.RefreshToken).WantProblem(401)
		challenge := s.challenge("ann@x.example")
		if !challenge.EnrolmentRequired {
			t.Errorf("login after a reset = %+v, want an enrolment", challenge)
		}
		c.advance(4 * time.Minute)
		ann.enrolAtLogin(challenge.Challenge)
	})
}

// TestInvitationsAndResetsNeedACode: neither the link of an invitation nor that of a password reset is a way round TOTP.
func TestInvitationsAndResetsNeedACode(t *testing.T) {
	var c clock
	db := connect.Config{Dir: t.TempDir()}
	m := withMail(t, db, c.set)
	people := newCompany(m.service)
	eve := &phone{service: m.service, clock: &c, grant: people.people["eve"]}
	eve.setUp()

	m.requestReset("eve@x.example")
	_, token := m.link("eve@x.example", 1)
	m.confirmReset(token, "battery staple").Want(204, nil)
	var out pending
	m.login("eve@x.example", "battery staple").Want(202, &out)
	eve.complete(out.Challenge, eve.code(0)).Want(200, &eve.grant)

	people.invite(people.admin, `{"email":"eve@x.example","role":"operator","organisation":"nordlicht"}`)
	_, token = m.link("eve@x.example", 2)
	c.advance(time.Minute)
	out = pending{}
	a := people.accept(token, eve.grant, "")
	if a.Want(202, &out); strings.Contains(a.Text, "oken") || out.EnrolmentRequired {
		t.Errorf("accepted invitation = %s, want only a challenge", a.Text)
	}
	eve.complete(out.Challenge, eve.code(0)).Want(200, &eve.grant)
	if eve.User.Role != "operator" {
		t.Errorf("account %+v, want an operator", eve.User)
	}

	m.stop()
	m = withMail(t, db, requireTOTP("managers"), c.set)
	people.service = m.service
	for _, invited := range []struct {
		email, manager string
		status         int
	}{{"new1@x.example", "false", 200}, {"new2@x.example", "true", 202}} {
		people.invite(people.admin, `{"email":"`+invited.email+`","role":"user","organisation":"nordlicht","manager":`+invited.manager+`}`)
		_, token := m.link(invited.email, 1)
		out = pending{}
		people.accept(token, grant{}, "correct horse").Want(invited.status, &out)
		if out.EnrolmentRequired != (invited.status == 202) {
			t.Errorf("invitation of %s: %+v", invited.email, out)
		}
	}
	manager := &phone{service: m.service, clock: &c}
	manager.enrolAtLogin(out.Challenge)
}

// TestProviderIsResponsibleForTheSecondFactor: where everybody must have TOTP, a session that began at the identity provider is
// refreshed without it, and one that began with a password is not, also of the same account.
func TestProviderIsResponsibleForTheSecondFactor(t *testing.T) {
	idp := startProvider(t)
	db := connect.Config{Dir: t.TempDir()}
	m := withMail(t, db, verify, idp.configure)
	s := &atProvider{m.service, idp}
	bob := ann.with("sub", "bob").with("email", "bob@nlb.example")
	s.register("root@nlb.example", "admin")
	m.registerPending("bob@nlb.example", "correct horse")
	password := s.eventuallyLogin("bob@nlb.example", "correct horse")
	_, token := m.link("bob@nlb.example", 1)
	m.confirmEmail(token, "correct horse").Want(204, nil)
	sessions := map[string]string{
		"provider only": s.want(ann).RefreshToken, "linked, password": password.RefreshToken, "linked, provider": s.want(bob).RefreshToken,
	}
	for _, restart := range []struct {
		name   string
		change func(*authd.Config)
		want   map[string]int
	}{
		{"the provider", idp.configure, map[string]int{"provider only": 200, "linked, password": 401, "linked, provider": 200}},
		{"no provider", func(*authd.Config) {}, map[string]int{"provider only": 401, "linked, password": 401, "linked, provider": 401}},
	} {
		s.stop()
		s.service = start(t, db, requireTOTP("all"), restart.change)
		for name, status := range restart.want {
			var next grant
			var r resttest.Response
			waittest.Until(t, "the keys are loaded", func() bool { r = s.refresh(sessions[name]); return r.Status != 503 })
			if r.Status != status {
				t.Errorf("%s, with %s: refresh = %d, want %d", name, restart.name, r.Status, status)
			} else if status == 200 {
				r.Want(200, &next)
				sessions[name] = next.RefreshToken
			}
		}
	}
}

// TestProviderDoesNotBypassTOTP: an account with TOTP is not linked by its email address. One that is linked may log in at the provider, and
// a registration that was never confirmed loses the TOTP of the stranger.
func TestProviderDoesNotBypassTOTP(t *testing.T) {
	var c clock
	idp := startProvider(t)
	m := withMail(t, connect.Config{Dir: t.TempDir()}, verify, idp.configure, c.set)
	s := &atProvider{m.service, idp}
	root := s.register("root@nlb.example", "admin")
	s.organisation(root, "nordlicht")
	m.registerPending("ann@nlb.example", "correct horse")
	p := &phone{service: m.service, clock: &c, grant: s.eventuallyLogin("ann@nlb.example", "correct horse")}
	_, token := m.link("ann@nlb.example", 1)
	m.confirmEmail(token, "correct horse").Want(204, nil)
	p.grant = s.refreshed(p.RefreshToken)
	p.setUp()
	wantForbidden(t, s.logIn(ann), "switch TOTP off first")
	p.logIn(p.code(0)).Want(200, &p.grant)
	s.Call("POST /api/auth/totp/deletion", p.Token, `{"password":"correct horse"}`).Want(204, nil)
	p.grant = s.refreshed(p.RefreshToken)
	s.want(ann)
	p.setUp()
	in := s.want(ann) // linked

	// An invitation is accepted with this session; with the password alone it is not.
	s.login("root@nlb.example", "correct horse").Want(200, &root)
	s.Call("POST "+invitations, root.Token, `{"email":"ann@nlb.example","role":"operator","organisation":"nordlicht"}`).Want(201, nil)
	_, token = m.link("ann@nlb.example", 2)
	if r := s.sendInvitation(token, "correct horse"); r.Status != 409 || !strings.Contains(r.Text, "access token") {
		t.Errorf("page with the password only = %d: %s", r.Status, r.Text)
	}
	var joined grant
	s.Call("POST "+invitations+"/accept", in.Token, map[string]string{"token": token}).Want(200, &joined)
	if joined.User.Role != "operator" || joined.User.Organisation != "nordlicht" {
		t.Errorf("account = %+v", joined.User)
	}
	bob := ann.with("sub", "bob").with("email", "bob@nlb.example")
	s.want(bob)
	s.Call("POST "+invitations, root.Token, `{"email":"bob@nlb.example","role":"user","organisation":"nordlicht"}`).Want(201, nil)
	_, token = m.link("bob@nlb.example", 1)
	if r := s.sendInvitation(token, "correct horse"); r.Status != 409 || !strings.Contains(r.Text, "access token") {
		t.Errorf("page of an account without a password = %d: %s", r.Status, r.Text)
	}

	m.registerPending("eve@nlb.example", "correct horse")
	stranger := &phone{service: m.service, clock: &c, grant: s.eventuallyLogin("eve@nlb.example", "correct horse")}
	stranger.setUp()
	eve := s.want(ann.with("sub", "eve").with("email", "eve@nlb.example"))
	if got := s.status(eve.Token); eve.User.ID != stranger.User.ID || !strings.HasPrefix(got, "enabled false") {
		t.Errorf("account %+v after the takeover: %s", eve.User, got)
	}
	s.refresh(stranger.RefreshToken).WantProblem(401)
}

// TestUnconfirmedAddressLosesTOTP: a stranger registers an address first, and sets TOTP up. The owner registers it again and
// logs in with the password only.
func TestUnconfirmedAddressLosesTOTP(t *testing.T) {
	var c clock
	m := withMail(t, connect.Config{Dir: t.TempDir()}, verify, c.set)
	m.register("root@x.example", "admin")
	m.registerPending("ann@x.example", "correct horse").Want(202, nil)
	m.link("ann@x.example", 1)
	stranger := &phone{service: m.service, clock: &c, grant: m.eventuallyLogin("ann@x.example", "correct horse")}
	stranger.setUp()
	m.registerPending("ann@x.example", "battery staple").Want(202, nil)
	m.eventuallyLogin("ann@x.example", "battery staple")
	m.refresh(stranger.RefreshToken).WantProblem(401)
}
