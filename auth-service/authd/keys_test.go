package authd_test

import (
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/auth-service/internal/secret"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// kids returns the ids of the published keys, oldest first.
func (s *service) kids() (ids []string) {
	s.T.Helper()
	var set struct {
		Keys []struct{ Kid string }
	}
	s.Call("GET /.well-known/jwks.json", "", nil).Want(200, &set)
	for _, k := range set.Keys {
		ids = append(ids, k.Kid)
	}
	return ids
}

// TestKeyRotationKeepsTokensValid: after a rotation by an admin, no token is refused
// before it expires, whenever the verifier has fetched the keys.
func TestKeyRotationKeepsTokensValid(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		var c clock
		s := start(t, db, c.set)
		root := s.register("root@x.example", "admin")
		first := s.kids()
		var next struct {
			Kid       string
			SignsFrom time.Time
		}
		s.Call("POST /api/auth/keys", root.Token, nil).Want(201, &next)
		if lead := next.SignsFrom.Sub(c.now()); lead < 9*time.Minute || lead > 10*time.Minute {
			t.Errorf("the new key signs in %v, want about 10 minutes", lead)
		}
		second := next
		s.Call("POST /api/auth/keys", root.Token, nil).Want(201, &second)
		if second != next {
			t.Errorf("second rotation = %+v, want the waiting key %+v", second, next)
		}
		if got := s.kids(); len(got) != 2 || !slices.Contains(got, first[0]) || !slices.Contains(got, next.Kid) {
			t.Errorf("keys = %v, want %v and %s", got, first, next.Kid)
		}
		// This verifier fetches the keys through a proxy that stops: it has only those keys.
		down := false
		target, err := url.Parse(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		proxy := httputil.NewSingleHostReverseProxy(target)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if down {
				panic(http.ErrAbortHandler)
			}
			proxy.ServeHTTP(w, r)
		}))
		defer server.Close()
		other, err := token.NewVerifier(t.Context(), token.Config{URL: server.URL}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		other.Now = c.now
		down = true
		before := s.refreshed(root.RefreshToken)
		c.advance(11 * time.Minute)
		after := s.refreshed(before.RefreshToken)
		if kid(t, before.Token) != first[0] || kid(t, after.Token) != next.Kid {
			t.Errorf("signed by %s, then %s, want %s, then %s", kid(t, before.Token), kid(t, after.Token), first[0], next.Kid)
		}
		for name, g := range map[string]grant{"before": before, "after": after} {
			if _, err := other.Verify(t.Context(), "Bearer "+g.Token); err != nil {
				t.Errorf("verification of the token signed %s the switch: %v", name, err)
			}
			s.Call("GET /api/auth/admin", g.Token, nil).Want(200, nil)
		}
		// The new key signs after a restart too. The old key is removed when its last token
		// has expired.
		s.stop()
		s = start(t, db, c.set)
		if got := s.kids(); len(got) != 2 {
			t.Errorf("keys after a restart = %v, want 2", got)
		}
		s.stop()
		c.advance(30 * time.Minute)
		s = start(t, db, c.set)
		if got := s.kids(); len(got) != 1 || got[0] != next.Kid {
			t.Errorf("keys after expiry = %v, want %s", got, next.Kid)
		}
		if g := s.refreshed(after.RefreshToken); kid(t, g.Token) != next.Kid {
			t.Error("got a token that another key has signed")
		}
	})
}

// TestKeysRotateByAge: two instances rotate to the same key.
func TestKeysRotateByAge(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, cfg connect.Config) {
		var c clock
		s := start(t, cfg, c.set)
		first := s.kids()
		s.stop()
		db := openStore(t, cfg)
		instance := func() *secret.Keys {
			log := slog.New(slog.DiscardHandler)
			k := secret.New(db, audit.New(db, c.now, log), log)
			k.Now, k.Rotation, k.TokenLifetime = c.now, 24*time.Hour, 15*time.Minute
			k.Load(t.Context())
			return k
		}
		one, two := instance(), instance()
		signingID := func(k *secret.Keys) string {
			key, err := k.SigningKey()
			if err != nil {
				t.Fatal(err)
			}
			return key.ID
		}
		c.advance(23 * time.Hour)
		one.Load(t.Context())
		if page, err := store.Open(db, secret.KeyRingSchema()).Get(t.Context(), "signing"); err != nil || len(page.Doc.Keys) != 1 {
			t.Errorf("key ring after 23 h = %+v, %v, want 1 key", page.Doc, err)
		}
		c.advance(2 * time.Hour)
		one.Load(t.Context())
		two.Load(t.Context())
		if signingID(one) != first[0] || signingID(two) != first[0] {
			t.Error("the new key signs before other services have fetched it")
		}
		c.advance(10 * time.Minute)
		if signingID(one) == first[0] || signingID(one) != signingID(two) {
			t.Errorf("signing keys %s and %s after %s, want the same new key", signingID(one), signingID(two), first[0])
		}
	})
}

func TestSecretCannotBeRotated(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()}, func(c *authd.Config) { c.TokenSecret = "0123456789abcdef0123456789abcdef" })
	root := s.register("root@x.example", "admin")
	s.Call("POST /api/auth/keys", root.Token, nil).WantProblem(409)
}

// kid returns the key id in the header of a token.
func kid(t *testing.T, signed string) string {
	t.Helper()
	header, _, _ := strings.Cut(signed, ".")
	data, err := base64.RawURLEncoding.DecodeString(header)
	if err != nil {
		t.Fatal(err)
	}
	var h struct{ Kid string }
	if err := json.Unmarshal(data, &h); err != nil {
		t.Fatal(err)
	}
	return h.Kid
}
