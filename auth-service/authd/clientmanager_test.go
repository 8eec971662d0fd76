package authd_test

import (
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// listedClients returns the ids of the clients that the caller sees, newest first.
func (c *company) listedClients(caller grant, query string) string {
	c.T.Helper()
	var page struct{ Items []apiClient }
	c.Call("GET /api/auth/clients"+query, caller.Token, nil).Want(200, &page)
	var ids []string
	for _, client := range page.Items {
		ids = append(ids, client.ID)
	}
	return strings.Join(ids, " ")
}

// TestManagerManagesOwnClients: a manager manages the clients of the own organisation with the
// roles user and operator. All others do not exist, and nobody else manages any.
func TestManagerManagesOwnClients(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		c := newCompany(start(t, db))
		mia := c.people["mia"]
		erp := c.newClient(mia, "operator", "")
		own := c.newClient(c.admin, "user", "nordlicht")
		authority, foreign := c.newClient(c.admin, "authority", "nordlicht"), c.newClient(c.admin, "operator", "other")
		for _, refused := range []string{
			`{"name":"x","role":"authority"}`, `{"name":"x","role":"legitimate_interest"}`, `{"name":"x","role":"user","organisation":"other"}`,
			`{"name":"x","role":"operator","organisation":"none"}`,
		} {
			c.Call("POST /api/auth/clients", mia.Token, refused).Want(403, nil)
		}
		c.Call("POST /api/auth/clients", mia.Token, `{"name":"x","role":"admin"}`).WantProblem(422, "/role enum")
		for query, want := range map[string]string{"": own.ID + " " + erp.ID, "?organisation=nordlicht": own.ID + " " + erp.ID, "?organisation=other": ""} {
			if got := c.listedClients(mia, query); got != want {
				t.Errorf("list %s = %s, want %s", query, got, want)
			}
		}
		for _, hidden := range []apiClient{authority, foreign, {ID: "none"}} {
			path := "/api/auth/clients/" + hidden.ID
			for route, body := range map[string]any{
				"GET " + path: nil, "PATCH " + path: `{"disabled":true}`, "DELETE " + path: nil, "POST " + path + "/secrets": nil, "DELETE " + path + "/secrets/x": nil,
			} {
				c.Call(route, mia.Token, body).WantProblem(404)
			}
		}
		path := "/api/auth/clients/" + erp.ID
		token := c.clientToken(erp.ID, erp.Secret).AccessToken
		for _, caller := range []string{c.people["ole"].Token, c.people["max"].Token, token} {
			if status := c.Call("PATCH "+path, caller, `{"name":"x"}`).Status; status != 403 && status != 404 {
				t.Errorf("change by another caller = %d, want 403 or 404", status)
			}
		}
		c.Call("PATCH "+path, mia.Token, `{"name":"new ERP"}`).Want(200, nil)
		c.Call("POST "+path+"/secrets", mia.Token, nil).Want(201, nil)
		c.Call("DELETE "+path+"/secrets/"+erp.Secrets[0].ID, mia.Token, nil).Want(204, nil)
		c.Call("DELETE "+path, mia.Token, nil).Want(204, nil)
		if got := c.listedClients(mia, ""); got != own.ID {
			t.Errorf("list after the deletion = %s, want %s", got, own.ID)
		}
		c.Call("PATCH /api/auth/users/"+mia.User.ID, c.admin.Token, `{"manager":false}`).Want(200, nil)
		mia = c.refreshed(mia.RefreshToken)
		c.Call("DELETE /api/auth/clients/"+own.ID, mia.Token, nil).WantProblem(403)
		c.clientToken(own.ID, own.Secret) // the clients of a former manager remain
	})
}
