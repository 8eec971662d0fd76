package authd_test

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
)

const invitationPath = "/account/invitation"

// openInvitation opens the page of an invitation.
func (s *service) openInvitation(token string) string {
	s.T.Helper()
	r := s.Do("GET "+invitationPath+"?token="+token, "")
	r.Want(200, nil)
	return r.Text
}

// sendInvitation sends the form of the page.
func (s *service) sendInvitation(token, password string) resttest.Response {
	s.T.Helper()
	return s.Do("POST "+invitationPath, url.Values{"token": {token}, "password": {password}}.Encode(), "Content-Type", formType)
}

// TestInvitationPageOfExistingAccount: the holder of an account accepts an invitation on the page, with
// the password of the account, which stays.
func TestInvitationPageOfExistingAccount(t *testing.T) {
	c, m := companyWithMail(t, connect.Config{Dir: t.TempDir()})
	mia, eve := c.people["mia"], c.people["eve"]
	c.invite(mia, `{"email":"eve@x.example","role":"operator"}`)
	_, token := m.link("eve@x.example", 1)
	for _, want := range []string{"eve@x.example has an account", "to join Name of nordlicht", "current-password"} {
		if text := c.openInvitation(token); !strings.Contains(text, want) {
			t.Errorf("the page has no %q: %s", want, text)
		}
	}
	if text := c.openInvitation(token[:len(token)-1]); strings.Contains(text, "eve@") || strings.Contains(text, "current-password") {
		t.Errorf("the page for another token names the account: %s", text)
	}
	if r := c.sendInvitation(token, "battery staple"); r.Status != 422 || !strings.Contains(r.Text, "The password must be the password of your account") || !strings.Contains(r.Text, "current-password") {
		t.Errorf("wrong password = %d: %s", r.Status, r.Text)
	}
	if got := c.counts(c.admin, "&action=loginFailed&account="+eve.User.ID, map[string]string{eve.User.ID: "eve"}); len(got) != 1 {
		t.Errorf("the audit counts %q, want one failed login", got)
	}
	if r := c.sendInvitation(token, "correct horse"); r.Status != 200 || len(r.Header["Set-Cookie"]) != 0 {
		t.Errorf("right password = %d, header %v: %s", r.Status, r.Header, r.Text)
	}
	var g grant
	c.login("eve@x.example", "correct horse").Want(200, &g)
	if g.User.Organisation != "nordlicht" || g.User.Role != "operator" {
		t.Errorf("account = %+v", g.User)
	}
	if r := c.sendInvitation(token, "correct horse"); r.Status != 422 || !strings.Contains(r.Text, "This link does not work") {
		t.Errorf("used link = %d: %s", r.Status, r.Text)
	}
	c.invite(mia, `{"email":"max@x.example","role":"user"}`)
	_, token = m.link("max@x.example", 1)
	if r := c.sendInvitation(token, "correct horse"); r.Status != 409 || !strings.Contains(r.Text, "belongs to another organisation") {
		t.Errorf("account of another organisation = %d: %s", r.Status, r.Text)
	}
}

// TestInvitationPageIsThrottled: the page does not help to guess the password of an account.
func TestInvitationPageIsThrottled(t *testing.T) {
	m := withMail(t, connect.Config{Dir: t.TempDir()}, failures(3))
	c := newCompany(m.service)
	c.invite(c.people["mia"], `{"email":"eve@x.example","role":"operator"}`)
	_, token := m.link("eve@x.example", 1)
	for range 3 {
		if r := c.sendInvitation(token, "battery staple"); r.Status != 422 {
			t.Fatalf("wrong password = %d: %s", r.Status, r.Text)
		}
	}
	if r := c.sendInvitation(token, "correct horse"); r.Status != 429 {
		t.Errorf("after three wrong passwords = %d: %s", r.Status, r.Text)
	}
}

// TestInvitationReplacesUnconfirmedAccount: a stranger has registered the address of a person. The person
// is invited and chooses a password, and the sessions of the stranger end.
func TestInvitationReplacesUnconfirmedAccount(t *testing.T) {
	m := withMail(t, connect.Config{Dir: t.TempDir()}, func(cfg *authd.Config) { cfg.EmailVerification = "required" })
	root := m.register("root@nlb.example", "admin")
	m.organisation(root, "nordlicht")
	m.registerPending("ann@nlb.example", "eve's password")
	eve := m.eventuallyLogin("ann@nlb.example", "eve's password")
	_, confirmation := m.link("ann@nlb.example", 1)
	m.Call("POST "+invitations, root.Token, `{"email":"ann@nlb.example","role":"operator","organisation":"nordlicht"}`).Want(201, nil)
	_, token := m.link("ann@nlb.example", 2)
	if text := m.openInvitation(token); !strings.Contains(text, "new-password") {
		t.Errorf("the page asks for the password of the stranger: %s", text)
	}
	if r := m.sendInvitation(token, "correct horse"); r.Status != 200 {
		t.Fatalf("form = %d: %s", r.Status, r.Text)
	}
	m.logIn("ann@nlb.example", "eve's password").WantProblem(401)
	m.Call("POST /api/auth/refresh", "", map[string]string{"refreshToken": eve.RefreshToken}).WantProblem(401)
	m.confirmEmail(confirmation, "eve's password").WantProblem(422, "/token invalid")
	var g grant
	m.logIn("ann@nlb.example", "correct horse").Want(200, &g)
	if g.User.Organisation != "nordlicht" || g.User.Role != "operator" || m.verified(g.Token) != "true" {
		t.Errorf("account = %+v", g.User)
	}
}

// TestConcurrentAcceptsKeepOnePassword: a person sends the form several times at once, with other
// passwords. One request succeeds, and its password is that of the account, which a stranger has
// registered before.
func TestConcurrentAcceptsKeepOnePassword(t *testing.T) {
	m := withMail(t, connect.Config{Dir: t.TempDir()}, verify)
	root := m.register("root@nlb.example", "admin")
	m.organisation(root, "nordlicht")
	for i := range 4 {
		email := fmt.Sprintf("ann%d@nlb.example", i)
		m.registerPending(email, "eve's password")
		m.link(email, 1)
		m.Call("POST "+invitations, root.Token, map[string]string{"email": email, "role": "operator", "organisation": "nordlicht"}).Want(201, nil)
		_, token := m.link(email, 2)
		accepted := make(chan string, 8)
		begin := make(chan struct{})
		var wg sync.WaitGroup
		for n := range cap(accepted) {
			password := fmt.Sprint("correct horse ", n)
			wg.Go(func() {
				<-begin
				r := m.Call("POST "+invitations+"/accept", "", map[string]string{"token": token, "password": password})
				if r.Status == 200 {
					accepted <- password
				} else if r.Status != 409 && r.Status != 422 {
					t.Errorf("%s: %d %s", email, r.Status, r.Text)
				}
			})
		}
		close(begin)
		wg.Wait()
		if len(accepted) != 1 {
			t.Fatalf("%s: %d requests succeeded, want 1", email, len(accepted))
		}
		var g grant
		m.logIn(email, <-accepted).Want(200, &g)
		if g.User.Organisation != "nordlicht" || m.verified(g.Token) != "true" {
			t.Errorf("account = %+v", g.User)
		}
	}
}
