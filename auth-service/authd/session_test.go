package authd_test

import (
	"encoding/json"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
	"github.com/battery-passport/suite/pkg/waittest"
)

// clock moves on by a millisecond when it is read, so that changes have an order, and when a
// test advances it.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time { return c.moved(time.Millisecond) }

func (c *clock) advance(d time.Duration) { c.moved(d) }

func (c *clock) moved(d time.Duration) time.Time {
	c.at.CompareAndSwap(0, time.Now().UnixNano())
	return time.Unix(0, c.at.Add(int64(d)))
}

func (c *clock) set(cfg *authd.Config) { cfg.Now = c.now }

func (s *service) refresh(token string) resttest.Response {
	s.T.Helper()
	return s.Call("POST /api/auth/refresh", "", map[string]string{"refreshToken": token})
}

func (s *service) refreshed(token string) (next grant) {
	s.T.Helper()
	s.refresh(token).Want(200, &next)
	return next
}

func (s *service) logout(body string) resttest.Response {
	s.T.Helper()
	return s.Call("POST /api/auth/logout", "", body)
}

// eventuallyRefused waits until an access token is refused.
func (s *service) eventuallyRefused(token string) {
	s.T.Helper()
	waittest.Until(s.T, "the access token is refused", func() bool {
		a := s.Call("GET /api/auth/profile", token, nil)
		if a.Status != 401 {
			a.Want(200, nil)
		}
		return a.Status == 401
	})
}

func TestSessionContinuesUntilItExpires(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		var c clock
		s := start(t, db, c.set)
		root, ann := s.register("root@x.example", "admin"), s.register("ann@x.example", "")
		next := s.refreshed(ann.RefreshToken)
		if next.User != ann.User || next.ExpiresIn != 900 || next.Token == ann.Token || next.RefreshToken == ann.RefreshToken {
			t.Errorf("grant after a refresh = %+v", next)
		}
		s.Call("GET /api/auth/profile", next.Token, nil).Want(200, nil)
		s.Call("GET /api/auth/profile", ann.Token, nil).Want(200, nil) // until it expires

		// A new role comes with the next refresh; the earlier access token is revoked.
		s.Call("PATCH /api/auth/users/"+ann.User.ID, root.Token, `{"role":"operator"}`).Want(200, nil)
		s.Call("GET /api/auth/profile", next.Token, nil).Want(401, nil)
		if next = s.refreshed(next.RefreshToken); next.User.Role != "operator" {
			t.Errorf("role after the change = %s, want operator", next.User.Role)
		}
		s.Call("GET /api/auth/profile", next.Token, nil).Want(200, nil)

		// The session survives a restart, and expires a day after the login.
		s.stop()
		s = start(t, db, c.set)
		c.advance(23 * time.Hour)
		next = s.refreshed(next.RefreshToken)
		c.advance(time.Hour)
		s.refresh(next.RefreshToken).WantProblem(401, "/refreshToken refused")
	})
}

// TestConcurrentRefreshesGetSameToken uses one refresh token from many browser tabs at
// once and again within two minutes.
func TestConcurrentRefreshesGetSameToken(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		var c clock
		s := start(t, db, c.set)
		first := s.register("ann@x.example", "")
		var mu sync.Mutex
		var wg sync.WaitGroup
		got := map[string]int{}
		for range 50 {
			wg.Go(func() {
				a := s.refresh(first.RefreshToken)
				var next grant
				if err := json.Unmarshal([]byte(a.Text), &next); err != nil || a.Status != 200 {
					t.Errorf("refresh = %d: %s", a.Status, a.Text)
				}
				mu.Lock()
				defer mu.Unlock()
				got[next.RefreshToken]++
			})
		}
		wg.Wait()
		if len(got) != 1 {
			t.Fatalf("50 concurrent refreshes got %d different tokens, want 1", len(got))
		}
		var second string
		for second = range got {
		}
		c.advance(119 * time.Second)
		if late := s.refreshed(first.RefreshToken); late.RefreshToken != second {
			t.Error("a refresh with the previous token returned another successor")
		}
		third := s.refreshed(second)
		s.refreshed(third.RefreshToken)
	})
}

