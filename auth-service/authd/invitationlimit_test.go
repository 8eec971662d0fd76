package authd_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/store/connect"
)

// TestInvitationMailsToAnAddressAreLimited: an address gets five mails in 24 hours, about all
// invitations of all organisations, also about revoked ones.
func TestInvitationMailsToAnAddressAreLimited(t *testing.T) {
	c, m := companyWithMail(t, connect.Config{Dir: t.TempDir()})
	mia, max := c.people["mia"], c.people["max"]
	const body = `{"email":"victim@x.example","role":"user"}`
	for range 2 {
		i := c.invite(mia, body)
		c.Call("DELETE "+invitations+"/"+i.ID, mia.Token, nil).Want(204, nil)
	}
	i, other := c.invite(mia, body), c.invite(max, body)
	c.Call("POST "+invitations+"/"+i.ID+"/resend", mia.Token, nil).Want(200, nil)
	c.Call("POST "+invitations+"/"+i.ID+"/resend", mia.Token, nil).WantProblem(429)
	c.Call("POST "+invitations+"/"+other.ID+"/resend", max.Token, nil).WantProblem(429)
	c.Call("POST "+invitations, c.admin.Token, `{"email":"victim@x.example","role":"authority"}`).WantProblem(429)
	c.invite(mia, `{"email":"another@x.example","role":"user"}`)
	m.advance(25 * time.Hour)
	c.login("mia@x.example", "correct horse").Want(200, &mia)
	c.Call("POST "+invitations+"/"+i.ID+"/resend", mia.Token, nil).Want(200, nil)
}

// TestInvitationMailsOfAnOrganisationAreLimited: an organisation sends 200 mails in 24 hours. They
// do not count for another organisation, nor for invitations without one.
func TestInvitationMailsOfAnOrganisationAreLimited(t *testing.T) {
	c, _ := companyWithMail(t, connect.Config{Dir: t.TempDir()})
	mia := c.people["mia"]
	for n := range 40 {
		i := c.invite(mia, fmt.Sprintf(`{"email":"person%d@x.example","role":"user"}`, n))
		for range 4 {
			c.Call("POST "+invitations+"/"+i.ID+"/resend", mia.Token, nil).Want(200, nil)
		}
	}
	c.Call("POST "+invitations, mia.Token, `{"email":"last@x.example","role":"user"}`).WantProblem(429)
	c.invite(c.people["max"], `{"email":"last@x.example","role":"user"}`)
	c.invite(c.admin, `{"email":"last@x.example","role":"authority"}`)
}
