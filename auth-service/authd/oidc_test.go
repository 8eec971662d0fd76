package authd_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oauth2-proxy/mockoidc"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
	"github.com/battery-passport/suite/pkg/waittest"
)

// TestLogInAtProvider logs a person in twice: the first login creates an account.
func TestLogInAtProvider(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := withProvider(t, db)
		root := s.register("root@nlb.example", "admin")
		b := s.browser("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document")
		at := b.begin()
		q := at.Query()
		got := map[string]string{"at": at.Host + at.Path}
		for _, name := range []string{"client_id", "response_type", "redirect_uri", "scope", "code_challenge_method"} {
			got[name] = q.Get(name)
		}
		want := map[string]string{
			"at": strings.TrimPrefix(s.idp.AuthorizationEndpoint(), "http://"), "client_id": "suite", "response_type": "code", "redirect_uri": s.URL + "/api/auth/oidc/callback",
			"scope": "openid email profile", "code_challenge_method": "S256",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("request to the provider (-want +got)\n%s", diff)
		}
		for _, name := range []string{"state", "nonce", "code_challenge"} {
			if len(q.Get(name)) < 26 { // 128 bits in base 32
				t.Errorf("%s = %q", name, q.Get(name))
			}
		}

		var in grant
		r := b.finish(b.authenticate(ann, at)).Want(200, &in)
		if in.User.Email != "ann@nlb.example" || in.User.Role != "user" || in.User.Organisation != "" || in.ExpiresIn != 900 || in.DeviceToken == "" {
			t.Errorf("grant = %+v", in)
		}
		if cookies := strings.Join(r.Header.Values("Set-Cookie"), "\n"); r.Header.Get("Cache-Control") != "no-store" || !strings.Contains(cookies, "oidc_login=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax") {
			t.Errorf("headers of a login = %v", r.Header)
		}
		s.Call("GET /api/auth/profile", in.Token, nil).Want(200, nil)
		in = s.refreshed(in.RefreshToken)
		if again := s.want(ann.with("email", "ann.new@nlb.example").with("email_verified", false)); again.User.ID != in.User.ID || again.User.Email != "ann@nlb.example" {
			t.Errorf("the next login is to %+v, want %+v", again.User, in.User)
		}
		// The account has no password, so nobody can log in or change the password with one.
		s.login("ann@nlb.example", "").WantProblem(401)
		s.Call("PUT /api/auth/password", in.Token, `{"currentPassword":"","newPassword":"battery staple"}`).WantProblem(409)

		names := map[string]string{root.User.ID: "root", in.User.ID: "ann"}
		if diff := cmp.Diff([]string{`ann 1 registered by ann from 127.0.0.1 role:""→"user"`}, s.entries(root, "&account="+in.User.ID, names)); diff != "" {
			t.Errorf("audit (-want +got)\n%s", diff)
		}
		if _, text := s.audited(root, "&action=registered&account="+in.User.ID); !strings.Contains(text, `"provider":"`+s.idp.Issuer()+`"`) {
			t.Errorf("the entry does not name the provider: %s", text)
		}
		if n := s.counted(root, audit.LoggedIn, in.User.ID); n != 2 {
			t.Errorf("audit counts %d logins, want 2", n)
		}
		s.Call("DELETE /api/auth/users/"+in.User.ID, root.Token, nil).Want(204, nil)
		if next := s.want(ann); next.User.ID == in.User.ID {
			t.Error("the login after an erasure is to the erased account")
		}
	})
}

// counted returns how many logins of a kind the audit counts, of an account or all.
func (s *service) counted(admin grant, action audit.Action, account string) (n int64) {
	s.T.Helper()
	items, _ := s.audited(admin, "&action="+string(action)+"&account="+account)
	for _, e := range items {
		n += e.Count
	}
	return n
}

