// Package authtest replaces the auth-service in tests of other services: it publishes
// keys and revocations, and signs valid and forged tokens.
package authtest

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/token"
)

// Issuer signs tokens and serves its keys and revocations at URL. While Down is true
// it responds with 503.
type Issuer struct {
	Key  token.Key
	URL  string
	Down atomic.Bool

	mu      sync.Mutex
	revoked []auth.Revocation
}

// New starts an issuer that is closed when the test ends.
func New(t testing.TB) *Issuer {
	t.Helper()
	i := &Issuer{Key: NewKey(t, token.ES256)}
	srv := httptest.NewServer(i)
	t.Cleanup(srv.Close)
	i.URL = srv.URL
	return i
}

// NewKey returns a new key of the algorithm.
func NewKey(t testing.TB, a token.Algorithm) token.Key {
	t.Helper()
	seed, err := token.NewSeed(a)
	if err != nil {
		t.Fatal(err)
	}
	key, err := token.NewKey(a, seed)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Revoke revokes the tokens of an account or session whose version is lower than version.
func (i *Issuer) Revoke(id string, version int64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.revoked = append(i.revoked, auth.Revocation{ID: auth.RevocationID(id), Version: version, Until: time.Now().Add(time.Hour)})
}

// serveRevocations returns one revocation per page, so that clients must follow More.
func (i *Issuer) serveRevocations(w http.ResponseWriter, since string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	n, _ := strconv.Atoi(since) // 0 if it is empty
	rest := i.revoked[min(n, len(i.revoked)):]
	page := auth.Revocations{Issuer: token.Issuer, Items: rest[:min(1, len(rest))], Since: strconv.Itoa(n + min(1, len(rest))), More: len(rest) > 1}
	_ = json.NewEncoder(w).Encode(page) // after an error the verifier retries
}

// ServeHTTP serves the key set and the revocations.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if i.Down.Load() {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	if r.URL.Path == auth.RevocationsPath {
		i.serveRevocations(w, r.URL.Query().Get("since"))
		return
	}
	jwk, err := i.Key.JWK()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	keys := jwkset.NewMemoryStorage()
	_ = keys.KeyWrite(r.Context(), jwk) // the in-memory storage never fails
	set, err := keys.JSONPublic(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Write(set)
}

// Token returns a token of p that is valid for an hour.
func (i *Issuer) Token(t testing.TB, p auth.Principal) string {
	t.Helper()
	signed, err := i.Key.Sign(token.NewClaims(p, time.Now(), time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// A Forgery is an invalid token and the error code with which it must be refused.
type Forgery struct{ Token, Code string }

// Forgeries returns tokens of an admin by description. Each differs in one way from a
// valid token signed with key.
func Forgeries(t testing.TB, key token.Key, now time.Time) map[string]Forgery {
	t.Helper()
	other := NewKey(t, token.ES256)
	if key.Private != nil {
		other = NewKey(t, key.Algorithm())
	}
	unknown := token.Key{ID: key.ID, Private: other.Private}
	unknownCode := "signature"
	if key.Private == nil { // a key id that is not in the key set
		unknownCode = "key"
	}
	valid := sign(t, key, now, nil)
	parts := strings.Split(valid, ".")
	altered := "A" + parts[2][1:]
	if altered == parts[2] {
		altered = "B" + parts[2][1:]
	}
	payload := base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"x","role":"admin"}`))
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"at+jwt"}`))
	return map[string]Forgery{
		"no token":             {"", "missing"},
		"not a JWT":            {"x", "malformed"},
		"only dots":            {strings.Repeat(".", 10_000), "malformed"},
		"signature altered":    {parts[0] + "." + parts[1] + "." + altered, "signature"},
		"alg none":             {none + "." + parts[1] + ".", "signature"},
		"other algorithm":      {sign(t, confusedKey(t, key), now, nil), "signature"}, // HS256 signed with the public key, or another secret
		"another key":          {sign(t, unknown, now, nil), unknownCode},
		"payload altered":      {parts[0] + "." + payload + "." + parts[2], "signature"},
		"expired":              {sign(t, key, now, func(c *token.Claims) { c.ExpiresAt.Time = now.Add(-time.Minute) }), "expired"},
		"without exp":          {sign(t, key, now, func(c *token.Claims) { c.ExpiresAt = nil }), "claims"},
		"not valid yet":        {sign(t, key, now, func(c *token.Claims) { c.NotBefore.Time = now.Add(time.Hour) }), "notYetValid"},
		"issued in the future": {sign(t, key, now, func(c *token.Claims) { c.IssuedAt.Time = now.Add(time.Hour) }), "notYetValid"},
		"another issuer":       {sign(t, key, now, func(c *token.Claims) { c.Issuer = "somebody" }), "issuer"},
		"another audience":     {sign(t, key, now, func(c *token.Claims) { c.Audience[0] = "else" }), "audience"},
		"without subject":      {sign(t, key, now, func(c *token.Claims) { c.Subject = "" }), "type"},
		"unknown role":         {sign(t, key, now, func(c *token.Claims) { c.Role = "root" }), "type"},
	}
}

// confusedKey returns an HS256 key whose secret is the public key of key, which everyone knows.
func confusedKey(t testing.TB, key token.Key) token.Key {
	t.Helper()
	switch private := key.Private.(type) {
	case ed25519.PrivateKey:
		return token.Key{Secret: private.Public().(ed25519.PublicKey)}
	case *ecdsa.PrivateKey:
		public, err := private.PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		return token.Key{Secret: public}
	}
	return token.Key{Secret: []byte("a secret that no service uses")}
}

func sign(t testing.TB, key token.Key, now time.Time, change func(*token.Claims)) string {
	t.Helper()
	admin := auth.Principal{UserID: "0193-u", Email: "ann@nlb.example", Role: auth.Admin}
	claims := token.NewClaims(admin, now, time.Minute)
	if change != nil {
		change(&claims)
	}
	signed, err := key.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}
