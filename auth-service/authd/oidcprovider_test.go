package authd_test

import (
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/oauth2-proxy/mockoidc"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/waittest"
)

// identityProvider is an OpenID Connect provider in this process.
type identityProvider struct {
	*mockoidc.MockOIDC
	t *testing.T

	mu   sync.Mutex // the provider handles one request at a time, because it is not safe for concurrent use
	away string     // path that gets 503, * for all; empty: none

	// beforeTokens runs before a response with tokens is sent; nil: nothing.
	beforeTokens func()
	// idToken replaces the ID token in responses; nil: no change.
	idToken func(string) string
	// metadata changes the metadata; nil: no change.
	metadata func(map[string]any)
}

func startProvider(t *testing.T) *identityProvider {
	t.Helper()
	m, err := mockoidc.NewServer(nil)
	if err != nil {
		t.Fatal(err)
	}
	m.ClientID, m.ClientSecret = "suite", "a secret with: special characters + %"
	p := &identityProvider{MockOIDC: m, t: t}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := m.AddMiddleware(p.intercept); err != nil {
		t.Fatal(err)
	}
	if err := m.Start(listener, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Server.Close() })
	return p
}

// set changes the provider between two requests.
func (p *identityProvider) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

// intercept accepts the credentials of the client in the header, as real providers do.
func (p *identityProvider) intercept(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, header, body := p.respond(next, r)
		if wait := p.beforeTokens; wait != nil && r.URL.Path == mockoidc.TokenEndpoint {
			wait()
		}
		maps.Copy(w.Header(), header)
		w.WriteHeader(status)
		w.Write(body)
	})
}

func (p *identityProvider) respond(next http.Handler, r *http.Request) (status int, header http.Header, body []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away == "*" || p.away == r.URL.Path {
		return http.StatusServiceUnavailable, nil, nil
	}
	if id, secret, ok := r.BasicAuth(); ok {
		id, _ = url.QueryUnescape(id)
		secret, _ = url.QueryUnescape(secret)
		if err := r.ParseForm(); err != nil {
			p.t.Error(err)
		}
		r.Form.Set("client_id", id)
		r.Form.Set("client_secret", secret)
	}
	recorder := httptest.NewRecorder()
	next.ServeHTTP(recorder, r)
	return recorder.Code, recorder.Header(), p.tamper(r.URL.Path, recorder.Body.Bytes())
}

// tamper changes the body of a response, as the test has set.
func (p *identityProvider) tamper(path string, body []byte) []byte {
	var response map[string]any
	if json.Unmarshal(body, &response) != nil {
		return body // a redirect
	}
	switch token, _ := response["id_token"].(string); {
	case path == mockoidc.DiscoveryEndpoint && p.metadata != nil:
		p.metadata(response)
	case token != "" && p.idToken != nil:
		response["id_token"] = p.idToken(token)
	default:
		return body
	}
	body, err := json.Marshal(response)
	if err != nil {
		p.t.Error(err)
	}
	return body
}

// person is a person at the provider: the claims of the ID token. A claim that is nil is left out.
type person map[string]any

// ID implements mockoidc.User.
func (p person) ID() string { return p["sub"].(string) }

// Userinfo implements mockoidc.User.
func (p person) Userinfo([]string) ([]byte, error) { return json.Marshal(p) }

// Claims implements mockoidc.User.
func (p person) Claims(_ []string, base *mockoidc.IDTokenClaims) (jwt.Claims, error) {
	claims := jwt.MapClaims{"iss": base.Issuer, "aud": base.Audience, "exp": base.ExpiresAt, "iat": base.IssuedAt, "nonce": base.Nonce}
	maps.Copy(claims, p)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	return claims, nil
}

// with returns the person with another claim.
func (p person) with(claim string, value any) person {
	p = maps.Clone(p)
	p[claim] = value
	return p
}

var ann = person{"sub": "248289761001", "email": "ann@nlb.example", "email_verified": true}

// atProvider is a service whose people log in at a provider.
type atProvider struct {
	*service
	idp *identityProvider
}

func withProvider(t *testing.T, db connect.Config, change ...func(*authd.Config)) *atProvider {
	t.Helper()
	idp := startProvider(t)
	return &atProvider{start(t, db, append([]func(*authd.Config){idp.configure}, change...)...), idp}
}

func (p *identityProvider) configure(cfg *authd.Config) {
	cfg.OIDC.Issuer, cfg.OIDC.ClientID, cfg.OIDC.ClientSecret, cfg.OIDC.CreateAccounts = p.Issuer(), p.ClientID, p.ClientSecret, true
}

// browser is a browser with cookies, which does not follow redirects.
type browser struct {
	*atProvider
	client  http.Client
	headers []string // alternate names and values
	begun   *url.URL // the URL at the provider of the latest login
}

func (s *atProvider) browser(headers ...string) *browser {
	s.T.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.T.Fatal(err)
	}
	client := http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &browser{atProvider: s, client: client, headers: headers}
}

// get opens a URL, as a link of another site does, and returns the response.
func (b *browser) get(address string) *http.Response {
	b.T.Helper()
	req, err := http.NewRequestWithContext(b.T.Context(), http.MethodGet, address, nil)
	if err != nil {
		b.T.Fatal(err)
	}
	for i := 0; i < len(b.headers); i += 2 {
		req.Header.Set(b.headers[i], b.headers[i+1])
	}
	res, err := b.client.Do(req)
	if err != nil {
		b.T.Fatal(err)
	}
	return res
}

// begin begins a login, and returns the URL at the provider.
func (b *browser) begin() *url.URL {
	b.T.Helper()
	var res *http.Response
	waittest.Until(b.T, "the keys are loaded", func() bool {
		res = b.get(b.URL + "/api/auth/oidc/login")
		res.Body.Close()
		return res.StatusCode != 503
	})
	at, err := res.Location()
	if err != nil || res.StatusCode != 302 {
		b.T.Fatalf("begin of a login = %d, %v", res.StatusCode, err)
	}
	b.begun = at
	return at
}

// authenticate logs the person in at the provider, and returns the URL at which the browser comes back.
func (b *browser) authenticate(who person, at *url.URL) *url.URL {
	b.T.Helper()
	b.idp.set(func() { b.idp.QueueUser(who) })
	res := b.get(at.String())
	defer res.Body.Close()
	back, err := res.Location()
	if err != nil {
		b.T.Fatalf("%s = %d, %v", at, res.StatusCode, err)
	}
	return back
}

// finish opens the URL at which the browser comes back.
func (b *browser) finish(back *url.URL) resttest.Response {
	b.T.Helper()
	headers := b.headers
	if b.client.Jar != nil {
		for _, c := range b.client.Jar.Cookies(back) {
			headers = append(headers, "Cookie", c.String())
		}
	}
	return b.Do("GET "+back.RequestURI(), "", headers...)
}

// logIn logs a person in.
func (s *atProvider) logIn(who person) resttest.Response {
	s.T.Helper()
	b := s.browser()
	return b.finish(b.authenticate(who, b.begin()))
}

// want logs a person in and returns the grant.
func (s *atProvider) want(who person) (g grant) {
	s.T.Helper()
	s.logIn(who).Want(200, &g)
	return g
}
