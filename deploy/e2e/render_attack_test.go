package e2e

import (
	"net/http"
	"testing"
)

// TestRenderKnowsItsClients sends requests as they arrive on Render: through Cloudflare
// and a proxy of Render, here the test. One client must neither use up the rate limit of
// another one nor get a new limit by adding addresses to X-Forwarded-For.
func TestRenderKnowsItsClients(t *testing.T) {
	proxies := ""
	for _, v := range render(t).EnvVarGroups[0].EnvVars {
		if v.Key == "TRUSTED_PROXIES" {
			proxies = v.Value
		}
	}
	cfg := config(t)
	if err := cfg.Passport.HTTP.TrustedProxies.Decode(proxies + ",127.0.0.1"); err != nil {
		t.Fatal(err)
	}
	cfg.Passport.HTTP.RateLimit = 3
	s := start(t, cfg)
	status := func(forwardedFor string) int {
		return s.passport.Do("GET /api/passports", "", "X-Forwarded-For", forwardedFor).Status
	}
	const attacker, victim, cloudflare, proxy = "99.61.165.29", "198.51.100.7", "104.22.17.40", "10.21.157.68"
	for n := 0; status(attacker+", "+cloudflare) != http.StatusTooManyRequests; n++ {
		if n > 20 {
			t.Fatal("the rate limit has no effect")
		}
	}
	for name, c := range map[string]struct {
		forwardedFor string
		limited      bool
	}{
		"another client of the same server":  {victim + ", " + cloudflare, false},
		"another Cloudflare server":          {attacker + ", 162.158.3.4", true},
		"another proxy of Render":            {attacker + ", " + cloudflare + ", " + proxy, true},
		"an invented client":                 {"203.0.113.9, " + attacker + ", " + cloudflare, true},
		"an invented client and Cloudflare":  {"203.0.113.9, 172.68.1.1, " + attacker + ", " + cloudflare, true},
		"a client that claims to be a proxy": {proxy + ", " + attacker + ", " + cloudflare, true},
	} {
		if got := status(c.forwardedFor); (got == http.StatusTooManyRequests) != c.limited {
			t.Errorf("%s: got %d, want it limited: %t", name, got, c.limited)
		}
	}
	for _, customer := range []string{"2a06:98c0:3600::103", "104.28.1.1"} { // not servers but customers of Cloudflare
		for n := 0; status("203.0.113."+string(rune('1'+n%9))+", "+customer+", "+cloudflare) != http.StatusTooManyRequests; n++ {
			if n > 20 {
				t.Errorf("%s chooses its address", customer)
				break
			}
		}
	}
}
