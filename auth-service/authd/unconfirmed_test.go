package authd_test

import (
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
	"github.com/battery-passport/suite/pkg/waittest"
)

// TestUnconfirmedAccountsAreErased seven days after the latest registration of the address: a new
// password does not change that. Accounts that are confirmed or disabled stay.
func TestUnconfirmedAccountsAreErased(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		m := withMail(t, db, verify)
		root := m.register("root@nlb.example", "admin")
		people := map[string]grant{}
		for _, name := range []string{"ann", "ole", "eve", "ute"} {
			m.registerPending(name+"@nlb.example", "correct horse")
			people[name] = m.eventuallyLogin(name+"@nlb.example", "correct horse")
		}
		_, token := m.link("ole@nlb.example", 1)
		m.confirmEmail(token, "correct horse").Want(204, nil)
		m.Call("PATCH /api/auth/users/"+people["eve"].User.ID, root.Token, `{"disabled":true}`).Want(200, nil)

		m.advance(6 * 24 * time.Hour)
		m.registerPending("ute@nlb.example", "battery staple")
		m.eventuallyLogin("ute@nlb.example", "battery staple")
		var ann grant
		m.logIn("ann@nlb.example", "correct horse").Want(200, &ann)
		m.Call("PUT /api/auth/password", ann.Token, `{"currentPassword":"correct horse","newPassword":"battery staple"}`).Want(204, nil)
		m.logIn("ann@nlb.example", "battery staple").Want(200, nil)

		m.advance(25 * time.Hour)
		m.logIn("root@nlb.example", "correct horse").Want(200, &root)
		waittest.Until(t, "ann is erased", func() bool {
			return m.Call("GET /api/auth/users/"+people["ann"].User.ID, root.Token, nil).Status == 404
		})
		m.logIn("ann@nlb.example", "battery staple").WantProblem(401)
		if events := waiting(t, db, people["ann"].User.ID); !strings.HasPrefix(events[len(events)-1], "user.deleted ") {
			t.Errorf("events = %v, want user.deleted at the end", events)
		}
		for _, name := range []string{"ole", "eve", "ute"} {
			m.Call("GET /api/auth/users/"+people[name].User.ID, root.Token, nil).Want(200, nil)
		}
		m.registerPending("ann@nlb.example", "drop anchor")
		if again := m.eventuallyLogin("ann@nlb.example", "drop anchor"); again.User.ID == people["ann"].User.ID {
			t.Error("a new account has the id of the erased one")
		}
	})
}
