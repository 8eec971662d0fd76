package authd_test

import (
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
	"github.com/battery-passport/suite/pkg/waittest"
)

func verify(cfg *authd.Config) { cfg.EmailVerification = "required" }

func (m *mailbox) registerPending(email, password string) resttest.Response {
	m.T.Helper()
	r := m.Call("POST /api/auth/register", "", map[string]string{"email": email, "password": password})
	r.Want(202, nil)
	return r
}

func (m *mailbox) confirmEmail(token, password string) resttest.Response {
	m.T.Helper()
	return m.Call("POST /api/auth/email-confirmations/confirm", "", map[string]string{"token": token, "password": password})
}

func (m *mailbox) logIn(email, password string) resttest.Response {
	m.T.Helper()
	return m.Call("POST /api/auth/login", "", map[string]string{"email": email, "password": password})
}

// verified returns the emailVerified of the profile.
func (m *mailbox) verified(token string) string {
	m.T.Helper()
	var p struct{ EmailVerified *bool }
	m.Call("GET /api/auth/profile", token, nil).Want(200, &p)
	switch {
	case p.EmailVerified == nil:
		return "absent"
	case *p.EmailVerified:
		return "true"
	}
	return "false"
}

// TestRegistrationIsConfirmedByMail registers an account, which reads until its address is confirmed.
func TestRegistrationIsConfirmedByMail(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		m := withMail(t, db, verify)
		admin := m.register("root@nlb.example", "admin")
		if got := m.verified(admin.Token); got != "absent" {
			t.Errorf("the first admin has emailVerified %s", got)
		}
		m.registerPending("ann@nlb.example", "correct horse")
		ann := m.eventuallyLogin("ann@nlb.example", "correct horse")
		if got := m.verified(ann.Token); got != "false" {
			t.Errorf("emailVerified %s before the confirmation", got)
		}
		m.requestReset("ann@nlb.example") // sends no mail to an address that is not confirmed
		path, token := m.link("ann@nlb.example", 1)
		m.confirmEmail(token, "battery staple").WantProblem(422, "/password mismatch")
		m.confirmEmail(token[:40]+strings.Repeat("A", 24), "correct horse").WantProblem(422, "/token invalid")
		m.confirmReset(token, "battery staple").WantProblem(422, "/token invalid") // the token of another purpose
		form := func(body string, status int, text string) {
			t.Helper()
			r := m.Do("POST "+path, body, "Content-Type", "application/x-www-form-urlencoded", "Origin", m.URL)
			if r.Status != status || !strings.Contains(r.Text, text) {
				t.Errorf("form = %d, want %d with %q: %s", r.Status, status, text, r.Text)
			}
		}
		form("token="+token+"&password=wrong+horse", 422, "The password must be the password of the latest registration")
		form("token="+token+"&password=correct+horse", 200, "Your email address is confirmed")
		form("token="+token+"&password=correct+horse", 422, "This link does not work")
		var next grant
		m.Call("GET /api/auth/profile", ann.Token, nil).Want(401, nil)
		m.Call("POST /api/auth/refresh", "", map[string]string{"refreshToken": ann.RefreshToken}).Want(200, &next)
		if got := m.verified(next.Token); got != "true" {
			t.Errorf("emailVerified %s after the confirmation", got)
		}
		var list struct {
			Items []struct{ Action, From string }
		}
		m.Call("GET /api/auth/audit?account="+next.User.ID, admin.Token, nil).Want(200, &list)
		if len(list.Items) < 2 || list.Items[0].Action != "emailConfirmed" || list.Items[0].From == "" {
			t.Errorf("audit %+v", list.Items)
		}
		m.registerPending("ann@nlb.example", "eve's password") // changes nothing but sends a mail
		waittest.Until(t, "a mail to the holder of the account", func() bool { return len(m.mailsTo("ann@nlb.example")) == 2 })
		if text := m.mailsTo("ann@nlb.example")[1]; !strings.Contains(text, "You already have an account") || linkPattern.MatchString(text) {
			t.Errorf("the second mail: %s", text)
		}
		m.logIn("ann@nlb.example", "correct horse").Want(200, nil)
		m.logIn("ann@nlb.example", "eve's password").WantProblem(401)
	})
}

