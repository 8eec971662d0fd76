package authd_test

import (
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/auth-service/internal/secret"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// jwtPart decodes the header (0) or the claims (1) of a token.
func jwtPart(t *testing.T, signed string, part int) (members map[string]any) {
	t.Helper()
	data, err := base64.RawURLEncoding.DecodeString(strings.Split(signed, ".")[part])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &members); err != nil {
		t.Fatal(err)
	}
	return members
}

// TestAlgorithmChangesWithoutOutage restarts the service with another algorithm. A verifier that
// keeps running, and the service, accept the tokens of both algorithms until they expire.
func TestAlgorithmChangesWithoutOutage(t *testing.T) {
	const shared = "0123456789abcdef0123456789abcdef"
	for _, c := range []struct{ from, to, secret string }{ // the secret is set in all services during the change
		{"EdDSA", "ES256", ""}, {"ES256", "EdDSA", ""}, {"HS256", "ES256", shared}, {"ES256", "HS256", shared},
	} {
		t.Run(c.from+" to "+c.to, func(t *testing.T) {
			var clock clock
			db := connect.Config{Dir: t.TempDir()}
			with := func(algorithm string) func(*authd.Config) {
				return func(cfg *authd.Config) { cfg.Algorithm, cfg.TokenSecret = algorithm, c.secret }
			}
			s := start(t, db, clock.set, with(c.from))
			var target atomic.Pointer[url.URL] // the verifier reaches the service at the same address after the restart
			move := func() {
				u, err := url.Parse(s.URL)
				if err != nil {
					t.Fatal(err)
				}
				target.Store(u)
			}
			move()
			proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target.Load()) }})
			defer proxy.Close()
			verifier, err := token.NewVerifier(t.Context(), token.Config{URL: proxy.URL, Secret: c.secret}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			verifier.Now = clock.now
			before := s.register("ann@x.example", "")
			s.stop()
			s = start(t, db, clock.set, with(c.to))
			move()
			during := s.refreshed(before.RefreshToken)
			clock.advance(11 * time.Minute)
			after := s.refreshed(during.RefreshToken)
			for name, g := range map[string]grant{"before": before, "during": during, "after": after} {
				if _, err := verifier.Verify(t.Context(), "Bearer "+g.Token); err != nil {
					t.Errorf("verification of the token signed %s the change: %v", name, err)
				}
				s.Call("GET /api/auth/profile", g.Token, nil).Want(200, nil)
			}
			if got, last := jwtPart(t, before.Token, 0)["alg"], jwtPart(t, after.Token, 0)["alg"]; got != c.from || last != c.to {
				t.Errorf("alg = %v, then %v, want %s, then %s", got, last, c.from, c.to)
			}
		})
	}
}

// TestPublicKeysEndAfterChangeToSecret: after a change from ES256 to HS256, the public keys are
// published until their last token has expired.
func TestPublicKeysEndAfterChangeToSecret(t *testing.T) {
	var c clock
	db := openStore(t, connect.Config{Dir: t.TempDir()})
	load := func(k *secret.Keys) int {
		k.Load(t.Context())
		keys, err := k.PublicKeys().KeyReadAll(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(keys)
	}
	instance := func() *secret.Keys {
		log := slog.New(slog.DiscardHandler)
		k := secret.New(db, audit.New(db, c.now, log), log)
		k.Now, k.TokenLifetime = c.now, 15*time.Minute
		return k
	}
	if n := load(instance()); n != 1 {
		t.Errorf("%d keys with ES256, want 1", n)
	}
	changed := instance()
	changed.Algorithm, changed.TokenSecret = token.HS256, "0123456789abcdef0123456789abcdef"
	for _, step := range []struct {
		after time.Duration
		want  int
	}{{0, 1}, {24 * time.Minute, 1}, {2 * time.Minute, 0}} {
		c.advance(step.after)
		if n := load(changed); n != step.want {
			t.Errorf("%d keys %v later, want %d", n, step.after, step.want)
		}
	}
}

// TestIssuerIsThatOfTheService: tokens have the configured issuer. All services refuse tokens of
// another one, but accept those of an earlier release.
func TestIssuerIsThatOfTheService(t *testing.T) {
	const issuer = "https://auth.example"
	db := connect.Config{Dir: t.TempDir()}
	s := start(t, db, func(cfg *authd.Config) { cfg.IssuerURL = issuer })
	ann := s.register("ann@x.example", "")
	if got := jwtPart(t, ann.Token, 1)["iss"]; got != issuer {
		t.Errorf("iss = %v, want %s", got, issuer)
	}
	verifier, err := token.NewVerifier(t.Context(), token.Config{URL: s.URL}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	key := signing(t, db, "")
	for iss, want := range map[string]int{issuer: 200, token.Issuer: 200, issuer + "/": 401, "https://else.example": 401, "http://127.0.0.1:4000": 401, "": 401} {
		claims := token.NewClaims(auth.Principal{UserID: ann.User.ID, Role: auth.User}, time.Now(), time.Minute)
		claims.Issuer = iss
		signed, err := key.Sign(claims)
		if err != nil {
			t.Fatal(err)
		}
		s.Call("GET /api/auth/profile", signed, nil).Want(want, nil)
		if _, err := verifier.Verify(t.Context(), "Bearer "+signed); (err == nil) != (want == 200) {
			t.Errorf("issuer %q: Verify = %v, want status %d", iss, err, want)
		}
	}
}
