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

// TestFloodOfKeyIDs has many send tokens with key ids that were made up: the
// auth-service is asked for its keys once a second, whatever comes, and who has
// a good token does not wait.
func TestFloodOfKeyIDs(t *testing.T) {
	issuer := authtest.New(t)
	var asked atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != auth.RevocationsPath {
			asked.Add(1)
		}
		issuer.ServeHTTP(w, r)
	}))
	defer srv.Close()
	v := verifier(t, token.Config{URL: srv.URL})
	before, begin := asked.Load(), time.Now()
	var flood sync.WaitGroup
	for range 500 {
		signed := assemble(t, jwt.SigningMethodEdDSA, issuer.Key.Private, map[string]any{"kid": rand.Text()})
		flood.Go(func() {
			if _, err := v.Verify(t.Context(), "Bearer "+signed); !fault.Is(err, fault.Unauthenticated) {
				t.Errorf("Verify with a made-up key id = %v, want unauthenticated", err)
			}
		})
	}
	for i := range 20 { // one each, as what was verified is remembered
		who := auth.Principal{UserID: strconv.Itoa(i), Role: auth.User}
		if _, err := v.Verify(t.Context(), "Bearer "+issuer.Token(t, who)); err != nil {
			t.Errorf("Verify meanwhile = %v", err)
		}
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("20 good tokens took %v", took)
	}
	flood.Wait()
	n, took := asked.Load()-before, time.Since(begin)
	if most := 1 + int32(took/time.Second); n < 1 || n > most {
		t.Errorf("500 tokens in %v asked %d times, want 1 to %d", took, n, most)
	}
}