// TestAddressCanBeRegisteredBeforeItsOwner: somebody registers the address of another person, who registers
// it too. The person gets the account, and cannot confirm that of the stranger by accident.
func TestAddressCanBeRegisteredBeforeItsOwner(t *testing.T) {
	m := withMail(t, connect.Config{Dir: t.TempDir()}, verify)
	m.registerPending("ann@nlb.example", "eve's password")
	eve := m.eventuallyLogin("ann@nlb.example", "eve's password")
	_, token := m.link("ann@nlb.example", 1)
	m.advance(6 * time.Minute)
	m.registerPending("Ann@NLB.example", "correct horse")
	m.eventuallyLogin("ann@nlb.example", "correct horse")
	m.logIn("ann@nlb.example", "eve's password").WantProblem(401)
	m.Call("GET /api/auth/profile", eve.Token, nil).Want(401, nil)
	m.Call("POST /api/auth/refresh", "", map[string]string{"refreshToken": eve.RefreshToken}).WantProblem(401)
	m.confirmEmail(token, "correct horse").WantProblem(422, "/token invalid") // replaced
	_, token = m.link("ann@nlb.example", 2)
	m.confirmEmail(token, "eve's password").WantProblem(422, "/password mismatch")
	m.confirmEmail(token, "correct horse").Want(204, nil)
	if mails := len(m.sink.Mails()); mails != 2 {
		t.Errorf("%d mails, want 2", mails)
	}
}

// TestAdminIsToldThatAddressIsNotConfirmed: an account whose address is not confirmed gets no role and no
// organisation, unless the admin confirms the address.
func TestAdminIsToldThatAddressIsNotConfirmed(t *testing.T) {
	m := withMail(t, connect.Config{Dir: t.TempDir()}, verify)
	admin := m.register("root@nlb.example", "admin")
	m.organisation(admin, "nordlicht")
	m.registerPending("ann@nlb.example", "correct horse")
	ann := m.eventuallyLogin("ann@nlb.example", "correct horse")
	change := func(body string) resttest.Response {
		t.Helper()
		return m.Call("PATCH /api/auth/users/"+ann.User.ID, admin.Token, body)
	}
	change(`{"role":"operator"}`).WantProblem(409, "/emailVerified required")
	change(`{"organisation":"nordlicht"}`).WantProblem(409, "/emailVerified required")
	change(`{"emailVerified":false}`).WantProblem(422, "/emailVerified enum")
	change(`{"disabled":true}`).Want(200, nil)
	change(`{"disabled":false}`).Want(200, nil)
	var got struct{ EmailVerified bool }
	change(`{"role":"operator","organisation":"nordlicht","emailVerified":true}`).Want(200, &got)
	if !got.EmailVerified {
		t.Error("the address is not confirmed by the admin")
	}
	_, token := m.link("ann@nlb.example", 1)
	m.confirmEmail(token, "correct horse").WantProblem(422, "/token invalid")
}

func TestRegistrationByInvitation(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()}, func(cfg *authd.Config) { cfg.Registration = "invitation" })
	for _, body := range []string{`{"email":"ann@nlb.example","password":"correct horse"}`, `{"email":"ann@nlb.example","password":"correct horse","role":"admin"}`} {
		if r := s.Call("POST /api/auth/register", "", body); !strings.Contains(r.Text, "by invitation only") {
			t.Error(r.Text)
		} else {
			r.WantProblem(403)
		}
	}
}

// TestVerificationNeedsMail: EMAIL_VERIFICATION=auto is off without a mail server, and with one for development.
func TestVerificationNeedsMail(t *testing.T) {
	m := withMail(t, connect.Config{Dir: t.TempDir()}, func(cfg *authd.Config) { cfg.EmailVerification = "auto" })
	ann := m.register("ann@nlb.example", "")
	if got := m.verified(ann.Token); got != "absent" {
		t.Errorf("emailVerified %s", got)
	}
	cfg := authd.Config{EmailVerification: "required", Registration: "closed"}
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "SMTP_HOST: is missing") || !strings.Contains(err.Error(), "REGISTRATION: must be open or invitation") {
		t.Errorf("Validate = %v", err)
	}
}
