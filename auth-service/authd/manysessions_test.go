package authd_test

import (
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
	"github.com/battery-passport/suite/pkg/waittest"
)

// TestAccountHasAtMostHundredSessions: a login beyond 100 sessions ends the oldest one, its
// access token included; the others continue.
func TestAccountHasAtMostHundredSessions(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		var c clock
		s := start(t, db, c.set)
		bob, sessions := s.register("bob@x.example", ""), []grant{s.register("ann@x.example", "")}
		begin := func() {
			c.advance(time.Second)
			var g grant
			s.login("ann@x.example", "correct horse").Want(200, &g)
			sessions = append(sessions, g)
		}
		for range 99 {
			begin()
		}
		for i := range sessions { // none has ended
			sessions[i] = s.refreshed(sessions[i].RefreshToken)
		}
		begin()
		s.refresh(sessions[0].RefreshToken).WantProblem(401, "/refreshToken refused")
		waittest.Until(t, "the access token of the oldest session is refused", func() bool {
			return s.Call("GET /api/auth/profile", sessions[0].Token, nil).Status == 401
		})
		for _, g := range append(sessions[1:], bob) {
			s.refreshed(g.RefreshToken)
		}
	})
}
