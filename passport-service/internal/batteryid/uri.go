// Package batteryid compares the identifiers of batteries and passports. Two
// spellings of one identifier have the same key.
package batteryid

import (
	"errors"
	"net/url"
	"strings"
)

// Check returns an error, which continues the name of the field, unless the text is an
// https URI that can identify a battery.
// The case of scheme and host does not matter.
func Check(identifier string) error {
	_, err := parse(identifier)
	return err
}

func parse(text string) (*url.URL, error) {
	if i := strings.IndexFunc(text, func(r rune) bool { return r >= 0x80 }); i >= 0 {
		return nil, errors.New("must have ASCII characters only: other characters must be percent-encoded, those of the host in Punycode")
	}
	if strings.ContainsAny(text, " \t\r\n\"<>\\^`{|}") || strings.Contains(text, "\x7f") {
		return nil, errors.New("must not have characters that RFC 3986 does not allow in a URI")
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("must be a URI by RFC 3986")
	case u.Scheme != "https" || u.Hostname() == "":
		return nil, errors.New("must be an absolute https URI")
	case u.User != nil:
		return nil, errors.New("must not have a user name or password")
	case strings.ContainsAny(text, "?#"):
		return nil, errors.New("must not have a query or fragment")
	case normalPath(u) == "":
		return nil, errors.New("must have a path after the host")
	}
	return u, nil
}

// URIKey returns the key of a URI: an https URI in the normal form of RFC 3986,
// section 6.2, without a slash at the end, and a urn:uuid in lower case. Other texts
// have no other spelling; blank ones have the key "".
func URIKey(text string) string {
	text = strings.TrimSpace(text)
	if lower := strings.ToLower(text); strings.HasPrefix(lower, "urn:uuid:") {
		return lower
	}
	u, err := parse(text)
	if err != nil {
		return text
	}
	host := strings.TrimSuffix(strings.ToLower(u.Host), ":")
	return "https://" + strings.TrimSuffix(host, ":443") + normalPath(u)
}

func normalPath(u *url.URL) string {
	steps := []string{""}
	for step := range strings.SplitSeq(strings.TrimPrefix(u.EscapedPath(), "/"), "/") {
		switch step = normalStep(step); step {
		case ".":
		case "..":
			steps = steps[:max(len(steps)-1, 1)]
		default:
			steps = append(steps, step)
		}
	}
	return strings.TrimRight(strings.Join(steps, "/"), "/")
}

// normalStep decodes the characters that need no percent-encoding, and writes the
// others in upper case.
func normalStep(step string) string {
	if !strings.Contains(step, "%") {
		return step
	}
	var b strings.Builder
	for i := 0; i < len(step); i++ {
		if step[i] != '%' {
			b.WriteByte(step[i])
			continue
		}
		code := step[i : i+3] // the parser has checked it
		if c, _ := url.PathUnescape(code); strings.Trim(c, unreserved) == "" {
			b.WriteString(c)
		} else {
			b.WriteString(strings.ToUpper(code))
		}
		i += 2
	}
	return b.String()
}

// unreserved are the characters that need no percent-encoding (RFC 3986, section 2.3).
const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
