package authd_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// apiClient is an API client with its first secret.
type apiClient struct {
	ID       string `json:"clientId"`
	Secret   string `json:"clientSecret"`
	Secrets  []struct{ ID, LastUsedAt string }
	Disabled bool
	Name     string

	LastUsedAt string
}

func (s *service) newClient(admin grant, role, organisation string) (c apiClient) {
	s.T.Helper()
	s.Call("POST /api/auth/clients", admin.Token, map[string]string{"name": "ERP", "role": role, "organisation": organisation}).Want(201, &c)
	return c
}

const formType = "application/x-www-form-urlencoded"

// tokenRequest sends a form to the token endpoint.
func (s *service) tokenRequest(form string, headers ...string) resttest.Response {
	s.T.Helper()
	return s.Do("POST /api/auth/token", form, append([]string{"Content-Type", formType}, headers...)...)
}

func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
}

func credentialsForm(id, secret string) string {
	return url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}}.Encode()
}

type issued struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
	RefreshToken string `json:"refresh_token"`
	Scope        string
	Error        string
	Description  string `json:"error_description"`
}

func (s *service) clientToken(id, secret string) (t issued) {
	s.T.Helper()
	s.tokenRequest(credentialsForm(id, secret)).Want(200, &t)
	return t
}

// TestClientGetsTokens: an API client gets a token for its role and organisation, as RFC 6749
// and RFC 9068 say.
func TestClientGetsTokens(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db, func(c *authd.Config) { c.IssuerURL = "https://auth.example" })
		root := s.register("root@x.example", "admin")
		erp := s.newClient(root, "operator", s.organisation(root, "nordlicht"))
		if !strings.HasPrefix(erp.Secret, "bps_") || len(erp.Secret) != 47 {
			t.Errorf("secret = %q, want bps_ and 43 characters", erp.Secret)
		}
		verifier, err := token.NewVerifier(t.Context(), token.Config{URL: s.URL}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		all := strings.Join(auth.Operator.Scopes(), " ")
		for name, c := range map[string]struct {
			response resttest.Response
			scope    string
		}{
			"body":  {s.tokenRequest(credentialsForm(erp.ID, erp.Secret) + "&scope=passports:write+passports:read+passports:read"), "passports:read passports:write"},
			"all":   {s.tokenRequest(credentialsForm(erp.ID, erp.Secret) + "&scope=" + url.QueryEscape(all)), all},
			"Basic": {s.tokenRequest("grant_type=client_credentials&client_secret=", "Authorization", basic(erp.ID, erp.Secret), "Content-Type", formType+"; charset=UTF-8"), all},
		} {
			var got issued
			a := c.response
			a.Want(200, &got)
			if got.TokenType != "Bearer" || got.ExpiresIn != 900 || got.RefreshToken != "" || got.Scope != c.scope ||
				a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Pragma") != "no-cache" {
				t.Errorf("%s: %+v, header %v", name, got, a.Header)
			}
			p, err := verifier.Verify(t.Context(), "Bearer "+got.AccessToken)
			if err != nil || p.UserID != erp.ID || p.Role != auth.Operator || p.Organisation != "nordlicht" || !p.Client || p.Session != erp.Secrets[0].ID {
				t.Errorf("%s: Verify = %+v, %v", name, p, err)
			}
			claims, header := jwtPart(t, got.AccessToken, 1), jwtPart(t, got.AccessToken, 0)
			for claim, want := range map[string]any{"iss": "https://auth.example", "sub": erp.ID, "client_id": erp.ID, "scope": got.Scope, "email": nil} {
				if claims[claim] != want {
					t.Errorf("%s: claim %s = %v, want %v", name, claim, claims[claim], want)
				}
			}
			if header["typ"] != "at+jwt" || header["alg"] != "ES256" || claims["jti"] == nil {
				t.Errorf("%s: header %v", name, header)
			}
			var profile struct{ ID, Email, Role, Organisation string }
			s.Call("GET /api/auth/profile", got.AccessToken, nil).Want(200, &profile)
			if profile.ID != erp.ID || profile.Email != "" || profile.Role != "operator" || profile.Organisation != "nordlicht" {
				t.Errorf("%s: profile = %+v", name, profile)
			}
			s.Call("GET /api/auth/clients", got.AccessToken, nil).Want(403, nil)
			s.Call("PUT /api/auth/password", got.AccessToken, `{"currentPassword":"drop anchor","newPassword":"paper pencil battery"}`).Want(401, nil)
		}
		if got := jwtPart(t, root.Token, 1)["client_id"]; got != token.WebClient {
			t.Errorf("client_id of a person = %v, want %s", got, token.WebClient)
		}
		var used apiClient
		text := s.Call("GET /api/auth/clients/"+erp.ID, root.Token, nil).Want(200, &used).Text
		if used.LastUsedAt == "" || used.Secrets[0].LastUsedAt == "" || strings.Contains(text, "bps_") || strings.Contains(text, "hash") {
			t.Errorf("client = %s", text)
		}
		if text := s.log.String(); strings.Contains(text, erp.Secret) {
			t.Error("the log contains the secret")
		}
	})
}

