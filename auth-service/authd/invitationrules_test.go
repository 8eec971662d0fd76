package authd_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/invitation"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/waittest"
)

// TestWhoMayInvite lists invitations that managers and admins may make, and others.
func TestWhoMayInvite(t *testing.T) {
	c, _ := companyWithMail(t, connect.Config{Dir: t.TempDir()})
	mia, ole := c.people["mia"], c.people["ole"]
	for _, tt := range []struct {
		caller grant
		body   string
		status int
		errors []string
	}{
		{mia, `{"email":"a@x.example","role":"user","manager":true}`, 201, nil},
		{mia, `{"email":"b@x.example","role":"operator","organisation":"nordlicht"}`, 201, nil},
		{mia, `{"email":"b@x.example","role":"user"}`, 409, []string{"/email duplicate"}},
		{mia, `{"email":"B@X.EXAMPLE","role":"user"}`, 409, []string{"/email duplicate"}},
		{mia, `{"email":"ü@bücher.example","role":"user"}`, 201, nil},
		{mia, `{"email":"ü@xn--bcher-kva.example","role":"user"}`, 409, []string{"/email duplicate"}},
		{mia, `{"email":"c@x.example","role":"admin"}`, 422, []string{"/role enum"}},
		{mia, `{"email":"c@x.example","role":"authority"}`, 403, []string{"/role enum"}},
		{mia, `{"email":"c@x.example","role":"user","organisation":"other"}`, 403, []string{"/organisation enum"}},
		{mia, `{"email":"c@x.example","role":"user","organisation":"nobody"}`, 403, []string{"/organisation enum"}},
		{mia, `{"email":"c@x.example"}`, 422, []string{"/role required"}},
		{mia, `{"role":"user"}`, 422, []string{"/email required"}},
		{mia, `{"email":"c@x.example\r\nBcc: eve@x.example","role":"user"}`, 422, []string{"/email format"}},
		{mia, `{"email":"Eve <c@x.example>","role":"user"}`, 422, []string{"/email format"}},
		{mia, `{"email":"c\u200b@x.example","role":"user"}`, 422, []string{"/email format"}},
		{mia, `{"email":"c@ｘ.example","role":"user"}`, 422, []string{"/email format"}},
		{mia, `{"email":"c@x.example,d@x.example","role":"user"}`, 422, []string{"/email format"}},
		{mia, `{"email":"` + strings.Repeat("c", 250) + `@x.example","role":"user"}`, 422, []string{"/email range"}},
		{ole, `{"email":"c@x.example","role":"user"}`, 403, nil},
		{grant{}, `{"email":"c@x.example","role":"user"}`, 401, []string{"header:Authorization missing"}},
		{c.admin, `{"email":"d@x.example","role":"user"}`, 422, []string{"/organisation required"}},
		{c.admin, `{"email":"d@x.example","role":"user","organisation":"nobody"}`, 422, []string{"/organisation notFound"}},
		{c.admin, `{"email":"d@x.example","role":"authority","manager":true,"organisation":"other"}`, 422, []string{"/manager conflict"}},
		{c.admin, `{"email":"d@x.example","role":"authority"}`, 201, nil},
		{c.admin, `{"email":"b@x.example","role":"operator","organisation":"other"}`, 201, nil}, // another organisation
		{c.admin, `{"email":"e@x.example","role":"authority","organisation":"nordlicht"}`, 201, nil},
	} {
		a := c.Call("POST "+invitations, tt.caller.Token, tt.body)
		if tt.status == 201 {
			a.Want(201, nil)
		} else {
			a.WantProblem(tt.status, tt.errors...)
		}
	}
	emails := func(by grant) (all []string) {
		for _, i := range c.listedInvitations(by) {
			all = append(all, i.Email+" "+i.Organisation)
		}
		return all
	}
	if diff := cmp.Diff([]string{"ü@xn--bcher-kva.example nordlicht", "b@x.example nordlicht", "a@x.example nordlicht"}, emails(mia)); diff != "" {
		t.Errorf("invitations that the manager sees (-want +got)\n%s", diff)
	}
	all := c.listedInvitations(c.admin)
	if len(all) != 6 {
		t.Errorf("an admin sees %v", emails(c.admin))
	}
	for _, i := range all {
		if i.Organisation != "nordlicht" || i.Role == "authority" {
			c.Call("DELETE "+invitations+"/"+i.ID, mia.Token, nil).WantProblem(404)
			c.Call("POST "+invitations+"/"+i.ID+"/resend", mia.Token, nil).WantProblem(404)
		}
		c.Call("DELETE "+invitations+"/"+i.ID, ole.Token, nil).WantProblem(403)
	}
}

