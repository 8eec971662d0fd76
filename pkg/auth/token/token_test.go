package token_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/fault"
)

var (
	now    = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	ann    = auth.Principal{UserID: "0193-u", Email: "ann@nlb.example", Role: auth.Operator, Organisation: "Nordlicht"}
	secret = strings.Repeat("s", 32)
)

func verifier(t *testing.T, c token.Config) *token.Verifier {
	t.Helper()
	v, err := token.NewVerifier(t.Context(), c, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	v.Now = func() time.Time { return now }
	return v
}

func sign(t *testing.T, k token.Key, change func(*token.Claims)) string {
	t.Helper()
	c := token.Claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: token.Issuer, Audience: jwt.ClaimStrings{token.Audience}, Subject: ann.UserID,
			IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(time.Minute)),
		},
		Email: ann.Email, Role: ann.Role, Organisation: ann.Organisation,
	}
	if change != nil {
		change(&c)
	}
	signed, err := k.SignClaims(c)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// assemble signs a token with a header of its own.
func assemble(t *testing.T, method jwt.SigningMethod, key any, header map[string]any) string {
	t.Helper()
	made := jwt.NewWithClaims(method, token.Claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: token.Issuer, Audience: jwt.ClaimStrings{token.Audience}, Subject: ann.UserID, ExpiresAt: jwt.NewNumericDate(now.Add(time.Minute)),
		},
		Role: auth.Admin,
	})
	made.Header["typ"] = "at+jwt"
	for name, value := range header {
		made.Header[name] = value
	}
	s, err := made.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTokensThatCount(t *testing.T) {
	issuer := authtest.New(t)
	for name, c := range map[string]struct {
		config token.Config
		key    token.Key
	}{
		"EdDSA": {token.Config{URL: issuer.URL}, issuer.Key},
		"HS256": {token.Config{Secret: secret, URL: "http://127.0.0.1:1"}, token.Key{Secret: []byte(secret)}},
	} {
		t.Run(name, func(t *testing.T) {
			v := verifier(t, c.config)
			signed, err := c.key.Sign(ann, now, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			for _, header := range []string{"Bearer " + signed, "bearer " + signed} {
				if got, err := v.Verify(t.Context(), header); err != nil || got != ann {
					t.Errorf("Verify = %+v, %v, want %+v", got, err, ann)
				}
			}
			if err := v.Ready(t.Context()); err != nil {
				t.Errorf("Ready = %v", err)
			}
			// What was verified once does not outlive its time.
			v.Now = func() time.Time { return now.Add(2 * time.Minute) }
			if _, err := v.Verify(t.Context(), "Bearer "+signed); !fault.Is(err, fault.Unauthenticated) {
				t.Errorf("Verify of an expired token that was verified before = %v", err)
			}
		})
	}
}

func TestTokensThatDoNotCount(t *testing.T) {
	issuer := authtest.New(t)
	_, other, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public := issuer.Key.Private.Public().(ed25519.PublicKey)
	publicDER, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	good := sign(t, issuer.Key, nil)
	parts := strings.Split(good, ".")
	kid := map[string]any{"kid": issuer.Key.ID}
	for name, c := range map[string]struct{ header, code string }{
		"none":                  {"", "missing"},
		"basic":                 {"Basic YTpi", "missing"},
		"bare":                  {good, "missing"},
		"bearer of nothing":     {"Bearer ", "missing"},
		"no JWT":                {"Bearer x", "malformed"},
		"dots":                  {"Bearer " + strings.Repeat(".", 10_000), "malformed"},
		"alg none":              {"Bearer " + assemble(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, kid), "signature"},
		"HS256 with public key": {"Bearer " + assemble(t, jwt.SigningMethodHS256, []byte(public), kid), "signature"},
		"HS256 with its DER":    {"Bearer " + assemble(t, jwt.SigningMethodHS256, publicDER, kid), "signature"},
		"RS256":                 {"Bearer " + assemble(t, jwt.SigningMethodRS256, rsaKey, kid), "signature"},
		"unknown key":           {"Bearer " + sign(t, token.Key{ID: "other", Private: other}, nil), "key"},
		"known id, other key":   {"Bearer " + sign(t, token.Key{ID: issuer.Key.ID, Private: other}, nil), "signature"},
		"jku and jwk of its own": {"Bearer " + assemble(t, jwt.SigningMethodEdDSA, other, map[string]any{
			"jku": "http://127.0.0.1:1/keys", "jwk": map[string]any{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(other.Public().(ed25519.PublicKey))},
		}), "signature"},
		"payload altered":  {"Bearer " + parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"x","role":"admin"}`)) + "." + parts[2], "signature"},
		"expired":          {"Bearer " + sign(t, issuer.Key, func(c *token.Claims) { c.ExpiresAt = jwt.NewNumericDate(now.Add(-time.Minute)) }), "expired"},
		"never expires":    {"Bearer " + sign(t, issuer.Key, func(c *token.Claims) { c.ExpiresAt = nil }), "claims"},
		"not valid yet":    {"Bearer " + sign(t, issuer.Key, func(c *token.Claims) { c.NotBefore = jwt.NewNumericDate(now.Add(time.Minute)) }), "notYetValid"},
		"issued later":     {"Bearer " + sign(t, issuer.Key, func(c *token.Claims) { c.IssuedAt = jwt.NewNumericDate(now.Add(time.Minute)) }), "notYetValid"},
		"foreign issuer":   {"Bearer " + sign(t, issuer.Key, func(c *token.Claims) { c.Issuer = "somebody" }), "issuer"},
		"foreign audience": {"Bearer " + sign(t, issuer.Key, func(c *token.Claims) { c.Audience = jwt.ClaimStrings{"else"} }), "audience"},
		"no subject":       {"Bearer " + sign(t, issuer.Key, func(c *token.Claims) { c.Subject = "" }), "type"},
		"unknown role":     {"Bearer " + sign(t, issuer.Key, func(c *token.Claims) { c.Role = "root" }), "type"},
		"another type":     {"Bearer " + assemble(t, jwt.SigningMethodEdDSA, issuer.Key.Private, map[string]any{"kid": issuer.Key.ID, "typ": "refresh+jwt"}), "type"},
	} {
		t.Run(name, func(t *testing.T) {
			v := verifier(t, token.Config{URL: issuer.URL})
			_, err := v.Verify(t.Context(), c.header)
			f, ok := errors.AsType[*fault.Error](err)
			if !ok || f.Kind != fault.Unauthenticated || f.Details[0].Path != "header:Authorization" || f.Details[0].Code != c.code {
				t.Errorf("Verify = %v, %+v, want unauthenticated, %s", err, f, c.code)
			}
		})
	}
	if _, err := verifier(t, token.Config{URL: issuer.URL}).Verify(t.Context(), "Bearer "+good); err != nil {
		t.Errorf("the token that the cases alter: %v", err)
	}
}

func TestRequire(t *testing.T) {
	issuer := authtest.New(t)
	v := verifier(t, token.Config{URL: issuer.URL})
	header := "Bearer " + sign(t, issuer.Key, nil)
	for want, roles := range map[fault.Kind][]auth.Role{"": {auth.Admin, auth.Operator}, fault.Forbidden: {auth.Admin}} {
		ctx, err := v.Require(roles...)(t.Context(), header)
		if want != "" && !fault.Is(err, want) || want == "" && (err != nil || auth.Caller(ctx) != ann) {
			t.Errorf("Require(%v) = %v", roles, err)
		}
	}
	if _, err := v.Require()(t.Context(), header); err != nil {
		t.Errorf("Require() = %v", err)
	}
	if p := auth.Caller(t.Context()); p.Role != "" {
		t.Errorf("caller without a guard: %+v", p)
	}
}

// TestAuthServiceComesLater has no keys at first.
func TestAuthServiceComesLater(t *testing.T) {
	issuer := authtest.New(t)
	var asked atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		issuer.ServeHTTP(w, r)
	}))
	defer srv.Close()
	issuer.Down.Store(true)
	v, header := verifier(t, token.Config{URL: srv.URL}), "Bearer "+sign(t, issuer.Key, nil)
	if _, err := v.Verify(t.Context(), header); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Verify without keys = %v, want unavailable", err)
	}
	if err := v.Ready(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Ready without keys = %v, want unavailable", err)
	}
	issuer.Down.Store(false)
	if got, err := v.Verify(t.Context(), header); err != nil || got != ann {
		t.Errorf("Verify with keys = %+v, %v", got, err)
	}
	// Keys stay good while the auth-service is away, and made-up key ids do
	// not make it busy.
	issuer.Down.Store(true)
	_, other, _ := ed25519.GenerateKey(nil)
	before := asked.Load()
	for i := range 3 {
		signed := sign(t, token.Key{ID: fmt.Sprint("made up ", i), Private: other}, nil)
		if _, err := v.Verify(t.Context(), "Bearer "+signed); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("Verify with an unknown key = %v, want unauthenticated", err)
		}
	}
	if n := asked.Load() - before; n > 3 {
		t.Errorf("3 unknown keys asked %d times", n)
	}
	if _, err := v.Verify(t.Context(), header); err != nil {
		t.Errorf("Verify with keys of before = %v", err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, c := range []token.Config{{Secret: "short", URL: "http://a"}, {URL: ""}, {URL: "ftp://a"}, {URL: "http://"}} {
		if c.Validate() == nil {
			t.Errorf("Validate(%+v) = nil", c)
		}
	}
	if err := (token.Config{Secret: secret, URL: "http://127.0.0.1:4000"}).Validate(); err != nil {
		t.Error(err)
	}
}
