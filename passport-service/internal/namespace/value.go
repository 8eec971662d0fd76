package namespace

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/batteryid"
	"github.com/battery-passport/suite/pkg/fault"
)

const (
	minPrefix = 4 // digits of a GS1 company prefix
	maxPrefix = 12
	maxHost   = 253
	minGTIN   = 8 // digits
	maxGTIN   = 14
)

var (
	hostForm = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)
	digits   = regexp.MustCompile(`^[0-9]+$`)
)

// sharedHosts resolve the identifiers of every company.
var sharedHosts = []string{"id.gs1.org", "gs1.org", "www.gs1.org"}

// normalize returns the value of a namespace in the form in which values are compared. It
// fails with fault.Invalid.
func normalize(kind Kind, value string) (string, error) {
	value = strings.TrimSpace(value)
	message := ""
	switch kind {
	case Host:
		value = strings.ToLower(value)
		message = checkHost(value)
	case GS1CompanyPrefix:
		message = checkPrefix(value)
	}
	if message != "" {
		return "", fault.New(fault.Invalid, "the namespace is not valid").With(fault.Detail{Path: "/value", Code: "format", Message: "value " + message})
	}
	return value, nil
}

func checkHost(host string) string {
	switch {
	case slices.Contains(sharedHosts, host):
		return fmt.Sprintf("must be a host of your organisation; %s is shared by all companies: request your GS1 company prefix", host)
	case len(host) > maxHost || !hostForm.MatchString(host):
		return fmt.Sprintf("must be a host name such as id.nordlicht.example, without scheme, port and path, and in Punycode if it is international (xn--…), got %q", host)
	}
	return ""
}

func checkPrefix(prefix string) string {
	switch {
	case len(prefix) < minPrefix || len(prefix) > maxPrefix || !digits.MatchString(prefix):
		return fmt.Sprintf("must be a GS1 company prefix of %d to %d digits, with its leading zeros, got %q", minPrefix, maxPrefix, prefix)
	case prefix[:minPrefix] == "0000" && (len(prefix) == minPrefix || prefix[minPrefix] == '0') && len(prefix) < maxPrefix:
		return fmt.Sprintf("must have %d digits if it begins with 00000, because GTIN-8 numbers have no company prefix, got %q", maxPrefix, prefix)
	}
	return ""
}

const keyOfLinks = "https://id.gs1.org/01/" // begins the keys of GS1 Digital Links with GTIN and serial

// split returns the host of an identifier in lower case, and the GTIN that identifies the
// battery, if it does. A URI of another scheme has no host. The identifier of a passport
// may have a user, a query or a fragment.
func split(identifier string) (host, gtin string) {
	identifier = strings.TrimSpace(identifier)
	u, err := url.Parse(identifier)
	if err != nil || batteryid.CheckURI(identifier) != nil || u.Scheme != "https" && u.Scheme != "http" {
		return "", ""
	}
	u.Scheme, u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = "https", nil, "", false, "", ""
	identifier = u.String()
	host = strings.TrimRight(strings.ToLower(u.Hostname()), ".") // the final dot of a host does not change it
	if rest, ok := strings.CutPrefix(batteryid.Key(identifier), keyOfLinks); ok {
		if number, _, ok := strings.Cut(rest, "/21/"); ok && len(number) == 14 && digits.MatchString(number) {
			gtin = number
		}
	}
	return host, gtin
}