// TestInvitationRevealsNoAccount: the responses for addresses with and without an account are
// the same, and so are the mails.
func TestInvitationRevealsNoAccount(t *testing.T) {
	c, m := companyWithMail(t, connect.Config{Dir: t.TempDir()})
	mia := c.people["mia"]
	var responses, mails []string
	for _, name := range []string{"max", "new", "eve", "off"} {
		if name == "off" {
			c.Call("PATCH /api/auth/users/"+c.register("off@x.example", "").User.ID, c.admin.Token, `{"disabled":true}`).Want(200, nil)
		}
		a := c.Call("POST "+invitations, mia.Token, `{"email":"`+name+`@x.example","role":"user"}`)
		var i invitation.Invitation
		a.Want(201, &i)
		normal := strings.NewReplacer(i.ID, "ID", name+"@x", "NAME@x", i.CreatedAt.Format(milliseconds), "TIME", i.ExpiresAt.Format(milliseconds), "TIME")
		responses = append(responses, normal.Replace(a.Text))
		m.link(name+"@x.example", 1)
		content := m.mailsTo(name + "@x.example")[0]
		mails = append(mails, content[strings.Index(content, "\nSubject:"):][:40])
	}
	for i := range responses {
		if responses[i] != responses[0] || mails[i] != mails[0] {
			t.Errorf("response or mail differs:\n%s %s\n%s %s", responses[0], mails[0], responses[i], mails[i])
		}
	}
}

// TestInvitationsNeedMail: without a mail server nobody can be invited.
func TestInvitationsNeedMail(t *testing.T) {
	c := newCompany(start(t, connect.Config{Dir: t.TempDir()}))
	c.Call("POST "+invitations, c.people["mia"].Token, `{"email":"new@x.example","role":"user"}`).WantProblem(409)
	if list := c.listedInvitations(c.people["mia"]); len(list) != 0 {
		t.Errorf("list = %+v", list)
	}
}

// TestInvitationToDeletedOrganisation: the invitation is not valid, and makes no account.
func TestInvitationToDeletedOrganisation(t *testing.T) {
	c, m := companyWithMail(t, connect.Config{Dir: t.TempDir()})
	c.organisation(c.admin, "short-lived")
	c.invite(c.admin, `{"email":"new@x.example","role":"user","organisation":"short-lived"}`)
	_, token := m.link("new@x.example", 1)
	c.Call("DELETE "+organisations+"/short-lived", c.admin.Token, nil).Want(204, nil)
	c.accept(token, grant{}, "drop anchor").WantProblem(422, "/token invalid")
	var list struct{ Items []account.Account }
	c.Call("GET /api/auth/users?email=new@x.example", c.admin.Token, nil).Want(200, &list)
	if len(list.Items) != 0 {
		t.Errorf("accounts = %+v", list.Items)
	}
}

// TestOldInvitationsAreRemoved with their addresses, 30 days after the link has expired.
func TestOldInvitationsAreRemoved(t *testing.T) {
	c, m := companyWithMail(t, connect.Config{Dir: t.TempDir()})
	i := c.invite(c.people["mia"], `{"email":"new@x.example","role":"user"}`)
	m.link("new@x.example", 1)
	m.advance(34 * 24 * time.Hour)
	var admin grant
	c.login("root@x.example", "correct horse").Want(200, &admin)
	waittest.Until(t, "the invitation is removed", func() bool { return len(c.listedInvitations(admin)) == 0 })
	c.Call("DELETE "+invitations+"/"+i.ID, admin.Token, nil).WantProblem(404)
	if got := c.entries(admin, "&action=invitationCreated", nil); len(got) != 1 {
		t.Errorf("audit entries of the invitation = %v, want one", got)
	}
}

// TestInvitationWhileMailServerIsAway: the requests succeed, and the mail is sent later or again.
func TestInvitationWhileMailServerIsAway(t *testing.T) {
	away := resttest.UnusedAddress(t)
	c := newCompany(start(t, connect.Config{Dir: t.TempDir()}, func(cfg *authd.Config) { useMailServer(t, cfg, away) }))
	i := c.invite(c.people["mia"], `{"email":"new@x.example","role":"user"}`)
	c.Call("POST "+invitations+"/"+i.ID+"/resend", c.people["mia"].Token, nil).Want(200, &i)
	if i.State != invitation.Pending {
		t.Errorf("invitation = %+v", i)
	}
}
