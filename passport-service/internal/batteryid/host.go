package batteryid

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Limits of host names and their labels, in bytes (RFC 1035, section 2.3.4).
const (
	maxHost  = 253
	maxLabel = 63
)

// CheckHost returns an error unless a server can have the host and the port of the URL. The
// text of the error follows the name of a field, as that of all errors of this package: "must
// have a port from 1 to 65535".
func CheckHost(u *url.URL) error {
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return errors.New("must have a port from 1 to 65535")
		}
	}
	host := strings.TrimSuffix(u.Hostname(), ".")
	if addr, err := netip.ParseAddr(host); err == nil && addr.Zone() == "" {
		return nil
	}
	labels := strings.Split(host, ".")
	switch {
	case slices.Contains(labels, ""):
		return errors.New("must not have an empty label in the host")
	case strings.ContainsAny(host, ":%") || strings.Trim(labels[len(labels)-1], "0123456789") == "":
		return errors.New("must have a host name or a valid IP address as its host")
	case len(host) > maxHost || slices.ContainsFunc(labels, func(label string) bool { return !isLabel(label) }):
		return errors.New("must have a valid host name: labels of 1 to 63 letters, digits and hyphens, without a hyphen at their start or end")
	}
	return nil
}

// isLabel reports whether a text is a label of a host name (RFC 1123, section 2.1), in ASCII or
// as the user of an international domain sees it. Underscores occur in practice.
func isLabel(label string) bool {
	return len(label) <= maxLabel && label[0] != '-' && label[len(label)-1] != '-' && !strings.ContainsFunc(label, func(r rune) bool {
		return r < 0x80 && r != '-' && r != '_' && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z')
	})
}

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
