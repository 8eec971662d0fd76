package authd_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/auth-service/internal/session"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

type ownSession struct {
	ID                               string
	CreatedAt, LastUsedAt, ExpiresAt time.Time
	Address, UserAgent               string
	Current                          bool
}

func (s *service) sessions(token string) []ownSession {
	s.T.Helper()
	var list struct{ Items []ownSession }
	s.Call("GET /api/auth/sessions", token, nil).Want(200, &list)
	return list.Items
}

// loginWith logs in with a header User-Agent.
func (s *service) loginWith(email, userAgent string) (g grant) {
	s.T.Helper()
	s.Do("POST /api/auth/login", `{"email":"`+email+`","password":"correct horse"}`, "Content-Type", "application/json", "User-Agent", userAgent).Want(200, &g)
	return g
}

// TestSessionsAreListedAndEndedOneByOne: a person sees where the account is logged in, and ends
// the session of a lost phone. Nobody else can.
func TestSessionsAreListedAndEndedOneByOne(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		var c clock
		s := start(t, db, c.set)
		root, first := s.register("root@x.example", "admin"), s.register("ann@x.example", "")
		c.advance(time.Minute)
		phone := s.loginWith("ann@x.example", "Phone/1 \u2067hidden\u2069 "+strings.Repeat("x", 300))
		c.advance(time.Minute)
		laptop := s.refreshed(s.loginWith("ann@x.example", "Laptop/2").RefreshToken)

		list := s.sessions(laptop.Token)
		if len(list) != 3 {
			t.Fatalf("%d sessions, want 3: %+v", len(list), list)
		}
		for i, want := range []ownSession{{UserAgent: "Laptop/2", Current: true}, {UserAgent: "Phone/1 hidden " + strings.Repeat("x", 185)}, {UserAgent: "Go-http-client/1.1"}} {
			got := list[i]
			if got.UserAgent != want.UserAgent || got.Current != want.Current || got.Address != "127.0.0.1" ||
				got.LastUsedAt.Before(got.CreatedAt) || got.ExpiresAt.Sub(got.CreatedAt) != 24*time.Hour {
				t.Errorf("session %d = %+v, want %+v", i, got, want)
			}
		}

		ofPhone := list[1].ID
		for name, a := range map[string]resttest.Response{
			"another account": s.Call("DELETE /api/auth/sessions/"+ofPhone, root.Token, nil),
			"an absent one":   s.Call("DELETE /api/auth/sessions/none", laptop.Token, nil),
		} {
			if a.Status != 404 {
				t.Errorf("%s: %d %s, want 404", name, a.Status, a.Text)
			}
		}
		s.Call("DELETE /api/auth/sessions/"+ofPhone, laptop.Token, nil).Want(204, nil)
		s.eventuallyRefused(phone.Token)
		s.refresh(phone.RefreshToken).WantProblem(401, "/refreshToken refused")
		s.Call("DELETE /api/auth/sessions/"+ofPhone, laptop.Token, nil).WantProblem(404)
		s.Call("GET /api/auth/profile", first.Token, nil).Want(200, nil)
		if got := s.sessions(laptop.Token); len(got) != 2 {
			t.Errorf("%d sessions after one has ended, want 2", len(got))
		}
		if got := s.counts(root, "&action=loggedOut", map[string]string{first.User.ID: "ann"}); !slices.Equal(got, []string{"ann loggedOut 1"}) {
			t.Errorf("the audit counts %q, want one logout of ann", got)
		}

		// The store forgets the client of a session that has ended.
		row, err := store.Open(openStore(t, db), session.Schema()).Get(t.Context(), ofPhone)
		if err != nil || !row.Doc.Ended || row.Doc.Client != (session.Client{}) {
			t.Errorf("stored session = %+v, %v, want one that has ended, without a client", row.Doc, err)
		}

		// Sessions that a password change or a logout everywhere has ended are not listed.
		s.Call("PUT /api/auth/password", laptop.Token, `{"currentPassword":"correct horse","newPassword":"a new battery horse"}`).Want(204, nil)
		if got := s.sessions(s.refreshed(laptop.RefreshToken).Token); len(got) != 1 || !got[0].Current {
			t.Errorf("sessions after a new password = %+v, want the current one", got)
		}
	})
}