// TestSecretsRotateWithoutOutage: two secrets are valid at the same time. Removing one revokes
// its tokens, and not those of the other.
func TestSecretsRotateWithoutOutage(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		root := s.register("root@x.example", "admin")
		erp := s.newClient(root, "operator", s.organisation(root, "nordlicht"))
		path := "/api/auth/clients/" + erp.ID
		old := s.clientToken(erp.ID, erp.Secret)
		var added struct {
			ID     string
			Secret string `json:"clientSecret"`
		}
		s.Call("POST "+path+"/secrets", root.Token, nil).Want(201, &added)
		s.Call("POST "+path+"/secrets", root.Token, nil).WantProblem(409)
		next := s.clientToken(erp.ID, added.Secret)
		s.clientToken(erp.ID, erp.Secret)
		s.Call("DELETE "+path+"/secrets/none", root.Token, nil).WantProblem(404)
		s.Call("DELETE "+path+"/secrets/"+erp.Secrets[0].ID, root.Token, nil).Want(204, nil)
		s.tokenRequest(credentialsForm(erp.ID, erp.Secret)).Want(401, nil)
		s.eventuallyRefused(old.AccessToken)
		s.Call("GET /api/auth/profile", next.AccessToken, nil).Want(200, nil)
		s.clientToken(erp.ID, added.Secret)
	})
}

// TestDisabledClientIsRefused: a disabled client gets no tokens, and its tokens are revoked.
// After it is enabled, it gets new ones. A deleted client is gone.
func TestDisabledClientIsRefused(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	root := s.register("root@x.example", "admin")
	erp := s.newClient(root, "operator", s.organisation(root, "nordlicht"))
	path := "/api/auth/clients/" + erp.ID
	first := s.clientToken(erp.ID, erp.Secret)
	s.Call("PATCH "+path, root.Token, `{"disabled":true,"name":"old ERP"}`).Want(200, nil)
	s.tokenRequest(credentialsForm(erp.ID, erp.Secret)).Want(401, nil)
	s.eventuallyRefused(first.AccessToken)
	s.Call("PATCH "+path, root.Token, `{"disabled":false}`, "If-Match", `"1"`).Want(412, nil)
	s.Call("PATCH "+path, root.Token, `{"disabled":false}`, "If-Match", `"2"`).Want(200, nil)
	second := s.clientToken(erp.ID, erp.Secret)
	s.Call("GET /api/auth/profile", second.AccessToken, nil).Want(200, nil)
	s.Call("DELETE /api/auth/organisations/nordlicht", root.Token, nil).WantProblem(409)
	s.Call("DELETE "+path, root.Token, nil).Want(204, nil)
	s.tokenRequest(credentialsForm(erp.ID, erp.Secret)).Want(401, nil)
	s.eventuallyRefused(second.AccessToken)
	for _, route := range []string{"GET " + path, "DELETE " + path, "POST " + path + "/secrets"} {
		s.Call(route, root.Token, nil).WantProblem(404)
	}
	var page struct{ Items []apiClient }
	if s.Call("GET /api/auth/clients", root.Token, nil).Want(200, &page); len(page.Items) != 0 {
		t.Errorf("clients = %+v, want none", page.Items)
	}
	s.Call("DELETE /api/auth/organisations/nordlicht", root.Token, nil).Want(204, nil)
	var entries struct {
		Items []struct{ Action, By, Client string }
	}
	s.Call("GET /api/auth/audit?client="+erp.ID, root.Token, nil).Want(200, &entries)
	var actions []string
	for _, e := range entries.Items {
		if actions = append(actions, e.Action); e.Client != erp.ID || strings.HasPrefix(e.Action, "client") && e.By != root.User.ID && e.By != "" {
			t.Errorf("entry %+v", e)
		}
	}
	slices.Sort(actions)
	if want := []string{"clientAuthenticated", "clientChanged", "clientChanged", "clientCreated", "clientDeleted", "clientFailed"}; !slices.Equal(actions, want) {
		t.Errorf("audit = %v, want %v", actions, want)
	}
}

