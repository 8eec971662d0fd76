package token_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/fault"
)

var (
	now    = time.Now().Truncate(time.Second)
	ann    = auth.Principal{UserID: "0193-u", Email: "ann@nlb.example", Role: auth.Operator, Organisation: "nordlicht", FormerOrganisations: []string{"Nordlicht GmbH"}}
	secret = strings.Repeat("s", 32)
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func verifier(t testing.TB, c token.Config) *token.Verifier {
	t.Helper()
	v, err := token.NewVerifier(t.Context(), c, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	v.Now = func() time.Time { return now }
	return v
}

// assemble signs a token with additional header fields.
func assemble(t *testing.T, method jwt.SigningMethod, key any, header map[string]any) string {
	t.Helper()
	unsigned := jwt.NewWithClaims(method, token.Claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: token.Issuer, Audience: jwt.ClaimStrings{token.Audience}, Subject: ann.UserID,
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(time.Minute)),
		},
		Role: auth.Admin,
	})
	unsigned.Header["typ"] = "at+jwt"
	for name, value := range header {
		unsigned.Header[name] = value
	}
	s, err := unsigned.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestValidTokensAreAccepted(t *testing.T) {
	issuer, eddsa := authtest.New(t), authtest.New(t)
	eddsa.Key = authtest.NewKey(t, token.EdDSA)
	for name, c := range map[string]struct {
		config token.Config
		key    token.Key
	}{
		"ES256": {token.Config{URL: issuer.URL}, issuer.Key},
		"EdDSA": {token.Config{URL: eddsa.URL}, eddsa.Key},
		"HS256": {token.Config{Secret: secret, URL: "http://127.0.0.1:1"}, token.Key{Secret: []byte(secret)}},
		// A service that still has JWT_SECRET after the algorithm has changed.
		"ES256 with a secret": {token.Config{Secret: secret, URL: issuer.URL}, issuer.Key},
	} {
		t.Run(name, func(t *testing.T) {
			v := verifier(t, c.config)
			signed, err := c.key.Sign(token.NewClaims(ann, now, time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			for _, header := range []string{"Bearer " + signed, "bearer " + signed} {
				if got, err := v.Verify(t.Context(), header); err != nil || !reflect.DeepEqual(got, ann) {
					t.Errorf("Verify = %+v, %v, want %+v", got, err, ann)
				}
			}
			if err := v.CheckKeys(t.Context()); err != nil {
				t.Errorf("CheckKeys = %v", err)
			}
			// The cache must not extend the lifetime of a token.
			v.Now = func() time.Time { return now.Add(2 * time.Minute) }
			if _, err := v.Verify(t.Context(), "Bearer "+signed); !fault.Is(err, fault.Unauthenticated) {
				t.Errorf("Verify of an expired cached token = %v, want unauthenticated", err)
			}
		})
	}
}

func TestWrongClockIsNamedInTheError(t *testing.T) {
	issuer := authtest.New(t)
	signed, err := issuer.Key.Sign(token.NewClaims(ann, now, 15*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		off  time.Duration
		want string // empty: the token is accepted
	}{
		{-29 * time.Second, ""},
		{-10 * time.Minute, "is not valid yet; the clock of this service is at least 10m0s behind that of the auth-service"},
		{10 * time.Minute, ""},
		{25 * time.Minute, "expired 10m0s ago; log in again"},
	} {
		v := verifier(t, token.Config{URL: issuer.URL})
		v.Now = func() time.Time { return now.Add(c.off) }
		_, err := v.Verify(t.Context(), "Bearer "+signed)
		var got string
		if f, ok := errors.AsType[*fault.Error](err); ok {
			got = f.Details[0].Message
		}
		if got != c.want {
			t.Errorf("clock off by %v: got %q (%v), want %q", c.off, got, err, c.want)
		}
	}
}

func TestInvalidTokensAreRefused(t *testing.T) {
	issuer, eddsa := authtest.New(t), authtest.New(t)
	eddsa.Key = authtest.NewKey(t, token.EdDSA)
	refused := func(v *token.Verifier, name, header, code string) {
		t.Helper()
		_, err := v.Verify(t.Context(), header)
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.Kind != fault.Unauthenticated || f.Details[0].Path != "authorization" || f.Details[0].Code != code {
			t.Errorf("%s: Verify = %v, %+v, want unauthenticated, %s", name, err, f, code)
		}
	}
	shared := token.Key{Secret: []byte(secret)}
	for _, c := range []struct {
		config token.Config
		key    token.Key
	}{{token.Config{URL: issuer.URL}, issuer.Key}, {token.Config{URL: eddsa.URL}, eddsa.Key}, {token.Config{Secret: secret, URL: issuer.URL}, shared}} {
		v := verifier(t, c.config)
		for name, f := range authtest.Forgeries(t, c.key, now) {
			refused(v, name, "Bearer "+f.Token, f.Code)
		}
	}
	// Forgeries that are possible only with a key set.
	foreign := authtest.New(t) // an issuer that the verifier is not configured for
	other := foreign.Key.Private
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("the verifier requested %s, a URL from a token", r.URL)
		foreign.ServeHTTP(w, r)
	}))
	defer srv.Close()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	publicDER, err := x509.MarshalPKIXPublicKey(issuer.Key.Private.Public())
	if err != nil {
		t.Fatal(err)
	}
	kid := map[string]any{"kid": issuer.Key.ID}
	jwk, err := foreign.Key.JWK()
	if err != nil {
		t.Fatal(err)
	}
	keys := srv.URL + "/.well-known/jwks.json"
	embedded := map[string]any{"jku": keys, "x5u": keys, "jwk": jwk.Marshal()}
	referenced := map[string]any{"jku": keys, "x5u": keys, "jwk": jwk.Marshal(), "kid": "foreign"}
	v := verifier(t, token.Config{URL: issuer.URL})
	valid := "Bearer " + assemble(t, jwt.SigningMethodES256, issuer.Key.Private, kid)
	if _, err := v.Verify(t.Context(), valid); err != nil { // so each case below fails for its own reason
		t.Fatalf("Verify of the unaltered token = %v", err)
	}
	for name, c := range map[string]struct{ header, code string }{
		"basic":                    {"Basic YTpi", "missing"},
		"no scheme":                {issuer.Token(t, ann), "missing"},
		"no header":                {"", "missing"},
		"HS256 with the DER":       {"Bearer " + assemble(t, jwt.SigningMethodHS256, publicDER, kid), "signature"},
		"RS256":                    {"Bearer " + assemble(t, jwt.SigningMethodRS256, rsaKey, kid), "signature"},
		"embedded key":             {"Bearer " + assemble(t, jwt.SigningMethodES256, other, embedded), "signature"},
		"referenced key":           {"Bearer " + assemble(t, jwt.SigningMethodES256, other, referenced), "key"},
		"another type":             {"Bearer " + assemble(t, jwt.SigningMethodES256, issuer.Key.Private, map[string]any{"kid": issuer.Key.ID, "typ": "refresh+jwt"}), "type"},
		"algorithm of another key": {"Bearer " + assemble(t, jwt.SigningMethodEdDSA, eddsa.Key.Private, kid), "key"},
		"unknown key":              {"Bearer " + assemble(t, jwt.SigningMethodES256, other, map[string]any{"kid": "other"}), "key"},
	} {
		refused(v, name, c.header, c.code)
	}
}