// TestProviderLoginIsFinishedOnce: neither the code nor the login in progress can be used again, and a login expires.
func TestProviderLoginIsFinishedOnce(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		var c clock
		s := withProvider(t, db, c.set)
		b := s.browser()
		at := b.begin()
		back := b.authenticate(ann, at)
		s.stop()
		redirectURL := s.URL + "/api/auth/oidc/callback"
		s.service = start(t, db, s.idp.configure, c.set, func(cfg *authd.Config) { cfg.OIDC.RedirectURL = redirectURL })
		restarted, err := url.Parse(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		back.Host = restarted.Host // another instance finishes it
		s.Call("GET /api/auth/health", "", nil).Want(200, nil)
		waittest.Until(t, "the keys are loaded", func() bool { return s.login("none@nlb.example", "wrong horse").Status == 401 })
		b.finish(back).Want(200, nil)
		b.finish(back).WantProblem(401)
		next := b.authenticate(ann, at)
		next.Host = restarted.Host
		b.finish(next).WantProblem(401) // the same state with another code
		at = b.begin()
		back = b.authenticate(ann, at)
		c.advance(10*time.Minute + time.Second)
		b.finish(back).WantProblem(400)
	})
}

// TestProviderAwayAndBack: the service works without the provider, but for logins there.
func TestProviderAwayAndBack(t *testing.T) {
	idp := startProvider(t)
	idp.away = "*"
	s := &atProvider{start(t, connect.Config{Dir: t.TempDir()}, idp.configure), idp}
	s.register("root@nlb.example", "admin")
	s.login("root@nlb.example", "correct horse").Want(200, nil)
	unavailable := func(r resttest.Response) {
		t.Helper()
		r.WantProblem(503)
		if r.Header.Get("Retry-After") == "" {
			t.Error("503 without Retry-After")
		}
	}
	unavailable(s.Do("GET /api/auth/oidc/login", ""))
	if got := s.Do("GET /readyz", "").Want(200, nil).Text; !strings.Contains(got, `{"name":"oidc","ok":false,"vital":false,"detail":"the identity provider does not respond`) {
		t.Errorf("readiness without the provider = %s", got)
	}
	idp.set(func() { idp.away = "" })
	b := s.browser()
	back := b.authenticate(ann, b.begin())
	for _, path := range []string{mockoidc.TokenEndpoint, mockoidc.JWKSEndpoint} {
		idp.set(func() { idp.away = path })
		unavailable(b.finish(back))
		idp.set(func() { idp.away = "" })
		if path == mockoidc.TokenEndpoint { // the code was not used
			b.finish(back).Want(200, nil)
			rotate(t, idp)
			back = b.authenticate(ann, b.begin())
		}
	}
	s.want(ann)
	waittest.Until(t, "the provider is ready", func() bool {
		return strings.Contains(s.Do("GET /readyz", "").Text, `{"name":"oidc","ok":true,"vital":false}`)
	})
}

// TestWrongMetadataIsRefused: nobody is sent to a provider with another name, or with endpoints that are not encrypted.
func TestWrongMetadataIsRefused(t *testing.T) {
	for _, member := range []string{"issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"} {
		idp := startProvider(t)
		idp.metadata = func(m map[string]any) { m[member] = "http://other.example/" }
		s := start(t, connect.Config{Dir: t.TempDir()}, idp.configure)
		s.register("root@nlb.example", "admin") // waits for the keys
		s.Do("GET /api/auth/oidc/login", "").WantProblem(503)
		s.stop()
	}
}

// TestProviderAcceptsCredentialsInForm: some providers do not accept the client secret in the header.
func TestProviderAcceptsCredentialsInForm(t *testing.T) {
	s := withProvider(t, connect.Config{Dir: t.TempDir()})
	s.idp.metadata = func(m map[string]any) { m["token_endpoint_auth_methods_supported"] = []string{"client_secret_post"} }
	s.want(ann)
}

// TestProviderRotatesKeys: a key that the service does not know yet is requested.
func TestProviderRotatesKeys(t *testing.T) {
	s := withProvider(t, connect.Config{Dir: t.TempDir()})
	s.want(ann)
	rotate(t, s.idp)
	s.want(ann)
}

// rotate gives a provider another key.
func rotate(t *testing.T, idp *identityProvider) {
	t.Helper()
	keys, err := mockoidc.RandomKeypair(2048)
	if err != nil {
		t.Fatal(err)
	}
	idp.set(func() { idp.Keypair = keys })
}

