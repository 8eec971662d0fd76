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

// registryLimit is how many characters of an identifier the registry takes, by
// its user guide 1.0.
const registryLimit = 50

var identity = []Rule{
	{ID: "ID-1", Severity: Error, Code: "duplicate", Needs: []string{identifier}, Check: func(r *Run) {
		if r.In.Facts.IdentifierTaken {
			r.ReportAt(identifier, "is %s, which another passport has or had; a battery has one passport", r.text(identifier))
		}
	}},
	{ID: "ID-1", Severity: Warning, Code: "format", Needs: []string{identifier}, Check: func(r *Run) {
		if n := utf8.RuneCountInString(r.text(identifier)); n > registryLimit {
			r.ReportAt(identifier, "has %d characters, and the registry takes %d", n, registryLimit)
		}
	}},
	{ID: "ID-2", Severity: Error, Code: "consistency", Needs: []string{identifier}, Check: linkFitsNumbers},
	{ID: "ID-3", Severity: Error, Code: "duplicate", Needs: []string{passportIdentifier}, Check: func(r *Run) {
		if r.In.Facts.PassportIdentifierTaken {
			r.ReportAt(passportIdentifier, "is %s, which another passport has or had", r.text(passportIdentifier))
		}
	}},
	{ID: "ID-3", Severity: Error, Code: "consistency", Needs: []string{passportIdentifier, identifier}, Check: func(r *Run) {
		if r.text(passportIdentifier) == r.text(identifier) {
			r.ReportAt(passportIdentifier, "is the identifier of the battery, and has to be one of the passport alone")
		}
	}},
}

func batteryIdentifier(_ *Run, v ruleset.Value) string {
	text, ok := v.Text()
	host, _, _ := strings.Cut(strings.TrimPrefix(text, "https://"), "/")
	if ok && (!isHTTPS(text) || host != strings.ToLower(host) || strings.ContainsAny(text, "?#")) {
		return fmt.Sprintf("is %q, and has to be an absolute https URI with a lower-case host, and no query or fragment", text)
	}
	return ""
}

// link reads a GS1 Digital Link, https://host/01/{GTIN}/21/{serial}.
func link(identifier string) (gtin, serial string, ok bool) {
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

// digitalLink checks the GTIN of an identifier in the form of GS1 Digital Link,
// and one that stands by itself.
func digitalLink(_ *Run, v ruleset.Value) string {
	text, ok := v.Text()
	number := text
	switch v.Attribute().Path {
	case identifier:
		if number, _, ok = link(text); ok && (len(number) != 14 || !digits(number)) {
			return fmt.Sprintf("has %q where a GTIN of 14 digits is expected", number)
		}
	case gtin:
	default:
		return ""
	}
	if ok && len(number) == 14 && digits(number) && !gs1(number) {
		return fmt.Sprintf("has the GTIN %s, whose check digit has to be %c", number, gs1Digit(number[:13]))
	}
	return ""
}

func linkFitsNumbers(r *Run) {
	number, serial, ok := link(r.text(identifier))
	if !ok {
		return
	}
	if given, ok := r.Doc.First(serialNumber).Text(); ok && given != serial {
		r.ReportAt(identifier, "ends in the serial number %s, and batterySerialNumber is %s", serial, given)
	}
	if given, ok := r.Doc.First(gtin).Text(); ok && given != number {
		r.ReportAt(identifier, "has the GTIN %s, and batteryModel.gtin is %s", number, given)
	}
}
