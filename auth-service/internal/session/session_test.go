package session

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/sqlite"
)

// open returns a service on an empty database, and the database. The clock is *now.
func open(t *testing.T, now *time.Time, tokenLifetime time.Duration) (*Service, store.DB) {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "auth.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(context.Background()) })
	*now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	return &Service{
		Sessions: store.Open(db, Schema()), Revocations: store.Open(db, RevocationSchema()), Key: func() ([]byte, error) { return []byte("key"), nil },
		Now: func() time.Time { return *now }, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Lifetime: time.Hour, TokenLifetime: tokenLifetime,
	}, db
}

// TestSuccessorNeedsTheToken: the stored record and the key are not enough to derive the
// current refresh token.
func TestSuccessorNeedsTheToken(t *testing.T) {
	key, salt := []byte("key"), []byte("salt")
	one := newToken()
	same, otherSecret, otherSession := one, newToken(), newToken()
	otherSecret.session, otherSession.secret = one.session, one.secret
	next := one.successor(key, salt)
	if got := same.successor(key, salt); got != next {
		t.Error("the same token has different successors")
	}
	for name, got := range map[string]refreshToken{
		"another secret":  otherSecret.successor(key, salt),
		"another session": otherSession.successor(key, salt),
		"another key":     one.successor([]byte("other"), salt),
		"another salt":    one.successor(key, []byte("pepper")),
	} {
		if bytes.Equal(got.secret[:], next.secret[:]) {
			t.Errorf("%s gives the same successor", name)
		}
	}
}

// TestLateRevocationIsReturned: an instance whose clock is behind stores a revocation
// after a reader has read all revocations.
func TestLateRevocationIsReturned(t *testing.T) {
	var now time.Time
	s, _ := open(t, &now, time.Hour)
	revoke := func(account string) {
		t.Helper()
		id, _, err := s.Begin(t.Context(), account, 0, Client{})
		if err == nil {
			err = s.End(t.Context(), id)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	revoke("ann")
	first, err := s.RevocationsSince(t.Context(), "")
	if err != nil || len(first.Items) != 1 {
		t.Fatalf("RevocationsSince = %+v, %v, want 1 item", first, err)
	}
	now = now.Add(-59 * time.Second) // nearly the maximum difference of two clocks
	revoke("bob")
	now = now.Add(3 * time.Minute)
	second, err := s.RevocationsSince(t.Context(), first.Since)
	if err != nil || len(second.Items) != 2 {
		t.Errorf("RevocationsSince = %+v, %v, want 2 items", second, err)
	}
	if last, err := s.RevocationsSince(t.Context(), second.Since); err != nil || len(last.Items) != 0 {
		t.Errorf("RevocationsSince = %+v, %v, want no items", last, err)
	}
}

// TestOldestSessionEnds begins more sessions than an account may have.
func TestOldestSessionEnds(t *testing.T) {
	var now time.Time
	s, _ := open(t, &now, time.Minute)
	var ids, tokens []string
	for i := range maxSessions + 3 {
		now = now.Add(time.Second)
		account := "ann"
		if i == 0 {
			account = "bob"
		}
		for range 3 { // ended sessions are not counted
			id, _, err := s.Begin(t.Context(), account, 0, Client{})
			if err != nil || s.End(t.Context(), id) != nil {
				t.Fatal(err)
			}
		}
		id, token, err := s.Begin(t.Context(), account, 0, Client{})
		if err != nil {
			t.Fatal(err)
		}
		ids, tokens = append(ids, id), append(tokens, token)
	}
	for i, token := range tokens {
		_, err := s.Refresh(t.Context(), token, "")
		ended, err2 := s.IsRevoked(t.Context(), ids[i], 1)
		if want := i == 1 || i == 2; (err != nil) != want || ended != want || err2 != nil {
			t.Errorf("session %d: Refresh = %v, IsRevoked = %v, %v", i, err, ended, err2)
		}
	}
}

// TestSetEpochNeverLowersTheEpoch: two password changes move one session, the later
// change first.
func TestSetEpochNeverLowersTheEpoch(t *testing.T) {
	var now time.Time
	s, _ := open(t, &now, time.Minute)
	id, token, err := s.Begin(t.Context(), "ann", 0, Client{})
	if err != nil {
		t.Fatal(err)
	}
	for _, epoch := range []int64{2, 1} {
		if err := s.SetEpoch(t.Context(), id, epoch); err != nil {
			t.Fatal(err)
		}
	}
	if found, err := s.Find(t.Context(), token); err != nil || found.Epoch != 2 || !found.Active {
		t.Errorf("Find = %+v, %v, want a session of epoch 2", found, err)
	}
}

// TestRevokedSessionIsNotRefreshed: after a logout that stored the revocation but not the
// session, the session issues no access tokens that outlive the revocation.
func TestRevokedSessionIsNotRefreshed(t *testing.T) {
	var now time.Time
	s, db := open(t, &now, 15*time.Minute)
	id, token, err := s.Begin(t.Context(), "ann", 0, Client{})
	if err != nil {
		t.Fatal(err)
	}
	broken := store.HistoryOf(store.Open(db, store.Schema[func()]{Name: "broken"}), "1", func() {}) // cannot be encoded
	if _, err := s.Sessions.Update(t.Context(), id, func(r *Record) (store.Change, error) {
		change := s.end(r)
		change.History = append(change.History, broken)
		return change, nil
	}); err == nil {
		t.Fatal("the session write must fail")
	}
	if revoked, err := s.IsRevoked(t.Context(), id, 1); err != nil || !revoked {
		t.Fatalf("IsRevoked = %v, %v", revoked, err)
	}
	now = now.Add(15 * time.Minute)
	if _, err := s.Refresh(t.Context(), token, ""); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("Refresh = %v, want unauthenticated", err)
	}
	if row, err := s.Sessions.Get(t.Context(), id); err != nil || !row.Doc.Ended {
		t.Errorf("session %+v, %v, want it ended", row.Doc, err)
	}
}
