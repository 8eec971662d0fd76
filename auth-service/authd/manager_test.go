package authd_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// staff are the changes that make the people of newCompany, by the part of their email
// address before the @.
var staff = map[string]string{
	"mia": `{"role":"operator","organisation":"nordlicht","manager":true}`,
	"ole": `{"role":"operator","organisation":"nordlicht"}`,
	"ute": `{"role":"user","organisation":"nordlicht"}`,
	"amt": `{"role":"authority","organisation":"nordlicht"}`,
	"ada": `{"role":"admin","organisation":"nordlicht"}`,
	"max": `{"organisation":"other","manager":true}`,
	"eve": `{}`,
}

// company is a service with two organisations and their people, and an admin.
type company struct {
	*service
	admin  grant
	people map[string]grant // see staff
	names  map[string]string
}

func newCompany(s *service) *company {
	s.T.Helper()
	c := &company{s, s.register("root@x.example", "admin"), map[string]grant{}, map[string]string{}}
	s.organisation(c.admin, "nordlicht")
	s.organisation(c.admin, "other")
	for name, change := range staff {
		g := s.register(name+"@x.example", "")
		s.Call("PATCH /api/auth/users/"+g.User.ID, c.admin.Token, change).Want(200, nil)
		c.people[name], c.names[g.User.ID] = s.refreshed(g.RefreshToken), name
	}
	return c
}

// route returns a route with the id of a person.
func (c *company) route(method, name string) string {
	return method + " /api/auth/users/" + c.people[name].User.ID
}

// listed returns the names in a list of accounts, in alphabetical order.
func (c *company) listed(caller grant, query string) string {
	c.T.Helper()
	var names []string
	for _, id := range c.listAccounts(caller, query) {
		names = append(names, c.names[id])
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// TestManagerSeesOnlyOwnPeople: a manager sees the users and operators of the own
// organisation. Everybody else does not exist, whether or not they have an account.
func TestManagerSeesOnlyOwnPeople(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		c := newCompany(start(t, db))
		mia := c.people["mia"]
		for query, want := range map[string]string{
			"": "mia ole ute", "?limit=1": "mia ole ute", "?role=operator": "mia ole", "?role=authority": "", "?role=admin": "", "?organisation=nordlicht": "mia ole ute", "?organisation=other": "",
			"?organisation=nobody": "", "?email=ute@x.example": "ute", "?email=max@x.example": "", "?email=eve@x.example": "", "?email=amt@x.example": "", "?email=nobody@x.example": "",
		} {
			if got := c.listed(mia, query); got != want {
				t.Errorf("list %s of a manager = %s, want %s", query, got, want)
			}
		}
		if got := c.listed(c.people["max"], ""); got != "max" {
			t.Errorf("list of the other manager = %s", got)
		}
		var ute account.Account
		c.Call(c.route("GET", "ute"), mia.Token, nil).Want(200, &ute)
		if ute.Email != "ute@x.example" {
			t.Errorf("account = %+v", ute)
		}
		for _, name := range []string{"max", "eve", "amt", "ada"} {
			c.Call(c.route("GET", name), mia.Token, nil).WantProblem(404)
			c.Call(c.route("PATCH", name), mia.Token, `{"disabled":true}`).WantProblem(404)
			c.Call(c.route("PATCH", name), mia.Token, `{"manager":false}`).WantProblem(404)
		}
		for _, name := range []string{"ole", "ute", "amt", "eve"} { // no managers
			for _, route := range []string{"GET /api/auth/users", c.route("GET", name), c.route("PATCH", name)} {
				c.Call(route, c.people[name].Token, map[string]string{"PATCH": `{}`}[strings.Fields(route)[0]]).WantProblem(403)
			}
		}
		for _, route := range []string{"GET /api/auth/admin", "GET /api/auth/audit", "GET " + organisations, "DELETE " + organisations + "/nordlicht"} {
			c.Call(route, mia.Token, nil).WantProblem(403)
		}
		c.Call("PATCH "+organisations+"/nordlicht", mia.Token, `{"name":"Mia GmbH"}`).WantProblem(403)
	})
}

