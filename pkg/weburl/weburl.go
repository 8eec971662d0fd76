// Package weburl checks the web addresses that passports and organisations give.
package weburl

import (
	"errors"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/battery-passport/suite/pkg/readable"
)

// badEncoding matches a percent sign that encodes no byte.
var badEncoding = regexp.MustCompile(`%(?:[^0-9A-Fa-f]|[0-9A-Fa-f](?:[^0-9A-Fa-f]|$)|$)`)

var errPort = errors.New("must have a port from 1 to 65535")

// Check returns an error unless the text is an absolute https URL, which may be international.
// The case of its scheme does not matter. The text of the error follows the name of a field, as
// that of CheckHost: "must be an https URL".
func Check(text string) error {
	scheme, rest, found := strings.Cut(text, "://")
	switch {
	case !found || !strings.EqualFold(strings.TrimSpace(scheme), "https"):
		return errors.New("must be an https URL")
	case strings.ContainsFunc(text, unicode.IsSpace):
		return errors.New("must not have white space")
	case strings.ContainsFunc(text, unicode.IsControl):
		return errors.New("must not have control characters")
	case badEncoding.MatchString(rest):
		return errors.New("must have two hexadecimal digits after each %: a percent sign is %25")
	}
	u, err := url.Parse(text)
	switch {
	case err != nil && strings.Contains(err.Error(), "invalid port"):
		return errPort
	case err != nil || u.Hostname() == "":
		return errors.New("must have a host, such as www.example.com")
	case u.User != nil:
		return errors.New("must not have a user name")
	case readable.Invisible(u.Hostname()) >= 0:
		return errors.New("must not have invisible characters in the host")
	}
	return CheckHost(u)
}

// Limits of host names and their labels, in bytes (RFC 1035, section 2.3.4).
const (
	maxHost  = 253
	maxLabel = 63
)

// CheckHost returns an error unless a server can have the host and the port of the URL.
func CheckHost(u *url.URL) error {
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return errPort
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
