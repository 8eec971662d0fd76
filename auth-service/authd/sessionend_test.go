package authd_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/battery-passport/suite/auth-service/internal/session"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
	"github.com/battery-passport/suite/pkg/waittest"
)

func TestAccountChangesEndSessions(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	root := s.register("root@x.example", "admin")
	ann, here := s.register("ann@x.example", ""), grant{}
	s.login("ann@x.example", "correct horse").Want(200, &here)
	s.Call("PUT /api/auth/password", here.Token, `{"currentPassword":"correct horse","newPassword":"battery staple"}`).Want(204, nil)
	s.refresh(ann.RefreshToken).WantProblem(401)
	s.Call("GET /api/auth/profile", ann.Token, nil).Want(401, nil)
	here = s.refreshed(here.RefreshToken) // the session that changed the password continues
	s.Call("GET /api/auth/profile", here.Token, nil).Want(200, nil)

	// The token of an ended session, and a used token, cannot end the other sessions.
	used := here.RefreshToken
	here = s.refreshed(s.refreshed(used).RefreshToken)
	for _, old := range []string{ann.RefreshToken, used} {
		s.logout(`{"refreshToken":"` + old + `","everywhere":true}`).WantProblem(401)
	}
	here = s.refreshed(here.RefreshToken)

	path := "PATCH /api/auth/users/" + ann.User.ID
	s.Call(path, root.Token, `{"disabled":true}`).Want(200, nil)
	s.refresh(here.RefreshToken).WantProblem(401)
	s.Call(path, root.Token, `{"disabled":false}`).Want(200, nil)
	s.refresh(here.RefreshToken).WantProblem(401) // sessions do not come back
	s.Call("GET /api/auth/profile", here.Token, nil).Want(401, nil)
	s.login("ann@x.example", "battery staple").Want(200, nil)
}

// TestRevocationReachesOtherServices: a verifier of another service refuses revoked
// tokens and accepts all others.
func TestRevocationReachesOtherServices(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		root := s.register("root@x.example", "admin")
		other, err := token.NewVerifier(t.Context(), token.Config{URL: s.URL}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		ctx, stop := context.WithCancel(t.Context())
		wg.Go(func() { _ = other.Run(ctx) })
		defer wg.Wait()
		defer stop()
		accepted := func(s grant) bool {
			_, err := other.Verify(t.Context(), "Bearer "+s.Token)
			return err == nil
		}
		var people []grant
		for _, email := range []string{"a@x.example", "b@x.example", "c@x.example", "d@x.example", "e@x.example"} {
			people = append(people, s.register(email, ""))
			if !accepted(people[len(people)-1]) {
				t.Fatal("a new token is refused")
			}
		}
		changes := []func(){
			func() { s.logout(`{"refreshToken":"`+people[0].RefreshToken+`"}`).Want(204, nil) },
			func() { s.logout(`{"refreshToken":"`+people[1].RefreshToken+`","everywhere":true}`).Want(204, nil) },
			func() {
				s.Call("PATCH /api/auth/users/"+people[2].User.ID, root.Token, `{"role":"authority"}`).Want(200, nil)
			},
			func() {
				s.Call("PATCH /api/auth/users/"+people[3].User.ID, root.Token, `{"disabled":true}`).Want(200, nil)
			},
		}
		for i, change := range changes {
			change()
			waittest.Until(t, fmt.Sprintf("tokens of change %d are refused", i), func() bool { return !accepted(people[i]) })
		}
		if !accepted(people[4]) || !accepted(root) {
			t.Error("tokens of other accounts are refused")
		}
		if next := s.refreshed(people[2].RefreshToken); !accepted(next) {
			t.Error("the token with the new role is refused")
		}
		// A verifier that starts now knows all revocations at once.
		late, err := token.NewVerifier(t.Context(), token.Config{URL: s.URL}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		for i := range changes {
			if _, err := late.Verify(t.Context(), "Bearer "+people[i].Token); err == nil {
				t.Errorf("a verifier that started later accepts the token of %s", people[i].User.Email)
			}
		}
	})
}