// TestRefreshTokenReuseEndsSession: neither the thief nor the holder of a stolen token
// can refresh, and the access tokens of the session are revoked.
func TestRefreshTokenReuseEndsSession(t *testing.T) {
	for name, when := range map[string]struct {
		after  time.Duration
		rounds int
	}{"the previous token after two minutes": {121 * time.Second, 1}, "an older token": {0, 2}} {
		t.Run(name, func(t *testing.T) {
			var c clock
			s := start(t, connect.Config{Dir: t.TempDir()}, c.set)
			root, ann := s.register("root@x.example", "admin"), s.register("ann@x.example", "")
			var other grant
			s.login("ann@x.example", "correct horse").Want(200, &other)
			holder := ann
			for range when.rounds {
				holder = s.refreshed(holder.RefreshToken)
			}
			c.advance(when.after)
			s.refresh(ann.RefreshToken).WantProblem(401, "/refreshToken refused")
			s.refresh(holder.RefreshToken).WantProblem(401, "/refreshToken refused")
			s.eventuallyRefused(holder.Token)
			s.refreshed(other.RefreshToken) // the other session continues
			if !strings.Contains(s.log.String(), "refresh token reused") {
				t.Errorf("log:\n%s", s.log)
			}
			audit := s.entries(root, "&account="+ann.User.ID, map[string]string{ann.User.ID: "ann"})
			if want := "ann 2 refreshTokenReused by  from 127.0.0.1"; len(audit) != 2 || audit[0] != want {
				t.Errorf("audit = %q, want %s first", audit, want)
			}
		})
	}
}

// TestForgedRefreshTokensAreRefused: forged tokens do not end the session that they
// name.
func TestForgedRefreshTokensAreRefused(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	ann := s.register("ann@x.example", "")
	good := ann.RefreshToken
	for name, forged := range map[string]string{
		"empty": "", "not base64": "!", "access token": ann.Token[:150], "truncated": good[:len(good)-4], "longer": good + "AAAA", "trailing space": good + " ",
		"wrong secret": good[:30] + "AAAAAAAA" + good[38:], "wrong tag": good[:len(good)-4] + "AAAA", "wrong session": "AAAA" + good[4:],
	} {
		t.Run(name, func(t *testing.T) {
			c := s.On(t)
			body := map[string]string{"refreshToken": forged}
			c.Call("POST /api/auth/refresh", "", body).WantProblem(401, "/refreshToken refused")
			c.Call("POST /api/auth/logout", "", body).WantProblem(401, "/refreshToken refused")
		})
	}
	s.refreshed(good)
}

func TestLogout(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		phone, laptop := s.register("ann@x.example", ""), grant{}
		s.login("ann@x.example", "correct horse").Want(200, &laptop)
		bob := s.register("bob@x.example", "")
		s.logout(`{"refreshToken":"`+phone.RefreshToken+`"}`).Want(204, nil)
		s.logout(`{"refreshToken":"`+phone.RefreshToken+`"}`).Want(204, nil) // changes nothing
		s.refresh(phone.RefreshToken).WantProblem(401, "/refreshToken refused")
		s.eventuallyRefused(phone.Token)
		s.Call("GET /api/auth/profile", laptop.Token, nil).Want(200, nil)
		laptop = s.refreshed(laptop.RefreshToken)

		// The token of an ended session cannot end the other sessions.
		s.logout(`{"refreshToken":"` + phone.RefreshToken + `","everywhere":true}`).WantProblem(401)
		laptop = s.refreshed(laptop.RefreshToken)
		s.login("ann@x.example", "correct horse").Want(200, &phone)
		s.logout(`{"refreshToken":"`+phone.RefreshToken+`","everywhere":true}`).Want(204, nil)
		for _, ended := range []grant{phone, laptop} {
			s.refresh(ended.RefreshToken).Want(401, nil)
			s.Call("GET /api/auth/profile", ended.Token, nil).Want(401, nil) // the auth-service knows the revocation at once
		}
		s.Call("GET /api/auth/profile", bob.Token, nil).Want(200, nil)
		s.login("ann@x.example", "correct horse").Want(200, &phone)
		s.Call("GET /api/auth/profile", phone.Token, nil).Want(200, nil)
	})
}

// TestAccountsOfEarlierRelease uses an account stored without rights, epoch and audit
// entry, and an access token without session.
func TestAccountsOfEarlierRelease(t *testing.T) {
	cfg := connect.Config{Dir: t.TempDir()}
	s := start(t, cfg)
	root, ann := s.register("root@x.example", "admin"), s.register("ann@x.example", "")
	s.stop()
	key := signing(t, cfg, "")
	_, err := store.Open(openStore(t, cfg), account.Schema()).Update(t.Context(), ann.User.ID, func(r *account.Record) (store.Change, error) {
		*r = account.Record{Account: r.Account, PasswordHash: r.PasswordHash}
		return store.Change{}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	old, err := key.Sign(token.NewClaims(auth.Principal{UserID: ann.User.ID, Email: "ann@x.example", Role: auth.User}, time.Now(), time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	s = start(t, cfg)
	s.Call("GET /api/auth/profile", old, nil).Want(200, nil)
	s.Call("PUT /api/auth/password", old, `{"currentPassword":"correct horse","newPassword":"battery staple"}`).Want(204, nil)
	s.Call("GET /api/auth/profile", old, nil).Want(401, nil)
	s.login("ann@x.example", "battery staple").Want(200, nil)
	s.Call("PATCH /api/auth/users/"+ann.User.ID, root.Token, `{"role":"operator"}`).Want(200, nil)
}