// TestInvalidClientsAreRefused sends wrong clients.
func TestInvalidClientsAreRefused(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	root := s.register("root@x.example", "admin")
	s.organisation(root, "nordlicht")
	body := func(change string) string {
		members := map[string]any{"name": "ERP", "role": "operator", "organisation": "nordlicht"}
		if err := json.Unmarshal([]byte(change), &members); err != nil {
			t.Fatal(err)
		}
		data, _ := json.Marshal(members)
		return string(data)
	}
	for change, want := range map[string]string{
		`{"role":"admin"}`: "/role enum", `{"role":"root"}`: "/role enum", `{"organisation":"none"}`: "/organisation notFound", `{"organisation":""}`: "/organisation notFound",
		`{"name":""}`: "/name format", `{"name":"a\u200bb"}`: "/name format", `{"name":" x"}`: "/name format", `{"secret":"x"}`: "/secret unknownField",
		fmt.Sprintf(`{"name":%q}`, strings.Repeat("x", 101)): "/name format",
	} {
		s.Call("POST /api/auth/clients", root.Token, body(change)).WantProblem(422, want)
	}
	var page struct{ Items []apiClient }
	if s.Call("GET /api/auth/clients", root.Token, nil).Want(200, &page); len(page.Items) != 0 {
		t.Errorf("clients = %+v, want none", page.Items)
	}
}

// TestWrongSecretsDoNotLockOutTheClient sends 1,000 wrong secrets: most are refused with 429.
// The client gets tokens from elsewhere, and also from the same address if it did so before.
func TestWrongSecretsDoNotLockOutTheClient(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()}, behindProxy, requests(300))
	root := s.register("root@x.example", "admin")
	erp := s.newClient(root, "operator", s.organisation(root, "nordlicht"))
	other := s.newClient(root, "operator", "nordlicht")
	from := func(address, id, secret string) int {
		return s.tokenRequest(credentialsForm(id, secret), "X-Forwarded-For", address).Status
	}
	if status := from("203.0.113.9", erp.ID, erp.Secret); status != 200 {
		t.Fatalf("first token = %d", status)
	}
	var mu sync.Mutex
	statuses := map[int]int{}
	var attack sync.WaitGroup
	for range 8 {
		attack.Go(func() {
			for i := range 125 {
				status := from("203.0.113.9", erp.ID, fmt.Sprint("bps_", i))
				mu.Lock()
				statuses[status]++
				mu.Unlock()
			}
		})
	}
	attack.Wait()
	if statuses[401]+statuses[429] != 1_000 || statuses[429] < 600 {
		t.Errorf("statuses of 1,000 wrong secrets: %v, want 401 and mostly 429", statuses)
	}
	for _, c := range []struct {
		name, address string
		client        apiClient
		want          int
	}{
		{"elsewhere", "198.51.100.7", erp, 200},
		{"same address, known", "203.0.113.9", erp, 200},
		{"another client, same address, unknown", "203.0.113.9", other, 429},
		{"another client, elsewhere, not used yet", "198.51.100.7", other, 200}, // last: its token makes it known everywhere
	} {
		if status := from(c.address, c.client.ID, c.client.Secret); status != c.want {
			t.Errorf("%s: %d, want %d", c.name, status, c.want)
		}
	}
}
