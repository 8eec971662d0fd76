package batteryid

import (
	"net/url"
	"slices"
	"strings"
)

// Link is a GS1 Digital Link to a trade item.
type Link struct {
	GTIN      string // as in the path
	Serial    string // without percent-encoding
	HasSerial bool
	Problem   string // an error in the qualifiers: "must have a value after /21/"; "" if they are valid
}

// codes are the application identifiers that may follow the GTIN in the path, by
// their spellings.
var codes = map[string]string{"22": "22", "cpv": "22", "10": "10", "lot": "10", "21": "21", "ser": "21"}

// ParseLink parses a GS1 Digital Link: https://host/01/{GTIN}/21/{serial}, with any path before
// /01/, and with a variant (/22/) or batch (/10/) before the serial number. If the path has
// several GTINs, the last one counts.
func ParseLink(identifier string) (Link, bool) {
	u, err := parse(identifier)
	if err != nil {
		return Link{}, false
	}
	segments := strings.Split(strings.TrimPrefix(normalPath(u), "/"), "/")
	for i := range slices.Backward(segments) {
		if (segments[i] == "01" || segments[i] == "gtin") && i+1 < len(segments) {
			if link, ok := parseSegments(segments[i+1:]); ok {
				return link, true
			}
		}
	}
	return Link{}, false
}

// parseSegments parses the segments of the path after /01/.
func parseSegments(segments []string) (Link, bool) {
	link := Link{GTIN: segments[0]}
	if len(segments) == 1 && !isGTIN(link.GTIN) {
		return Link{}, false
	}
	complete := len(segments)%2 == 1
	if (!complete || !slices.Contains(segments[1:], "21") && !slices.Contains(segments[1:], "ser")) && !resemblesGTIN(link.GTIN) {
		return Link{}, false // such as the date in /2026/01/15/10/4711
	}
	if !complete {
		segments = append(segments, "") // the normal form has no slash at the end
	}
	for i := 1; i < len(segments); i += 2 {
		if codes[segments[i]] == "" && (len(link.GTIN) < minDigits || !resemblesGTIN(link.GTIN)) {
			return Link{}, false
		}
		link.addQualifier(codes[segments[i]], segments[i], segments[i+1], slices.Contains(segments[1:i], segments[i]))
	}
	return link, true
}

// addQualifier adds a value after the GTIN.
func (l *Link) addQualifier(code, name, value string, repeated bool) {
	switch {
	case code == "":
		l.Problem = "must have only /22/, /10/ and /21/ after the GTIN, got /" + name + "/"
	case repeated:
		l.Problem = "must have /" + name + "/ only once"
	case value == "":
		l.Problem = "must have a value after /" + name + "/"
	case code == "21":
		serial, err := url.PathUnescape(value)
		l.Serial, l.HasSerial = serial, err == nil
	}
}

// minDigits is the length of a number that is a GTIN whatever follows it: 8 digits may
// be a date.
const minDigits = 12

// resemblesGTIN reports whether text has the form of a GTIN-8, -12, -13 or -14.
func resemblesGTIN(text string) bool {
	return slices.Contains([]int{8, 12, 13, 14}, len(text)) && strings.Trim(text, "0123456789") == ""
}

func isGTIN(text string) bool {
	return len(text) == 14 && strings.Trim(text, "0123456789") == ""
}

// Key returns the key of a battery identifier. The key of a GS1 Digital Link consists of GTIN
// and serial number, because they identify the battery on every host. Other identifiers have
// the key of their URI.
func Key(identifier string) string {
	if link, ok := ParseLink(strings.TrimSpace(identifier)); ok && link.HasSerial && link.Problem == "" && isGTIN(link.GTIN) {
		return "https://id.gs1.org/01/" + link.GTIN + "/21/" + url.PathEscape(link.Serial)
	}
	return URIKey(identifier)
}

// ScannedKey returns the key of the battery identifier in a scanned text, which may
// have a query and a fragment.
func ScannedKey(text string) string {
	identifier := text
	if i := strings.IndexAny(text, "?#"); i >= 0 {
		identifier = text[:i]
	}
	if Check(strings.TrimSpace(identifier)) != nil {
		identifier = text
	}
	return Key(identifier)
}
