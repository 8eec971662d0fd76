package authd_test

import (
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// forgery is a login that must be refused: the claims of the person, and what happens to the ID token
// and to the URL at which the browser comes back.
type forgery struct {
	who     func(b *browser, at url.Values) person
	idToken func(s *atProvider, token string) string
	back    func(b *browser, back *url.URL)
	status  int
}

func claims(claim string, value any) func(*browser, url.Values) person {
	return func(*browser, url.Values) person { return ann.with(claim, value) }
}

func query(name, value string) func(*browser, *url.URL) {
	return func(_ *browser, back *url.URL) {
		q := back.Query()
		if q.Del(name); value != "" {
			q.Set(name, value)
		}
		back.RawQuery = q.Encode()
	}
}

func signed(method jwt.SigningMethod, key func(*atProvider) any) func(*atProvider, string) string {
	return func(s *atProvider, text string) string {
		token, _, err := jwt.NewParser().ParseUnverified(text, jwt.MapClaims{})
		if err != nil {
			s.T.Error(err)
			return ""
		}
		forged := jwt.NewWithClaims(method, token.Claims)
		forged.Header["kid"] = token.Header["kid"]
		if text, err = forged.SignedString(key(s)); err != nil {
			s.T.Error(err)
		}
		return text
	}
}

// stolenCode is the code of another login, whose ID token has the nonce of this one: only the code verifier
// differs.
func stolenCode(b *browser, back *url.URL) {
	at := b.begun.Query()
	thief := b.browser()
	stolen := thief.authenticate(ann.with("nonce", at.Get("nonce")), thief.begin())
	query("code", stolen.Query().Get("code"))(b, back)
}

func forgeries(t *testing.T) map[string]forgery {
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]forgery{
		"no state":              {back: query("state", ""), status: 400},
		"state of another":      {back: func(b *browser, u *url.URL) { query("state", b.browser().begin().Query().Get("state"))(b, u) }, status: 400},
		"no cookie":             {back: func(b *browser, _ *url.URL) { b.client.Jar = nil }, status: 400},
		"cookie of another":     {back: func(b *browser, _ *url.URL) { b.client.Jar = b.begunBrowser().client.Jar }, status: 400},
		"cookie changed":        {back: changedCookie, status: 400},
		"no code":               {back: query("code", ""), status: 400},
		"wrong code":            {back: query("code", "wrong"), status: 401},
		"code of another":       {back: stolenCode, status: 401},
		"refused":               {back: query("error", "access_denied"), status: 401},
		"refused with a text":   {back: query("error", "<script>alert(1)</script>"), status: 401},
		"response of another":   {back: query("iss", "https://other.example"), status: 401},
		"no ID token":           {idToken: func(*atProvider, string) string { return "" }, status: 401},
		"no JWT":                {idToken: func(*atProvider, string) string { return "a.b.c" }, status: 401},
		"nonce of another":      {who: claims("nonce", "other"), status: 401},
		"no nonce":              {who: claims("nonce", nil), status: 401},
		"audience of another":   {who: claims("aud", "other"), status: 401},
		"issued to another":     {who: claims("azp", "other"), status: 401},
		"issued to several":     {who: claims("aud", []string{"suite", "other"}), status: 401},
		"issuer of another":     {who: claims("iss", "https://other.example"), status: 401},
		"expired":               {who: claims("exp", time.Now().Add(-time.Minute).Unix()), status: 401},
		"no expiry":             {who: claims("exp", nil), status: 401},
		"long subject":          {who: claims("sub", strings.Repeat("a", 256)), status: 401},
		"roles of another form": {who: claims("groups", map[string]any{"a": 1}), status: 401},
		"algorithm none":        {idToken: signed(jwt.SigningMethodNone, func(*atProvider) any { return jwt.UnsafeAllowNoneSignatureType }), status: 401},
		"client secret as key":  {idToken: signed(jwt.SigningMethodHS256, func(s *atProvider) any { return []byte(s.idp.ClientSecret) }), status: 401},
		"unknown key":           {idToken: signed(jwt.SigningMethodRS256, func(*atProvider) any { return other }), status: 401},
		"several organisations": {who: claims("company", []string{"a", "b"}), status: 401},
	}
}

// begunBrowser returns another browser that has begun a login.
func (b *browser) begunBrowser() *browser {
	other := b.browser()
	other.begin()
	return other
}

func changedCookie(b *browser, back *url.URL) {
	cookie := b.client.Jar.Cookies(back)[0]
	cookie.Value, cookie.Path = cookie.Value+"A", "/"
	b.client.Jar.SetCookies(back, []*http.Cookie{cookie})
}

// TestForgedProviderResponsesAreRefused also checks that nothing is created, that the audit counts all
// failures, and that the texts of the provider are not in the responses.
func TestForgedProviderResponsesAreRefused(t *testing.T) {
	s := withProvider(t, connect.Config{Dir: t.TempDir()}, func(c *authd.Config) {
		c.OIDC.RoleClaim, c.OIDC.Roles, c.OIDC.OrganisationClaim = "groups", map[string]auth.Role{"editors": auth.Operator}, "company"
	})
	root := s.register("root@nlb.example", "admin")
	all := forgeries(t)
	for name, f := range all {
		b := s.browser()
		at := b.begin()
		who := ann
		if f.who != nil {
			who = f.who(b, at.Query())
		}
		if f.idToken != nil {
			s.idp.set(func() { s.idp.idToken = func(token string) string { return f.idToken(s, token) } })
		}
		back := b.authenticate(who, at)
		if f.back != nil {
			f.back(b, back)
		}
		query("error_description", "<script>")(b, back)
		r := b.finish(back)
		s.idp.set(func() { s.idp.idToken = nil })
		if r.Status != f.status || strings.Contains(r.Text, "script") {
			t.Errorf("%s: %d, want %d: %s", name, r.Status, f.status, r.Text)
			continue
		}
		var p rest.Problem
		r.Want(f.status, &p)
	}
	if n := s.counted(root, audit.LoginFailed, ""); n != int64(len(all)) {
		t.Errorf("audit counts %d failed logins, want %d", n, len(all))
	}
	if ids := s.listAccounts(root, "?limit=10"); len(ids) != 1 {
		t.Errorf("accounts %v, want the admin only", ids)
	}
	s.want(ann)
}