// TestConcurrentFirstLoginsMakeOneAccount logs in the same person many times at once.
func TestConcurrentFirstLoginsMakeOneAccount(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := withProvider(t, db)
		root := s.register("root@nlb.example", "admin")
		var backs []*url.URL
		var browsers []*browser
		for range 6 {
			b := s.browser()
			backs, browsers = append(backs, b.authenticate(ann, b.begin())), append(browsers, b)
		}
		var together sync.WaitGroup // the provider answers all logins at the same time
		together.Add(len(browsers))
		s.idp.set(func() { s.idp.beforeTokens = func() { together.Done(); together.Wait() } })
		var mu sync.Mutex
		var wg sync.WaitGroup
		got := map[int]int{}
		for i, b := range browsers {
			wg.Go(func() {
				r := b.finish(backs[i])
				mu.Lock()
				defer mu.Unlock()
				got[r.Status]++
			})
		}
		wg.Wait()
		if diff := cmp.Diff(map[int]int{200: 6}, got); diff != "" {
			t.Errorf("statuses of concurrent logins (-want +got)\n%s", diff)
		}
		if ids := s.listAccounts(root, "?limit=10"); len(ids) != 2 {
			t.Errorf("accounts %v, want the admin and one more", ids)
		}
	})
}

// TestWhichPagesMayLogInAtProvider: the browser follows links of other sites, but their pages cannot send the requests
// themselves, and a cookie over HTTP does not count over HTTPS.
func TestWhichPagesMayLogInAtProvider(t *testing.T) {
	s := withProvider(t, connect.Config{Dir: t.TempDir()})
	s.want(ann)
	for _, path := range []string{"/api/auth/oidc/login", "/api/auth/oidc/callback?code=a&state=b"} {
		s.Do("GET "+path, "", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty", "Origin", "https://evil.example").WantProblem(403)
		s.Do("GET "+path, "", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe").WantProblem(403)
		s.Do("POST "+path, "").WantProblem(405)
	}
	b := s.browser("X-Forwarded-Proto", "https")
	res := b.get(s.URL + "/api/auth/oidc/login")
	res.Body.Close()
	cookie := res.Cookies()[0]
	if cookie.Name != "__Host-oidc_login" || !cookie.Secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.MaxAge != 600 {
		t.Errorf("cookie over HTTPS = %s", cookie)
	}
	at, err := res.Location()
	if err != nil {
		t.Fatal(err)
	}
	back := b.authenticate(ann, at)
	s.Do("GET "+back.RequestURI(), "", "X-Forwarded-Proto", "https", "Cookie", "oidc_login="+cookie.Value).WantProblem(400)
	s.Do("GET "+back.RequestURI(), "", "X-Forwarded-Proto", "https", "Cookie", "__Host-oidc_login="+cookie.Value).Want(200, nil)
}

// TestProviderLoginsAreThrottled counts the requests of a network.
func TestProviderLoginsAreThrottled(t *testing.T) {
	s := withProvider(t, connect.Config{Dir: t.TempDir()}, requests(10))
	s.login("none@nlb.example", "wrong horse").Want(401, nil) // waits for the keys
	root := s.register("root@nlb.example", "admin")
	for _, path := range []string{"/api/auth/oidc/login", "/api/auth/oidc/callback?code=a&state=b"} {
		b := s.browser()
		status := 0
		for range 30 {
			res := b.get(s.URL + path)
			res.Body.Close()
			if status = res.StatusCode; status == 429 {
				break
			}
		}
		if status != 429 {
			t.Errorf("the last of 30 requests to %s = %d, want 429", path, status)
		}
	}
	if n := s.counted(root, audit.LoginThrottled, ""); n < 2 {
		t.Errorf("audit counts %d throttled logins", n)
	}
}

// TestNoProvider: without OIDC_ISSUER, nobody can log in there.
func TestNoProvider(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	for _, path := range []string{"/api/auth/oidc/login", "/api/auth/oidc/callback?code=a&state=b"} {
		r := s.Do("GET "+path, "")
		if r.WantProblem(404); !strings.Contains(r.Text, "OIDC_ISSUER") {
			t.Errorf("problem without a provider = %s", r.Text)
		}
	}
}
