package e2e

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
)

// reference matches a variable with a default in docker-compose.yml, which may contain others.
var reference = regexp.MustCompile(`\$\{(\w+):?-((?:[^{}]|\$\{[^{}]*\})*)\}`)

// expand replaces variables by their defaults.
func expand(value string) string {
	for reference.MatchString(value) {
		value = reference.ReplaceAllString(value, "$2")
	}
	return value
}

// TestGatewayNetwork: the address of the gateway is in its network, outside the range that
// Docker assigns, and the only trusted one, also with another GATEWAY_NETWORK.
func TestGatewayNetwork(t *testing.T) {
	file := compose(t)
	for _, network := range []string{"", "192.0.2"} {
		value := func(text string) string {
			if network != "" {
				text = regexp.MustCompile(`\$\{GATEWAY_NETWORK:-[^}]*\}`).ReplaceAllString(text, network)
			}
			return expand(text)
		}
		config := file.Networks["gateway"].IPAM.Config[0]
		trusted := netip.MustParseAddr(value(file.Services["passport-service"].Environment["TRUSTED_PROXIES"]))
		subnet, assigned := netip.MustParsePrefix(value(config["subnet"])), netip.MustParsePrefix(value(config["ip_range"]))
		if !subnet.Contains(trusted) || assigned.Contains(trusted) || !subnet.Contains(assigned.Addr()) {
			t.Errorf("trusted proxy %v, network %v, assigned by Docker %v", trusted, subnet, assigned)
		}
		if gateway := value(fmt.Sprint(file.Services["gateway"].Networks)); !strings.Contains(gateway, "ipv4_address:"+trusted.String()+"]") {
			t.Errorf("trusted proxy %v, the gateway has %s", trusted, gateway)
		}
	}
}
