package token_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"sync/atomic"
	"testing"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/fault"
)

func TestVerifierWorksOnceTheAuthServiceIsUp(t *testing.T) {
	issuer := authtest.New(t)
	var requests atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		issuer.ServeHTTP(w, r)
	}))
	defer srv.Close()
	issuer.Down.Store(true)
	v, header := verifier(t, token.Config{URL: srv.URL}), "Bearer "+issuer.Token(t, ann)
	if _, err := v.Verify(t.Context(), header); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Verify without keys = %v, want unavailable", err)
	}
	if err := v.CheckKeys(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("CheckKeys without keys = %v, want unavailable", err)
	}
	issuer.Down.Store(false)
	if got, err := v.Verify(t.Context(), header); err != nil || !reflect.DeepEqual(got, ann) {
		t.Errorf("Verify with keys = %+v, %v, want %+v", got, err, ann)
	}
	// Fetched keys stay usable while the auth-service is down, and unknown key ids
	// cause few requests.
	issuer.Down.Store(true)
	other := authtest.NewKey(t, token.ES256).Private
	before := requests.Load()
	for i := range 3 {
		signed := assemble(t, jwt.SigningMethodES256, other, map[string]any{"kid": fmt.Sprint("unknown ", i)})
		if _, err := v.Verify(t.Context(), "Bearer "+signed); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("Verify with an unknown key = %v, want unauthenticated", err)
		}
	}
	if n := requests.Load() - before; n > 3 {
		t.Errorf("3 unknown key ids caused %d requests, want at most 3", n)
	}
	if _, err := v.Verify(t.Context(), header); err != nil {
		t.Errorf("Verify with the fetched keys = %v", err)
	}
}

// lateKeys is a key set whose key arrives just after the first read.
type lateKeys struct {
	*jwkset.MemoryJWKSet
	key jwkset.JWK
}

func (l lateKeys) KeyRead(ctx context.Context, id string) (jwkset.JWK, error) {
	key, err := l.MemoryJWKSet.KeyRead(ctx, id)
	return key, errors.Join(err, l.KeyWrite(ctx, l.key))
}

// The response must be unavailable, not unauthenticated: the token is valid.
func TestKeysArrivingDuringVerificationCauseUnavailable(t *testing.T) {
	issuer := authtest.New(t)
	jwk, err := issuer.Key.JWK()
	if err != nil {
		t.Fatal(err)
	}
	v, err := token.NewLocalVerifier("", lateKeys{jwkset.NewMemoryStorage(), jwk}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	header := "Bearer " + issuer.Token(t, auth.Principal{UserID: "x", Role: auth.User})
	if _, err := v.Verify(t.Context(), header); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Verify while the key arrives = %v, want unavailable", err)
	}
	if _, err := v.Verify(t.Context(), header); err != nil {
		t.Errorf("Verify with the key = %v", err)
	}
}
