package batteryid

import (
	"net/netip"
	"slices"
	"strings"
)

// localDomains are top-level domains that the public DNS does not have (RFC 6761, RFC 6762).
var localDomains = []string{"localhost", "local", "internal", "invalid"}

// HasPublicHost reports whether the https URI has a host name that the public DNS can resolve.
// IP addresses and names without a dot are not such names.
func HasPublicHost(identifier string) bool {
	u, err := parse(identifier)
	if err != nil {
		return false
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	_, notAddress := netip.ParseAddr(host)
	dot := strings.LastIndexByte(host, '.')
	return notAddress != nil && dot > 0 && !slices.Contains(localDomains, host[dot+1:])
}
