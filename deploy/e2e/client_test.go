package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/waittest"
)

// apiClient is an API client with its first secret.
type apiClient struct {
	ID     string `json:"clientId"`
	Secret string `json:"clientSecret"`
}

func (s *suite) newClient(admin session, role, organisation string) (c apiClient) {
	s.t.Helper()
	s.auth.Call("POST /api/auth/clients", admin.Token, object{"name": "ERP", "role": role, "organisation": organisation}).Want(201, &c)
	return c
}

// oauth returns the configuration of golang.org/x/oauth2 for the client.
func (s *suite) oauth(c apiClient) clientcredentials.Config {
	return clientcredentials.Config{ClientID: c.ID, ClientSecret: c.Secret, TokenURL: s.auth.URL + "/api/auth/token"}
}

// TestClientActsForItsOrganisation: an API client gets its token with golang.org/x/oauth2. In all
// services, it has the rights of its role and organisation. Its id is the creator of its data.
// When it is disabled, all services refuse its token.
func TestClientActsForItsOrganisation(t *testing.T) {
	onSharedSuites(t, func(s *suite) {
		t := s.t
		admin := s.admin()
		maker := s.newAccount(admin, "operator", slug("maker"))
		other := s.newAccount(admin, "operator", slug("other"))
		c := s.newClient(admin, "operator", maker.User.Organisation)
		config := s.oauth(c)
		for _, style := range []oauth2.AuthStyle{oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams, oauth2.AuthStyleAutoDetect} {
			config.AuthStyle = style
			if _, err := config.Token(t.Context()); err != nil {
				t.Errorf("style %d: %v", style, err)
			}
		}
		got, err := config.Token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		token := got.AccessToken
		var created struct {
			ID, CreatedBy string
			Owner         struct{ Organisation, UserID string }
		}
		s.passport.Call("POST /api/passports", token, object{"data": battery(t, "ev-nmc-minimum-2027.json")}).Want(201, &created)
		if created.CreatedBy != c.ID || created.Owner.Organisation != maker.User.Organisation {
			t.Errorf("passport %+v, want created by %s for %s", created, c.ID, maker.User.Organisation)
		}
		path := "/api/passports/" + created.ID
		s.passport.Call("POST "+path+"/publish", token, nil).Want(200, nil)
		foreign := s.published(other, "ev-nmc-minimum-2027.json")
		s.passport.Call("PATCH /api/passports/"+foreign.ID, token, object{"data": object{}}).Want(403, nil)
		// The people of the organisation are notified of changes by the client.
		s.waitForNotification(maker, "passport.published", created.ID)
		routes := []struct {
			service resttest.Client
			route   string
		}{
			{s.auth, "GET /api/auth/profile"}, {s.passport, "GET " + path}, {s.document, "GET /api/documents"},
			{s.notification, "GET /api/notifications"}, {s.notification, "GET /api/notifications/settings"},
		}
		for _, r := range routes {
			r.service.Call(r.route, token, nil).Want(200, nil)
		}
		s.auth.Call("PATCH /api/auth/clients/"+c.ID, admin.Token, `{"disabled":true}`).Want(200, nil)
		for _, r := range routes {
			waittest.Until(s.t, fmt.Sprintf("%s refuses the token", r.route), func() bool { return r.service.Call(r.route, token, nil).Status == http.StatusUnauthorized })
		}
		if _, err := config.Token(context.Background()); err == nil {
			t.Error("a disabled client got a token")
		}
	})
}

// TestScopesAreEnforced: the services refuse exactly the requests that need other scopes than those of the token.
func TestScopesAreEnforced(t *testing.T) {
	onSuites(t, func(s *suite) {
		t := s.t
		admin := s.admin()
		maker := s.newAccount(admin, "operator", slug("scopes"))
		c := s.newClient(admin, "operator", maker.User.Organisation)
		requests := []struct {
			service resttest.Client
			route   string
			scope   string
		}{
			{s.passport, "GET /api/passports", "passports:read"},
			{s.passport, "POST /api/passports", "passports:write"},
			{s.document, "GET /api/documents", "documents:read"},
			{s.document, "POST /api/documents/upload", "documents:write"},
			{s.notification, "GET /api/notifications", "notifications:read"},
			{s.notification, "PATCH /api/notifications/read", "notifications:read"}, // notifications have no scope to write
			{s.auth, "GET /api/auth/profile", ""},
		}
		for _, scopes := range [][]string{{"passports:read"}, {"passports:write", "documents:read"}, {"documents:write", "notifications:read"}, nil} {
			config := s.oauth(c)
			config.Scopes = scopes
			got, err := config.Token(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range requests {
				isAllowed := scopes == nil || r.scope == "" || slices.Contains(scopes, r.scope)
				response := r.service.Call(r.route, got.AccessToken, nil)
				if challenge := response.Header.Get("WWW-Authenticate"); !isAllowed && challenge != `Bearer error="insufficient_scope"` {
					t.Errorf("%s with the scopes %v: WWW-Authenticate is %q, want insufficient_scope (RFC 6750)", r.route, scopes, challenge)
				}
				if (response.Status != http.StatusForbidden) != isAllowed || !isAllowed && !strings.Contains(response.Text, r.scope) {
					t.Errorf("%s with the scopes %v = %d, want allowed %v: %s", r.route, scopes, response.Status, isAllowed, response.Text)
				}
			}
		}
	})
}
