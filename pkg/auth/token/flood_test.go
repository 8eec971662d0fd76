package token_test

import (
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/fault"
)

// Tokens with made-up key ids cause at most one key request per second and do not
// delay valid tokens.
func TestUnknownKeyIDsCauseFewKeyRequests(t *testing.T) {
	issuer := authtest.New(t)
	var requests atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != auth.RevocationsPath {
			requests.Add(1)
		}
		issuer.ServeHTTP(w, r)
	}))
	defer srv.Close()
	v := verifier(t, token.Config{URL: srv.URL})
	before, begin := requests.Load(), time.Now()
	var flood sync.WaitGroup
	for range 500 {
		signed := assemble(t, jwt.SigningMethodES256, issuer.Key.Private, map[string]any{"kid": rand.Text()})
		flood.Go(func() {
			if _, err := v.Verify(t.Context(), "Bearer "+signed); !fault.Is(err, fault.Unauthenticated) {
				t.Errorf("Verify with an unknown key id = %v, want unauthenticated", err)
			}
		})
	}
	for i := range 20 { // different users, because verified tokens are cached
		user := auth.Principal{UserID: strconv.Itoa(i), Role: auth.User}
		if _, err := v.Verify(t.Context(), "Bearer "+issuer.Token(t, user)); err != nil {
			t.Errorf("Verify of a valid token = %v", err)
		}
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("20 valid tokens took %v, want at most 10 s", took)
	}
	flood.Wait()
	n, took := requests.Load()-before, time.Since(begin)
	if limit := 1 + int32(took/time.Second); n < 1 || n > limit {
		t.Errorf("500 tokens in %v caused %d key requests, want 1 to %d", took, n, limit)
	}
}
