package provider

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestSlowProviderDoesNotDelayLogins begins a login while a health check waits for the provider.
func TestSlowProviderDoesNotDelayLogins(t *testing.T) {
	var issuer string
	slow := make(chan struct{})
	asked := make(chan struct{}, 1)
	wait := false // the requests come one after the other
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if wait {
			asked <- struct{}{}
			<-slow
		}
		fmt.Fprintf(w, `{"issuer":%q,"authorization_endpoint":%q,"token_endpoint":%q,"jwks_uri":%q}`, issuer, issuer+"/a", issuer+"/t", issuer+"/k")
	}))
	defer s.Close()
	defer close(slow)
	issuer = s.URL
	c := New(Config{Issuer: issuer, ClientID: "suite", ClientSecret: "secret"})
	if _, err := c.discover(t.Context()); err != nil {
		t.Fatal(err)
	}
	wait = true
	c.discovery.checked = time.Time{} // the next health check sends a request
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go c.Ping(ctx)
	<-asked
	bounded, cancelLogin := context.WithCancel(t.Context())
	cancelLogin() // it must not wait at all
	if _, err := c.discover(bounded); err != nil {
		t.Errorf("login during a slow health check: %v", err)
	}
}
