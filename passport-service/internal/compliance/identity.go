package compliance

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

const (
	identifier         = "generalInformation.batteryIdentifier"
	passportIdentifier = "generalInformation.batteryPassportIdentifier"
	serialNumber       = "generalInformation.batterySerialNumber"
	gtin               = "generalInformation.batteryModel.gtin"
)

// registryLimit is the maximum length of an identifier in characters in the EU
// registry (user guide 1.0).
const registryLimit = 50

var identityRules = []Rule{
	{ID: "ID-1", Severity: Error, Code: "duplicate", Needs: []string{identifier}, Check: func(r *Run) {
		if r.Input.Facts.IdentifierTaken {
			r.ReportAt(identifier, "already exists: another passport has or had %s", r.text(identifier))
		}
	}},
	{ID: "ID-1", Severity: Warning, Code: "format", Needs: []string{identifier}, Check: func(r *Run) {
		if n := utf8.RuneCountInString(r.text(identifier)); n > registryLimit {
			r.ReportAt(identifier, "should have at most %d characters for the EU registry, got %d", registryLimit, n)
		}
	}},
	{ID: "ID-2", Severity: Error, Code: "consistency", Needs: []string{identifier}, Check: checkLink},
	{ID: "ID-3", Severity: Error, Code: "duplicate", Needs: []string{passportIdentifier}, Check: func(r *Run) {
		if r.Input.Facts.PassportIdentifierTaken {
			r.ReportAt(passportIdentifier, "already exists: another passport has or had %s", r.text(passportIdentifier))
		}
	}},
	{ID: "ID-3", Severity: Error, Code: "consistency", Needs: []string{passportIdentifier, identifier}, Check: func(r *Run) {
		if r.text(passportIdentifier) == r.text(identifier) {
			r.ReportAt(passportIdentifier, "must differ from batteryIdentifier, got %s for both", r.text(identifier))
		}
	}},
}

func checkBatteryIdentifier(_ *Run, v ruleset.Value) string {
	text, ok := v.Text()
	host, _, _ := strings.Cut(strings.TrimPrefix(text, "https://"), "/")
	if ok && (!isHTTPS(text) || host != strings.ToLower(host) || strings.ContainsAny(text, "?#")) {
		return fmt.Sprintf("must be an absolute https URI with a lower-case host and without query or fragment, got %q", text)
	}
	return ""
}

// parseLink parses a GS1 Digital Link: https://host/01/{GTIN}/21/{serial}.
func parseLink(identifier string) (gtin, serial string, ok bool) {
	u, err := url.Parse(identifier)
	if err != nil {
		return "", "", false
	}
	steps := strings.Split(u.EscapedPath(), "/")
	n := len(steps)
	if n < 5 || steps[n-4] != "01" || steps[n-2] != "21" {
		return "", "", false
	}
	serial, err = url.PathUnescape(steps[n-1])
	return steps[n-3], serial, err == nil
}

// checkDigitalLink checks the GTIN in a GS1 Digital Link, and the attribute gtin.
func checkDigitalLink(_ *Run, v ruleset.Value) string {
	text, ok := v.Text()
	number := text
	switch v.Attribute().Path {
	case identifier:
		if number, _, ok = parseLink(text); ok && (len(number) != 14 || !digits(number)) {
			return fmt.Sprintf("must have a GTIN of 14 digits after /01/, got %q", number)
		}
	case gtin:
	default:
		return ""
	}
	if ok && len(number) == 14 && digits(number) && !validGS1(number) {
		return fmt.Sprintf("must have the GTIN check digit %c, got %s", gs1Digit(number[:13]), number)
	}
	return ""
}

func checkLink(r *Run) {
	number, serial, ok := parseLink(r.text(identifier))
	if !ok {
		return
	}
	if given, ok := r.Doc.First(serialNumber).Text(); ok && given != serial {
		r.ReportAt(identifier, "must end with batterySerialNumber (%s), got the serial number %s", given, serial)
	}
	if given, ok := r.Doc.First(gtin).Text(); ok && given != number {
		r.ReportAt(identifier, "must have the GTIN of batteryModel.gtin (%s), got %s", given, number)
	}
}