// TestManagerChangesOwnPeople lists changes that a manager may make, and changes that only an admin may make.
func TestManagerChangesOwnPeople(t *testing.T) {
	c := newCompany(start(t, connect.Config{Dir: t.TempDir()}))
	mia := c.people["mia"]
	for _, tt := range []struct {
		name, body string
		status     int
		errors     []string
	}{
		{"ute", `{"role":"operator"}`, 200, nil},
		{"ute", `{"role":"user"}`, 200, nil},
		{"ute", `{"disabled":true}`, 200, nil},
		{"ute", `{"disabled":false,"organisation":"nordlicht"}`, 200, nil},
		{"ole", `{"manager":true}`, 200, nil},
		{"ole", `{"manager":false}`, 200, nil},
		{"mia", `{"role":"user"}`, 200, nil},
		{"ute", `{"role":"admin"}`, 403, []string{"/role enum"}},
		{"ute", `{"role":"authority"}`, 403, []string{"/role enum"}},
		{"ute", `{"role":"legitimate_interest"}`, 403, []string{"/role enum"}},
		{"mia", `{"role":"admin"}`, 403, []string{"/role enum"}},
		{"ute", `{"role":"root"}`, 422, []string{"/role enum"}},
		{"ute", `{"organisation":"other"}`, 403, []string{"/organisation unchanged"}},
		{"ute", `{"organisation":"nobody"}`, 403, []string{"/organisation unchanged"}},
		{"ute", `{"organisation":""}`, 403, []string{"/organisation unchanged"}},
		{"ute", `{"organisation":null}`, 403, []string{"/organisation unchanged"}},
		{"mia", `{"organisation":null,"disabled":true}`, 403, []string{"/organisation unchanged"}},
		{"ute", `{"manager":null}`, 422, []string{"/manager type"}},
		{"ute", `{"manager":"yes"}`, 422, []string{"/manager type"}},
		{"ute", `{"email":"ute@y.example"}`, 422, []string{"/email unknownField"}},
		{"mia", `{"disabled":true}`, 409, nil}, // the last manager
		{"mia", `{"manager":false}`, 409, nil},
		{"ute", `{"disabled":true,"manager":false}`, 200, nil}, // no manager
	} {
		a := c.Call(c.route("PATCH", tt.name), mia.Token, tt.body)
		if tt.status == 200 {
			a.Want(200, nil)
			mia = c.refreshed(mia.RefreshToken) // a change of her own account has revoked the token
			continue
		}
		if a.WantProblem(tt.status, tt.errors...); tt.status == 409 && !strings.Contains(a.Text, "the last active manager of the organisation") {
			t.Errorf("%s: %s", tt.body, a.Text)
		}
	}
	for _, name := range []string{"ole", "mia"} {
		c.Call(c.route("PATCH", name), mia.Token, `{"manager":false}`, "If-Match", `"1"`).WantProblem(412)
	}
}

// TestFlagManager lists the accounts that can be managers, for an admin.
func TestFlagManager(t *testing.T) {
	c := newCompany(start(t, connect.Config{Dir: t.TempDir()}))
	change := func(name, body string) (a account.Account) {
		t.Helper()
		c.Call(c.route("PATCH", name), c.admin.Token, body).Want(200, &a)
		return a
	}
	for name, errors := range map[string][]string{"amt": {"/manager conflict"}, "ada": {"/manager conflict"}, "eve": {"/manager conflict"}} {
		c.Call(c.route("PATCH", name), c.admin.Token, `{"manager":true}`).WantProblem(422, errors...)
	}
	c.Call(c.route("PATCH", "eve"), c.admin.Token, `{"manager":true,"role":"authority"}`).WantProblem(422, "/manager conflict", "/manager conflict")
	c.Call(c.route("PATCH", "mia"), c.admin.Token, `{"manager":true,"organisation":null}`).WantProblem(422, "/manager conflict")
	if a := change("mia", `{"organisation":"other"}`); a.Manager {
		t.Error("a manager who moves manages the other organisation")
	}
	if a := change("mia", `{"organisation":"nordlicht","manager":true}`); !a.Manager {
		t.Error("a manager who moves with manager true lost the flag")
	}
	if a := change("mia", `{"role":"authority"}`); a.Manager {
		t.Error("a manager became an authority and is still a manager")
	}
	// An admin may disable the last manager. A disabled manager manages nothing.
	max := c.people["max"]
	change("max", `{"disabled":true}`)
	c.Call("GET /api/auth/users", max.Token, nil).WantProblem(401)
	names := map[string]string{c.people["max"].User.ID: "max", c.admin.User.ID: "root"}
	got := c.entries(c.admin, "&account="+c.people["max"].User.ID, names)
	if diff := cmp.Diff([]string{
		`max 3 changed by root from 127.0.0.1 disabled:"false"→"true"`,
		`max 2 changed by root from 127.0.0.1 organisation:""→"other" manager:"false"→"true"`,
		`max 1 registered by max from 127.0.0.1 role:""→"user"`,
	}, got); diff != "" {
		t.Errorf("audit (-want +got)\n%s", diff)
	}
}

