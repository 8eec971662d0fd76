// Package batteryid compares the identifiers of batteries and passports. Two
// spellings of one identifier have the same key.
package batteryid

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/battery-passport/suite/pkg/weburl"
)

// CheckURI returns an error unless the text is a URI by RFC 3986. The error text follows the
// name of the field.
func CheckURI(text string) error {
	_, err := parseURI(text)
	return err
}

// CheckPassport returns an error unless the text is a URI that can identify a passport. An
// https URI must have a host that can exist, and a path or a query. The error text follows the
// name of the field.
func CheckPassport(identifier string) error {
	u, err := parseURI(identifier)
	switch {
	case err != nil || u.Scheme != "https":
		return err
	case u.Hostname() == "":
		return errNotAbsolute
	case isEncoded(u.Host):
		return errNotPunycode
	case normalPath(u) == "" && u.RawQuery == "":
		return errNoPath
	}
	return weburl.CheckHost(u)
}

// Check returns an error unless the text is an https URI that can identify a battery. The case
// of scheme and host does not matter. The error text follows the name of the field.
func Check(identifier string) error {
	u, err := parse(identifier)
	if err != nil {
		return err
	}
	return weburl.CheckHost(u)
}

var (
	errNotAbsolute = errors.New("must be an absolute https URI")
	errNoPath      = errors.New("must have a path after the host")
	errNotPunycode = errors.New("must have the host in Punycode, not percent-encoded")
)

func parseURI(text string) (*url.URL, error) {
	if strings.ContainsFunc(text, unicode.IsSpace) {
		return nil, errors.New("must not have white space")
	}
	if i := strings.IndexFunc(text, func(r rune) bool { return r >= 0x80 }); i >= 0 {
		return nil, errors.New("must have ASCII characters only: other characters must be percent-encoded, those of the host in Punycode")
	}
	_, rest, _ := strings.Cut(text, "://")
	_, path, _ := strings.Cut(rest, "/")
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || strings.ContainsRune("\"<>\\^`{|}\x7f", r) }) || strings.ContainsAny(path, "[]") {
		return nil, errors.New("must not have characters that RFC 3986 does not allow in a URI")
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("must be a URI by RFC 3986")
	}
	return u, nil
}

func parse(text string) (*url.URL, error) {
	u, err := parseURI(text)
	switch {
	case err != nil:
		return nil, err
	case u.Scheme != "https" || u.Hostname() == "":
		return nil, errNotAbsolute
	case strings.HasPrefix(u.Host, ".") || strings.Contains(u.Host, ".."):
		return nil, errors.New("must not have an empty label in the host")
	case isEncoded(u.Host):
		return nil, errNotPunycode
	case u.User != nil:
		return nil, errors.New("must not have a user name or password")
	case strings.ContainsAny(text, "?#"):
		return nil, errors.New("must not have a query or fragment")
	case normalPath(u) == "":
		return nil, errNoPath
	}
	return u, nil
}

// isEncoded reports whether a host has, or had, percent-encoded characters, which the parser decodes.
func isEncoded(host string) bool {
	return strings.ContainsFunc(host, func(r rune) bool { return r >= 0x80 || r == '%' })
}

// URIKey returns the key of a URI. The key of an https URI is its normal form by RFC 3986,
// section 6.2, without the dot at the end of the host, empty path segments and a slash at the
// end. If the URI has a query or fragment, only scheme and host are normalized. The key of a
// urn:uuid is in lower case; the keys of other URIs have the scheme in lower case. Blank texts
// have the key "".
func URIKey(text string) string {
	text = strings.TrimSpace(text)
	if lower := strings.ToLower(text); strings.HasPrefix(lower, "urn:uuid:") {
		return lower
	}
	if u, err := parse(text); err == nil {
		return "https://" + normalHost(u) + normalPath(u)
	}
	u, err := parseURI(text)
	switch {
	case err != nil:
		return text
	case u.Scheme == "https" && !isEncoded(u.Host) && weburl.CheckHost(u) == nil:
		user, rest := "", text[len("https://"):]
		if u.User != nil {
			at := strings.Index(rest, "@"+u.Host) + 1
			user, rest = rest[:at], rest[at:]
		}
		return "https://" + user + normalHost(u) + strings.TrimPrefix(rest, u.Host)
	}
	return u.Scheme + text[len(u.Scheme):]
}

// normalHost returns the host and the port of an https URI, without the default port.
func normalHost(u *url.URL) string {
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.String()
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port := strings.TrimLeft(u.Port(), "0"); port != "" && port != "443" {
		host += ":" + port
	}
	return host
}

// normalPath returns the path without dot segments, empty segments and a slash at the end.
// Every segment has the percent-encoding of url.PathEscape.
func normalPath(u *url.URL) string {
	var segments []string
	for segment := range strings.SplitSeq(strings.TrimPrefix(u.EscapedPath(), "/"), "/") {
		text, _ := url.PathUnescape(segment) // the parser has checked it
		switch text {
		case ".":
		case "..":
			segments = segments[:max(len(segments)-1, 0)]
		default:
			segments = append(segments, "/"+url.PathEscape(text))
		}
	}
	return strings.Join(slices.DeleteFunc(segments, func(segment string) bool { return segment == "/" }), "")
}
