package account_test

import (
	"context"
	"log/slog"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/auth-service/internal/password"
	"github.com/battery-passport/suite/auth-service/internal/session"
	"github.com/battery-passport/suite/auth-service/internal/throttle"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/sqlite"
)

// hookedRevoker calls hook once on IsRevoked: after a password or a session was
// checked, and before a token is issued.
type hookedRevoker struct {
	account.Revoker
	hook func()
}

func (r *hookedRevoker) IsRevoked(ctx context.Context, id string, version int64) (bool, error) {
	if f := r.hook; f != nil {
		r.hook = nil
		f()
	}
	return r.Revoker.IsRevoked(ctx, id, version)
}

// hookedHasher counts calls of Compare, and calls hook once after one.
type hookedHasher struct {
	account.Hasher
	n    int
	hook func()
}

func (h *hookedHasher) Compare(ctx context.Context, client account.Client, hash, password string) (bool, error) {
	h.n++
	ok, err := h.Hasher.Compare(ctx, client, hash, password)
	if f := h.hook; f != nil {
		h.hook = nil
		f()
	}
	return ok, err
}

func open(t *testing.T) (*account.Service, *hookedRevoker, *hookedHasher) {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "auth.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(context.Background()) })
	key := func() ([]byte, error) { return []byte("key"), nil }
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	sessions := &session.Service{
		Sessions: store.Open(db, session.Schema()), Revocations: store.Open(db, session.RevocationSchema()), Key: key, Now: time.Now, Log: log,
		Lifetime: time.Hour, TokenLifetime: time.Minute,
	}
	tokens, passwords := &hookedRevoker{Revoker: sessions}, &hookedHasher{Hasher: password.New(4, key, 8)}
	return &account.Service{
		Accounts: store.Open(db, account.Schema()), Audit: audit.New(db, time.Now, log), Passwords: passwords,
		Throttle: throttle.New(3, 0, time.Now), Tokens: tokens, Now: time.Now, NewID: uuid.NewString, Log: log,
	}, tokens, passwords
}

// TestAccountChangeDuringLogin changes an account during a login or a refresh: no token
// is issued that outlives the change.
func TestAccountChangeDuringLogin(t *testing.T) {
	yes, operator := true, auth.Operator
	for name, c := range map[string]struct {
		change func(*account.Service, string) error
		ends   bool
	}{
		"disabled": {func(s *account.Service, id string) error {
			_, err := s.Change(t.Context(), account.Administrator{All: true}, id, account.Change{Disabled: &yes})
			return err
		}, true},
		"a new password": {func(s *account.Service, id string) error {
			_, err := s.ChangePassword(auth.NewContext(t.Context(), auth.Principal{UserID: id}), "correct horse", "battery staple")
			return err
		}, true},
		"logged out everywhere": {func(s *account.Service, id string) error { return s.EndSessions(t.Context(), id) }, true},
		"a new role": {func(s *account.Service, id string) error {
			_, err := s.Change(t.Context(), account.Administrator{All: true}, id, account.Change{Role: &operator})
			return err
		}, false},
	} {
		for step, get := range map[string]func(*account.Service, account.Record) (account.Record, error){
			"refresh": func(s *account.Service, r account.Record) (account.Record, error) {
				return s.GetForSession(t.Context(), r.ID, r.Epoch)
			},
			"login": func(s *account.Service, _ account.Record) (account.Record, error) {
				return s.Authenticate(t.Context(), "ann@x.example", "correct horse", session.Device{})
			},
		} {
			t.Run(name+"/"+step, func(t *testing.T) {
				s, tokens, _ := open(t)
				ann, err := s.Register(t.Context(), "ann@x.example", "correct horse", "")
				if err != nil {
					t.Fatal(err)
				}
				tokens.hook = func() {
					if err := c.change(s, ann.ID); err != nil {
						t.Error(err)
					}
				}
				r, err := get(s, ann)
				switch {
				case c.ends && !fault.Is(err, fault.Unauthenticated):
					t.Errorf("got %+v, %v, want unauthenticated", r, err)
				case !c.ends && (err != nil || r.Role != operator || r.Rights != ann.Rights+1):
					t.Errorf("got %+v, %v, want the new role and rights", r, err)
				}
			})
		}
	}
}

// TestThrottledAttemptIsNotHashed: a refused attempt costs no hash.
func TestThrottledAttemptIsNotHashed(t *testing.T) {
	s, _, passwords := open(t)
	for range 10 {
		_, _ = s.Authenticate(audit.WithOrigin(t.Context(), audit.Origin{Client: netip.MustParseAddr("192.0.2.1")}), "ann@x.example", "wrong horse", session.Device{})
	}
	if passwords.n != 3 {
		t.Errorf("%d of 10 passwords were hashed, want 3", passwords.n)
	}
}

// TestConcurrentPasswordChanges: of two requests that have verified the same current
// password, one succeeds.
func TestConcurrentPasswordChanges(t *testing.T) {
	s, _, passwords := open(t)
	ann, err := s.Register(t.Context(), "ann@x.example", "correct horse", "")
	if err != nil {
		t.Fatal(err)
	}
	ctx := auth.NewContext(t.Context(), auth.Principal{UserID: ann.ID, Version: ann.Rights})
	passwords.hook = func() {
		if _, err := s.ChangePassword(ctx, "correct horse", "battery staple"); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.ChangePassword(ctx, "correct horse", "paper and pencil"); !fault.Is(err, fault.Conflict) {
		t.Errorf("ChangePassword = %v, want a conflict", err)
	}
	if _, err := s.Authenticate(t.Context(), "ann@x.example", "battery staple", session.Device{}); err != nil {
		t.Errorf("Authenticate with the password of the first change: %v", err)
	}
}
