package passportd_test

import (
	"strings"
	"testing"
)

// TestScriptsOfOtherOriginsUseTheResolver: a profile in Accept makes browsers ask before they
// send the request, and scripts read the address of the links from the response.
func TestScriptsOfOtherOriginsUseTheResolver(t *testing.T) {
	s, _, _ := startScan(t, true)
	for _, path := range []string{nlbPath, "/battery/4711", "/p/unknown"} {
		res, _ := s.get("OPTIONS", path, "Origin", "https://shop.example", "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "accept,accept-language,authorization")
		if res.Header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(res.Header.Get("Access-Control-Allow-Headers"), "Accept") {
			t.Errorf("preflight for %s: got %v", path, res.Header)
		}
		for method, status := range map[string]int{"OPTIONS": 204, "POST": 405} {
			if path == "/battery/4711" && method == "POST" {
				continue // no such battery: 404
			}
			if res, _ := s.get(method, path); res.StatusCode != status || res.Header.Get("Allow") != "GET, HEAD, OPTIONS" {
				t.Errorf("%s %s: got %d, Allow %q", method, path, res.StatusCode, res.Header.Get("Allow"))
			}
		}
	}
	res, _ := s.get("GET", nlbPath, "Origin", "https://shop.example", "Accept", `application/linkset+json;profile="https://ref.gs1.org/standards/resolver"`)
	if res.StatusCode != 200 || !strings.Contains(res.Header.Get("Access-Control-Expose-Headers"), "Link") {
		t.Errorf("got %d with %v", res.StatusCode, res.Header)
	}
}
