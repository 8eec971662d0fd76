package authd_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/auth-service/internal/invitation"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

const (
	invitations  = "/api/auth/invitations"
	milliseconds = "2006-01-02T15:04:05.000Z07:00" // form of times in responses
)

// companyWithMail is newCompany with a mail server.
func companyWithMail(t *testing.T, db connect.Config) (*company, *mailbox) {
	t.Helper()
	m := withMail(t, db)
	return newCompany(m.service), m
}

func (c *company) invite(by grant, body string) (i invitation.Invitation) {
	c.T.Helper()
	c.Call("POST "+invitations, by.Token, body).Want(201, &i)
	return i
}

// accept accepts an invitation, with the access token of the caller or with a password.
func (c *company) accept(token string, caller grant, password string) resttest.Response {
	c.T.Helper()
	body := map[string]string{"token": token}
	if password != "" {
		body["password"] = password
	}
	return c.Call("POST "+invitations+"/accept", caller.Token, body)
}

func (c *company) listedInvitations(by grant) (list []invitation.Invitation) {
	c.T.Helper()
	var page struct{ Items []invitation.Invitation }
	c.Call("GET "+invitations, by.Token, nil).Want(200, &page)
	return page.Items
}

// TestInvitationFromMailToLogin: a manager invites an operator, who accepts from the link in
// the mail and has the role and the organisation at once.
func TestInvitationFromMailToLogin(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		c, m := companyWithMail(t, db)
		mia := c.people["mia"]
		i := c.invite(mia, `{"email":" NEW@X.example ","role":"operator"}`)
		if i.Email != "new@x.example" || i.Organisation != "nordlicht" || i.State != invitation.Pending || i.InvitedBy != mia.User.ID || i.ExpiresAt.Sub(i.CreatedAt) != 72*time.Hour {
			t.Errorf("invitation = %+v", i)
		}
		path, token := m.link("new@x.example", 1)
		if text := c.Call("GET "+invitations, mia.Token, nil).Text; strings.Contains(text, token) || strings.Contains(text, "hashes") || strings.Contains(text, "request\"") {
			t.Errorf("the list contains parts of the link: %s", text)
		}
		if path != "/account/invitation" || strings.Contains(m.mailsTo("new@x.example")[0], "mia@x.example") {
			t.Errorf("path = %s, mail = %s", path, m.mailsTo("new@x.example")[0])
		}
		c.accept(token, grant{}, "short").WantProblem(422, "/password range")
		var g grant
		c.accept(token, grant{}, "drop anchor").Want(200, &g)
		if g.User.Email != "new@x.example" || g.User.Role != "operator" || g.User.Organisation != "nordlicht" {
			t.Errorf("account = %+v", g.User)
		}
		c.Call("GET "+organisations+"/nordlicht", g.Token, nil).Want(200, nil)
		c.login("new@x.example", "drop anchor").Want(200, nil)
		c.accept(token, grant{}, "drop anchor").WantProblem(422, "/token invalid")
		want := i
		want.State, want.Account = invitation.Accepted, g.User.ID
		if list := c.listedInvitations(mia); len(list) != 1 || list[0].AcceptedAt.IsZero() {
			t.Errorf("list = %+v", list)
		} else if want.AcceptedAt = list[0].AcceptedAt; want != list[0] {
			t.Errorf("invitation (-want +got)\n%s", cmp.Diff(want, list[0]))
		}
		names := map[string]string{"": "invitation", g.User.ID: "new", mia.User.ID: "mia", c.admin.User.ID: "root"}
		if diff := cmp.Diff([]string{
			"new 2 invitationAccepted by new from 127.0.0.1",
			`invitation 1 invitationCreated by mia from 127.0.0.1 role:""→"operator"`,
		}, c.entries(c.admin, "&organisation=nordlicht", names)[:2]); diff != "" {
			t.Errorf("audit of the organisation (-want +got)\n%s", diff)
		}
		if diff := cmp.Diff([]string{
			`user.registered 1 {"userId":"ID","email":"new@x.example","role":"user","emailVerified":true,"registeredAt":"TIME"}`,
			`user.updated 3 {"userId":"ID","email":"new@x.example","role":"operator","organisation":"nordlicht","disabled":false,"emailVerified":true,"updatedAt":"TIME"}`,
		}, waiting(t, db, g.User.ID)); diff != "" {
			t.Errorf("events (-want +got)\n%s", diff)
		}
	})
}

