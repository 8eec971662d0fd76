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
}

// codes are the application identifiers that may follow the GTIN in the path, by
// their spellings.
var codes = map[string]string{"22": "22", "cpv": "22", "10": "10", "lot": "10", "21": "21", "ser": "21"}

// ParseLink parses a GS1 Digital Link: https://host/01/{GTIN}/21/{serial}, with any
// path before it, and with a variant (/22/) or batch (/10/) between.
func ParseLink(identifier string) (Link, bool) {
	u, err := parse(identifier)
	if err != nil {
		return Link{}, false
	}
	steps := strings.Split(strings.TrimPrefix(normalPath(u), "/"), "/")
	for i := range steps {
		if (steps[i] == "01" || steps[i] == "gtin") && i+1 < len(steps) {
			if link, ok := parseSteps(steps[i+1:]); ok {
				return link, true
			}
		}
	}
	return Link{}, false
}

// parseSteps parses the steps of the path after /01/.
func parseSteps(steps []string) (Link, bool) {
	link := Link{GTIN: steps[0]}
	if len(steps)%2 == 0 || len(steps) == 1 && !isGTIN(link.GTIN) {
		return Link{}, false
	}
	if !slices.Contains(steps[1:], "21") && !slices.Contains(steps[1:], "ser") && !resemblesGTIN(link.GTIN) {
		return Link{}, false // such as the date in /2026/01/15/10/4711
	}
	for i := 1; i < len(steps); i += 2 {
		code := codes[steps[i]]
		if code == "" {
			return Link{}, false
		}
		if code == "21" {
			serial, err := url.PathUnescape(steps[i+1])
			if err != nil {
				return Link{}, false
			}
			link.Serial, link.HasSerial = serial, true
		}
	}
	return link, true
}

// resemblesGTIN reports whether text has the form of a GTIN-8, -12, -13 or -14.
func resemblesGTIN(text string) bool {
	return slices.Contains([]int{8, 12, 13, 14}, len(text)) && strings.Trim(text, "0123456789") == ""
}

func isGTIN(text string) bool {
	return len(text) == 14 && strings.Trim(text, "0123456789") == ""
}

// Key returns the key of a battery identifier. That of a GS1 Digital Link is GTIN and
// serial number, because they identify the battery on every host. Other identifiers
// have the key of their URI.
func Key(identifier string) string {
	if link, ok := ParseLink(strings.TrimSpace(identifier)); ok && link.HasSerial && isGTIN(link.GTIN) {
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
