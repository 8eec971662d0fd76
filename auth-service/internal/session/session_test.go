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

// TestSuccessorNeedsTheToken: what is stored, with the key, is not enough to make
// the token that counts.
func TestSuccessorNeedsTheToken(t *testing.T) {
	key, salt := []byte("key"), []byte("salt")
	one := newToken()
	same, other, elsewhere := one, newToken(), newToken()
	other.session, elsewhere.secret = one.session, one.secret
	next := one.successor(key, salt)
	if got := same.successor(key, salt); got != next {
		t.Error("two who have the same token get different ones")
	}
	for name, got := range map[string]refreshToken{
		"another secret":  other.successor(key, salt),
		"another session": elsewhere.successor(key, salt),
		"another key":     one.successor([]byte("other"), salt),
		"another salt":    one.successor(key, []byte("pepper")),
	} {
		if bytes.Equal(got.secret[:], next.secret[:]) {
			t.Errorf("%s gives the same successor", name)
		}
	}
}

// TestSinceToldLate has an instance whose clock is behind tell of a revocation
// after a reader has read all there was.
func TestSinceToldLate(t *testing.T) {
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "auth.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	s := &Service{
		Sessions: store.Open(db, Schema()), Revocations: store.Open(db, RevokedSchema()), Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Key: func() ([]byte, error) { return []byte("key"), nil }, Now: func() time.Time { return now }, Lifetime: time.Hour, TokenLifetime: time.Hour,
	}
	revoke := func(account string) {
		t.Helper()
		id, _, err := s.Begin(t.Context(), account, 0)
		if err == nil {
			err = s.End(t.Context(), id)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	revoke("ann")
	read, err := s.Since(t.Context(), "")
	if err != nil || len(read.Items) != 1 {
		t.Fatalf("Since = %+v, %v", read, err)
	}
	now = now.Add(-59 * time.Second) // as far off as two may be
	revoke("bob")
	now = now.Add(3 * time.Minute)
	again, err := s.Since(t.Context(), read.Since)
	if err != nil || len(again.Items) != 2 {
		t.Errorf("Since = %+v, %v, want bob's too", again, err)
	}
	if last, err := s.Since(t.Context(), again.Since); err != nil || len(last.Items) != 0 {
		t.Errorf("Since = %+v, %v, want nothing that was told long ago", last, err)
	}
}

// TestOldestLoginEnds where an account has as many as it may have.
func TestOldestLoginEnds(t *testing.T) {
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "auth.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	s := &Service{
		Sessions: store.Open(db, Schema()), Revocations: store.Open(db, RevokedSchema()), Key: func() ([]byte, error) { return []byte("key"), nil },
		Now: func() time.Time { return now }, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Lifetime: time.Hour, TokenLifetime: time.Minute,
	}
	var ids, tokens []string
	for i := range most + 3 {
		now = now.Add(time.Second)
		account := "ann"
		if i == 0 {
			account = "bob"
		}
		for range 3 { // what is logged out counts no more
			id, _, err := s.Begin(t.Context(), account, 0)
			if err != nil || s.End(t.Context(), id) != nil {
				t.Fatal(err)
			}
		}
		id, token, err := s.Begin(t.Context(), account, 0)
		if err != nil {
			t.Fatal(err)
		}
		ids, tokens = append(ids, id), append(tokens, token)
	}
	for i, token := range tokens {
		_, err := s.Refresh(t.Context(), token)
		ended, err2 := s.IsRevoked(t.Context(), ids[i], 1)
		if want := i == 1 || i == 2; (err != nil) != want || ended != want || err2 != nil {
			t.Errorf("login %d: refresh = %v, access tokens revoked %v, %v", i, err, ended, err2)
		}
	}
}

// TestKeepNeverLowersTheEpoch has two changes of a password continue one session,
// the earlier of them last.
func TestKeepNeverLowersTheEpoch(t *testing.T) {
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "auth.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	s := &Service{
		Sessions: store.Open(db, Schema()), Revocations: store.Open(db, RevokedSchema()), Key: func() ([]byte, error) { return []byte("key"), nil },
		Now: time.Now, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Lifetime: time.Hour, TokenLifetime: time.Minute,
	}
	id, token, err := s.Begin(t.Context(), "ann", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, epoch := range []int64{2, 1} {
		if err := s.Keep(t.Context(), id, epoch); err != nil {
			t.Fatal(err)
		}
	}
	if found, err := s.Find(t.Context(), token); err != nil || found.Epoch != 2 || !found.Counts {
		t.Errorf("Find = %+v, %v, want a session of epoch 2", found, err)
	}
}

// TestRevokedSessionIsNotRefreshed: a logout that dies after it stored the
// revocation leaves no session whose later tokens outlive that revocation.
func TestRevokedSessionIsNotRefreshed(t *testing.T) {
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "auth.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	s := &Service{
		Sessions: store.Open(db, Schema()), Revocations: store.Open(db, RevokedSchema()), Key: func() ([]byte, error) { return []byte("key"), nil },
		Now: func() time.Time { return now }, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Lifetime: time.Hour, TokenLifetime: 15 * time.Minute,
	}
	id, token, err := s.Begin(t.Context(), "ann", 0)
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
	if _, err := s.Refresh(t.Context(), token); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("Refresh = %v, want unauthenticated", err)
	}
	if row, err := s.Sessions.Get(t.Context(), id); err != nil || !row.Doc.Ended {
		t.Errorf("session %+v, %v, want it ended", row.Doc, err)
	}
}
