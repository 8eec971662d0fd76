package authd_test

import (
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
)

const feedSecret = "a secret of services with 32 characters"

// TestServicesAndClientsDoNotExhaustEachOther: behind a proxy, services and clients have
// the same address. Clients exhaust its budget for revocations, with and without a wrong
// secret, and services still read them; the same for keys. When services exhaust their
// budget, clients can log in.
func TestServicesAndClientsDoNotExhaustEachOther(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()}, func(c *authd.Config) {
		c.HTTP.MaxRequests, c.HTTP.TrustedProxies = 4, rest.Networks{netip.MustParsePrefix("127.0.0.0/8")}
		c.Revocations.Secret = feedSecret
	})
	s.register("root@x.example", "admin")
	from := []string{"X-Forwarded-For", "203.0.113.7"}
	exhaust := func(path string, headers ...string) (first resttest.Response) {
		t.Helper()
		for i := range 20_000 {
			a := s.Call("GET "+path, "", nil, append(headers, from...)...)
			if i == 0 {
				first = a
			}
			if a.Status == 429 {
				return first
			}
		}
		t.Fatal("the number of requests is not limited")
		return first
	}
	// Some requests may pass because the limit grows while the test runs.
	isExhausted := func(path string, headers ...string) {
		t.Helper()
		for range 2000 {
			if s.Call("GET "+path, "", nil, append(headers, from...)...).Status == 429 {
				return
			}
		}
		t.Errorf("%s: 2000 requests with a wrong secret are not limited, although those without one were", path)
	}
	service := append([]string{"Authorization", "Bearer " + feedSecret}, from...)
	wrong := "Bearer " + strings.ToUpper(feedSecret)
	exhaust(auth.RevocationsPath).WantProblem(401, "header:Authorization secret")
	isExhausted(auth.RevocationsPath, "Authorization", wrong)
	s.Call("GET "+auth.RevocationsPath, "", nil, service...).Want(200, nil)
	exhaust(auth.RevocationsPath, service[:2]...).Want(200, nil)

	exhaust(auth.KeysPath).Want(200, nil)
	isExhausted(auth.KeysPath, "Authorization", wrong)
	s.Call("GET "+auth.KeysPath, "", nil, service...).Want(200, nil)
	exhaust(auth.KeysPath, service[:2]...).Want(200, nil)

	s.Call("POST /api/auth/login", "", `{"email":"root@x.example","password":"correct horse"}`, from...).Want(200, nil)
}

// TestVerifierReadsKeysDespiteClients: a service whose address has exhausted the limit of
// the keys, as clients behind the same proxy do, verifies tokens if it has the secret.
func TestVerifierReadsKeysDespiteClients(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()}, func(c *authd.Config) { c.Revocations.Secret = feedSecret })
	ann := s.register("ann@x.example", "")
	for s.Call("GET "+auth.KeysPath, "", nil).Status != 429 {
	}
	v, err := token.NewVerifier(t.Context(), token.Config{URL: s.URL, Revocations: token.RevocationConfig{Secret: feedSecret}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), "Bearer "+ann.Token); err != nil {
		t.Errorf("Verify = %v, want no error", err)
	}
}

// TestVerifierSendsSecret: a service with another secret cannot read revocations, one with
// the secret can, also from an auth-service that has none yet.
func TestVerifierSendsSecret(t *testing.T) {
	for name, c := range map[string]struct {
		server, client string
		ok             bool
	}{
		"same secret":             {feedSecret, feedSecret, true},
		"no secret in the client": {feedSecret, "", false},
		"other secret":            {feedSecret, strings.ToUpper(feedSecret), false},
		"no secret":               {"", "", true},
		"no secret in the server": {"", feedSecret, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, connect.Config{Dir: t.TempDir()}, func(cfg *authd.Config) { cfg.Revocations.Secret = c.server })
			v, err := token.NewVerifier(t.Context(), token.Config{URL: s.URL, Revocations: token.RevocationConfig{Secret: c.client}}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			if err := v.CheckRevocations(t.Context()); (err == nil) != c.ok {
				t.Errorf("CheckRevocations = %v, want ok: %v", err, c.ok)
			}
		})
	}
}