// TestInvitationOfExistingAccount: an invitation to an address that has an account changes
// nothing until its owner accepts with an access token.
func TestInvitationOfExistingAccount(t *testing.T) {
	c, m := companyWithMail(t, connect.Config{Dir: t.TempDir()})
	mia, eve := c.people["mia"], c.people["eve"]
	c.invite(mia, `{"email":"eve@x.example","role":"user","manager":true}`)
	_, token := m.link("eve@x.example", 1)
	c.accept(token, grant{}, "another password").WantProblem(409)
	c.accept(token, grant{Token: "forged"}, "another password").WantProblem(409)
	c.login("eve@x.example", "correct horse").Want(200, nil)
	c.Call("GET /api/auth/profile", eve.Token, nil).Want(200, nil)
	c.accept(token, c.people["ole"], "").WantProblem(422, "/token invalid") // of another address
	c.accept(token, eve, "another password").WantProblem(422, "/password unexpected")
	var g grant
	c.accept(token, eve, "").Want(200, &g)
	if g.User.ID != eve.User.ID || g.User.Organisation != "nordlicht" || g.User.Role != "user" {
		t.Errorf("account = %+v", g.User)
	}
	c.Call("GET /api/auth/profile", eve.Token, nil).Want(401, nil) // its rights have changed
	c.Call("GET /api/auth/users", g.Token, nil).Want(200, nil)
	c.accept(token, g, "").WantProblem(422, "/token invalid")

	// Accounts of another organisation, or with a role that an admin gave, do not change.
	for name, role := range map[string]string{"max": "user", "amt": "operator", "ada": "user"} {
		c.invite(mia, `{"email":"`+name+`@x.example","role":"`+role+`"}`)
		_, token := m.link(name+"@x.example", 1)
		c.accept(token, c.people[name], "").WantProblem(409)
		if list := c.listedInvitations(mia); list[0].State != invitation.Pending {
			t.Errorf("%s: %+v", name, list[0])
		}
		c.Call("GET /api/auth/profile", c.people[name].Token, nil).Want(200, nil)
	}
	// A manager who accepts another invitation of the organisation stays a manager.
	c.invite(mia, `{"email":"mia@x.example","role":"user"}`)
	_, token = m.link("mia@x.example", 1)
	c.accept(token, mia, "").Want(200, &mia)
	c.Call("GET /api/auth/users", mia.Token, nil).Want(200, nil)
}

// TestInvitationIsAcceptedOnce: of many requests with the same token at the same time, one
// succeeds, with new and with existing accounts.
func TestInvitationIsAcceptedOnce(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		c, m := companyWithMail(t, db)
		for i := range 12 {
			email, caller, password := fmt.Sprintf("new%d@x.example", i), grant{}, "drop anchor"
			if i%3 > 0 {
				caller, password = c.register(email, ""), ""
			}
			c.invite(c.people["mia"], `{"email":"`+email+`","role":"operator"}`)
			_, token := m.link(email, 1)
			var accepted atomic.Int32
			var wg sync.WaitGroup
			begin := make(chan struct{})
			for range 16 {
				wg.Go(func() {
					<-begin
					if a := c.accept(token, caller, password); a.Status == 200 {
						accepted.Add(1)
					} else if a.Status != 422 && a.Status != 409 && a.Status != 401 {
						t.Errorf("%s: %d %s", email, a.Status, a.Text)
					}
				})
			}
			close(begin)
			if wg.Wait(); accepted.Load() != 1 {
				t.Errorf("%s: %d requests succeeded, want 1", email, accepted.Load())
			}
			if n := len(c.listAccounts(c.admin, "?email="+email)); n != 1 {
				t.Errorf("%s has %d accounts", email, n)
			}
		}
	})
}

