package account_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/password"
	"github.com/battery-passport/suite/auth-service/internal/session"
	"github.com/battery-passport/suite/auth-service/internal/throttle"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/sqlite"
)

// asked does something once, when it is asked what was revoked: after a password
// or a session was checked, and before there is a token.
type asked struct {
	account.Revoker
	first func()
}

func (a *asked) IsRevoked(ctx context.Context, id string, version int64) (bool, error) {
	if f := a.first; f != nil {
		a.first = nil
		f()
	}
	return a.Revoker.IsRevoked(ctx, id, version)
}

// counted counts passwords that are hashed, and calls first once after one.
type counted struct {
	account.Hasher
	n     int
	first func()
}

func (c *counted) Compare(ctx context.Context, hash, password string) (bool, error) {
	c.n++
	ok, err := c.Hasher.Compare(ctx, hash, password)
	if f := c.first; f != nil {
		c.first = nil
		f()
	}
	return ok, err
}

func open(t *testing.T) (*account.Service, *asked, *counted) {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "auth.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(context.Background()) })
	key := func() ([]byte, error) { return []byte("key"), nil }
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	sessions := &session.Service{
		Sessions: store.Open(db, session.Schema()), Revocations: store.Open(db, session.RevokedSchema()), Key: key, Now: time.Now, Log: log,
		Lifetime: time.Hour, TokenLifetime: time.Minute,
	}
	tokens, passwords := &asked{Revoker: sessions}, &counted{Hasher: password.New(4, key)}
	return &account.Service{
		Accounts: store.Open(db, account.Schema()), Audit: store.Open(db, account.AuditSchema()), Passwords: passwords,
		Attempts: throttle.New(3, time.Now), Tokens: tokens, Now: time.Now, NewID: uuid.NewString, Log: log,
	}, tokens, passwords
}

// TestChangedMeanwhile ends the logins of an account while one is on its way: it
// gets no token that outlives that.
func TestChangedMeanwhile(t *testing.T) {
	yes, operator := true, auth.Operator
	for name, what := range map[string]struct {
		change func(*account.Service, string) error
		ends   bool
	}{
		"disabled": {func(s *account.Service, id string) error {
			_, err := s.Change(t.Context(), id, account.Change{Disabled: &yes})
			return err
		}, true},
		"a new password": {func(s *account.Service, id string) error {
			_, err := s.ChangePassword(auth.NewContext(t.Context(), auth.Principal{UserID: id}), "correct horse", "battery staple")
			return err
		}, true},
		"logged out everywhere": {func(s *account.Service, id string) error { return s.EndSessions(t.Context(), id) }, true},
		"a new role": {func(s *account.Service, id string) error {
			_, err := s.Change(t.Context(), id, account.Change{Role: &operator})
			return err
		}, false},
	} {
		for how, get := range map[string]func(*account.Service, account.Record) (account.Record, error){
			"refresh": func(s *account.Service, r account.Record) (account.Record, error) {
				return s.Holder(t.Context(), r.ID, r.Epoch)
			},
			"login": func(s *account.Service, _ account.Record) (account.Record, error) {
				return s.Authenticate(t.Context(), "ann@x.example", "correct horse")
			},
		} {
			t.Run(name+"/"+how, func(t *testing.T) {
				s, tokens, _ := open(t)
				ann, err := s.Register(t.Context(), "ann@x.example", "correct horse", "")
				if err != nil {
					t.Fatal(err)
				}
				tokens.first = func() {
					if err := what.change(s, ann.ID); err != nil {
						t.Error(err)
					}
				}
				r, err := get(s, ann)
				switch {
				case what.ends && !fault.Is(err, fault.Unauthenticated):
					t.Errorf("gets %+v, %v", r, err)
				case !what.ends && (err != nil || r.Role != operator || r.Rights != ann.Rights+1):
					t.Errorf("gets %+v, %v", r, err)
				}
			})
		}
	}
}

// TestNoHashForWhoHasToWait: what is refused costs nothing.
func TestNoHashForWhoHasToWait(t *testing.T) {
	s, _, passwords := open(t)
	for range 10 {
		_, _ = s.Authenticate(account.WithOrigin(t.Context(), account.Origin{Network: "192.0.2.1"}), "ann@x.example", "wrong horse")
	}
	if passwords.n != 3 {
		t.Errorf("of 10 passwords %d were hashed, and 3 may be tried", passwords.n)
	}
}

// TestConcurrentPasswordChanges changes a password while another request, which
// has already proved that it knows the old one, changes it too: one of them wins.
func TestConcurrentPasswordChanges(t *testing.T) {
	s, _, passwords := open(t)
	ann, err := s.Register(t.Context(), "ann@x.example", "correct horse", "")
	if err != nil {
		t.Fatal(err)
	}
	ctx := auth.NewContext(t.Context(), auth.Principal{UserID: ann.ID, Version: ann.Rights})
	passwords.first = func() {
		if _, err := s.ChangePassword(ctx, "correct horse", "battery staple"); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.ChangePassword(ctx, "correct horse", "paper and pencil"); !fault.Is(err, fault.Conflict) {
		t.Errorf("ChangePassword = %v, want a conflict", err)
	}
	if _, err := s.Authenticate(t.Context(), "ann@x.example", "battery staple"); err != nil {
		t.Errorf("Authenticate with the password of the first change: %v", err)
	}
}