// TestTokensAreValidAfterInterruptedChange stores the revocation of a change without the
// change, as if the service was killed in between: the next access tokens are valid.
func TestTokensAreValidAfterInterruptedChange(t *testing.T) {
	cfg := connect.Config{Dir: t.TempDir()}
	s := start(t, cfg)
	ann := s.register("ann@x.example", "")
	s.stop()
	_, err := store.Open(openStore(t, cfg), session.RevocationSchema()).Insert(t.Context(), auth.RevocationID(ann.User.ID)+"/1", session.RevocationRecord{
		Revocation: auth.Revocation{ID: auth.RevocationID(ann.User.ID), Version: 1, Until: time.Now().Add(time.Hour)}, CreatedAt: time.Now(),
	})
	if err != nil {
		t.Fatal(err)
	}
	s = start(t, cfg)
	s.eventuallyRefused(ann.Token)
	ann = s.refreshed(ann.RefreshToken)
	v, err := token.NewVerifier(t.Context(), token.Config{URL: s.URL}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), "Bearer "+ann.Token); err != nil {
		t.Errorf("verification of the next access token: %v", err)
	}
}

// TestRevocationsHideIDsAndExpire: public revocations do not reveal ids of accounts, and
// are removed when their tokens have expired.
func TestRevocationsHideIDsAndExpire(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		var c clock
		s := start(t, db, c.set)
		root := s.register("root@x.example", "admin")
		var ids []string
		for _, email := range []string{"a@x.example", "b@x.example"} {
			a := s.register(email, "")
			s.Call("PATCH /api/auth/users/"+a.User.ID, root.Token, `{"disabled":true}`).Want(200, nil)
			ids = append(ids, a.User.ID)
		}
		a := s.Call("GET /api/auth/revocations", "", nil)
		var r auth.Revocations
		if a.Want(200, &r); len(r.Items) != 2 || r.Since == "" || r.More {
			t.Errorf("revocations = %s, want 2", a.Text)
		}
		for _, id := range ids {
			if strings.Contains(a.Text, id) {
				t.Errorf("the revocations contain the account id %s", id)
			}
		}
		s.Call("GET /api/auth/revocations?since="+r.Since, "", nil).Want(200, &r) // recent revocations are returned once more
		s.Call("GET /api/auth/revocations?since=x", "", nil).WantProblem(400, "query:since format")
		c.advance(15*time.Minute + 2*time.Minute)
		s.Call("GET /api/auth/revocations", "", nil).Want(200, &r)
		if len(r.Items) != 0 {
			t.Errorf("got revocations of expired tokens: %v", r.Items)
		}
	})
}

func TestSweepRemovesExpiredRecords(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, cfg connect.Config) {
		db := openStore(t, cfg)
		var c clock
		s := session.Service{
			Sessions: store.Open(db, session.Schema()), Revocations: store.Open(db, session.RevocationSchema()),
			Key: func() ([]byte, error) { return []byte("key"), nil }, Now: c.now, Log: slog.New(slog.DiscardHandler),
			Lifetime: time.Hour, TokenLifetime: time.Minute,
		}
		var tokens []string
		for range 250 {
			id, token, err := s.Begin(t.Context(), "ann", 0, session.Client{})
			if err != nil || s.End(t.Context(), id) != nil {
				t.Fatal(err)
			}
			tokens = append(tokens, token)
		}
		c.advance(90 * time.Minute)
		_, last, err := s.Begin(t.Context(), "ann", 0, session.Client{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, token := range tokens {
			if _, err := s.Find(t.Context(), token); err == nil {
				t.Fatal("an expired session was not removed")
			}
		}
		page, err := s.Revocations.List(t.Context(), store.Query{Scopes: []string{store.All}, Limit: 1})
		if err != nil || len(page.Rows) != 0 {
			t.Errorf("revocations after the sweep = %v, %v, want none", page.Rows, err)
		}
		if _, err := s.Find(t.Context(), last); err != nil {
			t.Errorf("find a current session: %v", err)
		}
	})
}