// TestFormerManagerManagesNothing: a token of a manager without the flag gives no access to
// accounts.
func TestFormerManagerManagesNothing(t *testing.T) {
	c := newCompany(start(t, connect.Config{Dir: t.TempDir()}))
	mia := c.people["mia"]
	c.Call(c.route("PATCH", "mia"), c.admin.Token, `{"manager":false}`).Want(200, nil)
	c.Call("GET /api/auth/users", mia.Token, nil).WantProblem(401)
	mia = c.refreshed(mia.RefreshToken)
	c.Call("GET /api/auth/users", mia.Token, nil).WantProblem(403)
	c.Call(c.route("PATCH", "ute"), mia.Token, `{"disabled":true}`).WantProblem(403)
}

// TestOneManagerRemains: two managers disable or demote each other at the same time, many
// times; the organisation always keeps an active manager.
func TestOneManagerRemains(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		c := newCompany(start(t, db))
		for i := range 20 {
			pair := map[string]string{"mia": "ole", "ole": "mia"}
			for name := range pair {
				c.Call(c.route("PATCH", name), c.admin.Token, `{"manager":true,"disabled":false}`).Want(200, nil)
				var g grant
				c.login(name+"@x.example", "correct horse").Want(200, &g)
				c.people[name] = g
			}
			body := []string{`{"disabled":true}`, `{"manager":false}`}[i%2]
			var wg sync.WaitGroup
			for name, other := range pair {
				wg.Go(func() {
					if status := c.Call(c.route("PATCH", other), c.people[name].Token, body).Status; !slices.Contains([]int{200, 401, 403, 404, 409}, status) {
						t.Errorf("round %d: %d", i, status)
					}
				})
			}
			wg.Wait()
			active := 0
			for name := range pair {
				var a account.Account
				if c.Call(c.route("GET", name), c.admin.Token, nil).Want(200, &a); a.Manager && !a.Disabled {
					active++
				}
			}
			if active == 0 {
				t.Fatalf("round %d: the organisation has no active manager", i)
			}
		}
	})
}

// TestManagerOfFormerID: accounts that are stored under a former id belong to the
// organisation too.
func TestManagerOfFormerID(t *testing.T) {
	db := connect.Config{Dir: t.TempDir()}
	c := newCompany(start(t, db))
	storeOrganisation(t, db, c.people["eve"].User.ID, "Nordlicht GmbH")
	mia := c.people["mia"]
	c.Call(c.route("GET", "eve"), mia.Token, nil).WantProblem(404)
	c.Call("PATCH "+organisations+"/nordlicht", c.admin.Token, `{"formerIds":["Nordlicht GmbH"]}`).Want(200, nil)
	if got := c.listed(mia, ""); got != "eve mia ole ute" {
		t.Errorf("list = %s", got)
	}
	c.Call(c.route("PATCH", "eve"), mia.Token, `{"role":"operator"}`).Want(200, nil)
	c.Call(c.route("PATCH", uuid.NewString()), mia.Token, `{"role":"operator"}`).WantProblem(404)
}
