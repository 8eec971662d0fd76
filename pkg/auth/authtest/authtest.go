// Package authtest stands in for the auth-service in the tests of others: it
// publishes keys and signs tokens with them.
package authtest

import (
	"crypto/ed25519"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/token"
)

// Issuer signs tokens. Its keys are at URL, unless it is down.
type Issuer struct {
	Key  token.Key
	URL  string
	Down atomic.Bool
}

// New starts an issuer that ends with the test.
func New(t testing.TB) *Issuer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	i := &Issuer{Key: token.Key{ID: "test", Private: private}}
	srv := httptest.NewServer(i)
	t.Cleanup(srv.Close)
	i.URL = srv.URL
	return i
}

// ServeHTTP answers with the key set.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if i.Down.Load() {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	jwk, err := jwkset.NewJWKFromKey(i.Key.Private.Public(), jwkset.JWKOptions{
		Metadata: jwkset.JWKMetadataOptions{KID: i.Key.ID, ALG: jwkset.AlgEdDSA, USE: jwkset.UseSig},
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	keys := jwkset.NewMemoryStorage()
	_ = keys.KeyWrite(r.Context(), jwk) // in memory
	set, err := keys.JSONPublic(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Write(set)
}

// Token returns a token of p that counts for an hour.
func (i *Issuer) Token(t testing.TB, p auth.Principal) string {
	t.Helper()
	signed, err := i.Key.Sign(p, time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}