// TestInvalidInvitationTokens: tokens that are not accepted get one plain message.
func TestInvalidInvitationTokens(t *testing.T) {
	c, m := companyWithMail(t, connect.Config{Dir: t.TempDir()})
	mia, max := c.people["mia"], c.people["max"]
	tokens := map[string]string{"empty": "", "unknown": strings.Repeat("A", 64), "text": "<script>"}
	invite := func(by grant, name string) (i invitation.Invitation, token string) {
		i = c.invite(by, `{"email":"`+name+`@x.example","role":"user"}`)
		_, token = m.link(name+"@x.example", 1)
		return i, token
	}
	_, used := invite(mia, "used")
	c.accept(used, grant{}, "drop anchor").Want(200, nil)
	tokens["used"] = used
	revoked, token := invite(mia, "revoked")
	c.Call("DELETE "+invitations+"/"+revoked.ID, mia.Token, nil).Want(204, nil)
	tokens["revoked"] = token
	resent, token := invite(mia, "resent")
	c.Call("POST "+invitations+"/"+resent.ID+"/resend", mia.Token, nil).Want(200, nil)
	tokens["replaced"] = token
	_, second := m.link("resent@x.example", 2)
	_, other := invite(mia, "other")
	tokens["truncated"], tokens["extended"], tokens["swapped"] = other[:len(other)-1], other+"A", other[:22]+second[22:]
	_, tokens["of a disabled manager"] = invite(max, "orphan")
	c.Call(c.route("PATCH", "max"), c.admin.Token, `{"disabled":true}`).Want(200, nil)
	texts := map[string]bool{}
	check := func(name, token string) {
		t.Helper()
		a := c.accept(token, grant{}, "drop anchor")
		a.WantProblem(422, "/token invalid")
		texts[withoutID(a.Text)] = true
		a = c.Do("POST /account/invitation", url.Values{"token": {token}, "password": {"drop anchor"}}.Encode(), "Content-Type", "application/x-www-form-urlencoded")
		if a.Status != 422 || !strings.Contains(a.Text, "This link does not work") {
			t.Errorf("page for a token that is %s: %d %s", name, a.Status, a.Text)
		}
	}
	for name, token := range tokens {
		check(name, token)
	}
	c.accept(second, grant{}, "drop anchor").Want(200, nil) // the latest mail
	m.advance(72 * time.Hour)
	check("expired", other)
	if len(texts) != 1 {
		t.Errorf("got %d different responses, want one: %v", len(texts), texts)
	}
	var g grant
	c.login("mia@x.example", "correct horse").Want(200, &g)
	states := map[string]invitation.State{}
	for _, i := range c.listedInvitations(g) {
		states[strings.TrimSuffix(i.Email, "@x.example")] = i.State
	}
	if diff := cmp.Diff(map[string]invitation.State{"used": "accepted", "revoked": "revoked", "resent": "accepted", "other": "expired"}, states); diff != "" {
		t.Errorf("states (-want +got)\n%s", diff)
	}
}

// TestExpiredInvitationCanBeResent and accepted on the page that the link leads to.
func TestExpiredInvitationCanBeResent(t *testing.T) {
	c, m := companyWithMail(t, connect.Config{Dir: t.TempDir()})
	i := c.invite(c.people["mia"], `{"email":"new@x.example","role":"user"}`)
	m.link("new@x.example", 1)
	m.advance(73 * time.Hour)
	var mia grant
	c.login("mia@x.example", "correct horse").Want(200, &mia)
	c.Call("POST "+invitations+"/"+i.ID+"/resend", mia.Token, nil).Want(200, &i)
	path, token := m.link("new@x.example", 2)
	if a := c.Do("GET "+path+"?token="+token, ""); a.Status != 200 || !strings.Contains(a.Text, token) {
		t.Errorf("page = %d %s", a.Status, a.Text)
	}
	a := c.Do("POST "+path, url.Values{"token": {token}, "password": {"drop anchor"}}.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	if a.Status != http.StatusOK || !strings.Contains(a.Text, "Your account is ready") {
		t.Errorf("page after the form = %d %s", a.Status, a.Text)
	}
	var g grant
	c.login("new@x.example", "drop anchor").Want(200, &g)
	if g.User.Organisation != "nordlicht" {
		t.Errorf("account = %+v", g.User)
	}
	for _, route := range []string{"POST " + invitations + "/" + i.ID + "/resend", "DELETE " + invitations + "/" + i.ID} {
		c.Call(route, mia.Token, nil).WantProblem(409) // it was accepted
	}
}