func TestRequireChecksTheRole(t *testing.T) {
	issuer := authtest.New(t)
	v := verifier(t, token.Config{URL: issuer.URL})
	header := "Bearer " + issuer.Token(t, ann)
	for want, roles := range map[fault.Kind][]auth.Role{"": {auth.Admin, auth.Operator}, fault.Forbidden: {auth.Admin}} {
		ctx, err := v.Require(roles...)(t.Context(), header)
		if want != "" && !fault.Is(err, want) || want == "" && (err != nil || !reflect.DeepEqual(auth.Caller(ctx), ann)) {
			t.Errorf("Require(%v) = %v, want kind %q", roles, err, want)
		}
	}
	if _, err := v.Require()(t.Context(), header); err != nil {
		t.Errorf("Require() = %v", err)
	}
	if p := auth.Caller(t.Context()); p.Role != "" {
		t.Errorf("Caller without a guard = %+v, want no role", p)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	other := authtest.New(t)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	defer srv.Close()
	v := verifier(t, token.Config{URL: srv.URL})
	if _, err := v.Verify(t.Context(), "Bearer "+other.Token(t, ann)); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Verify = %v, want unavailable", err)
	}
	if err := v.CheckRevocations(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("CheckRevocations = %v, want unavailable", err)
	}
}

func TestConfigIsValidated(t *testing.T) {
	for _, c := range []token.Config{{Secret: secret[1:], URL: "http://a"}, {URL: ""}, {URL: "ftp://a"}, {URL: "http://"}} {
		if c.Validate() == nil {
			t.Errorf("Validate(%+v) = nil, want an error", c)
		}
	}
	if err := (token.Config{Secret: secret, URL: "http://127.0.0.1:4000"}).Validate(); err != nil {
		t.Error(err)
	}
}
