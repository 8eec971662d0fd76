package token_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/auth/token"
)

// TestRunFetchesMissingKeys: a service that starts before the auth-service has its keys
// when the first request arrives.
func TestRunFetchesMissingKeys(t *testing.T) {
	issuer := authtest.New(t)
	issuer.Down.Store(true)
	var fetched atomic.Bool
	polled := make(chan struct{}, 10)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case issuer.Down.Load():
		case r.URL.Path == auth.KeysPath:
			fetched.Store(true)
		case r.URL.Path == auth.RevocationsPath: // Run asks for them after the keys
			polled <- struct{}{}
		}
		issuer.ServeHTTP(w, r)
	}))
	defer srv.Close()
	v := verifier(t, token.Config{URL: srv.URL})
	issuer.Down.Store(false)
	done := make(chan error)
	go func() { done <- v.Run(t.Context()) }()
	t.Cleanup(func() { <-done })
	<-polled
	if !fetched.Load() {
		t.Error("the keys are not fetched before a request needs them")
	}
	for range 4 {
		go func() {
			_, err := v.Verify(t.Context(), "Bearer "+issuer.Token(t, ann))
			done <- err
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
