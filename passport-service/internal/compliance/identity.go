package compliance

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/battery-passport/suite/passport-service/internal/batteryid"
	"github.com/battery-passport/suite/passport-service/internal/gs1"
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

// codeLimit is the maximum length of an identifier: a QR code, which the label must have
// (Article 13(6)), holds no more bytes (ISO/IEC 18004, version 40-L).
const codeLimit = 2_953

// namespaceRules are the rules for the attributes whose values belong to the organisation
// that issues them.
func namespaceRules() (rules []Rule) {
	for _, path := range []string{identifier, passportIdentifier, gtin} {
		for severity, refused := range map[Severity]bool{Error: true, Warning: false} {
			rules = append(rules, Rule{ID: "ID-5", Severity: severity, Code: "namespace", Needs: []string{path}, Check: func(r *Run) {
				if p := r.Input.Facts.Namespaces[path]; p != nil && p.Refused == refused {
					r.ReportAt(path, "%s", p.Message)
				}
			}})
		}
	}
	return rules
}

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
	{ID: "ID-1", Severity: Warning, Code: "format", Needs: []string{identifier}, Check: func(r *Run) {
		if text := r.text(identifier); !batteryid.HasPublicHost(text) {
			r.ReportAt(identifier, "should have a public host name, because a phone that scans the QR code cannot open %q", text)
		}
	}},
	{ID: "ID-2", Severity: Error, Code: "consistency", Needs: []string{identifier}, Check: checkLink},
	{ID: "ID-3", Severity: Error, Code: "format", Field: checkPassportIdentifier, Catalogue: []string{"format"}},
	{ID: "ID-3", Severity: Warning, Code: "format", Needs: []string{passportIdentifier}, Check: func(r *Run) {
		if text := r.text(passportIdentifier); strings.Contains(text, "#") {
			r.ReportAt(passportIdentifier, "should have no fragment, because clients do not send it to the server, got %q", text)
		}
	}},
	{ID: "ID-3", Severity: Error, Code: "duplicate", Needs: []string{passportIdentifier}, Check: func(r *Run) {
		if r.Input.Facts.PassportIdentifierTaken {
			r.ReportAt(passportIdentifier, "already exists: another passport has or had %s", r.text(passportIdentifier))
		}
	}},
	{ID: "ID-3", Severity: Error, Code: "consistency", Needs: []string{passportIdentifier, identifier}, Check: func(r *Run) {
		if batteryid.URIKey(r.text(passportIdentifier)) == batteryid.URIKey(r.text(identifier)) {
			r.ReportAt(passportIdentifier, "must differ from batteryIdentifier, got %s for both", r.text(identifier))
		}
	}},
}

func checkBatteryIdentifier(_ *Run, v ruleset.Value) string {
	text, ok := v.Text()
	if !ok {
		return ""
	}
	if len(text) > codeLimit {
		return fmt.Sprintf("must have at most %d bytes, because a QR code holds no more, got %d", codeLimit, len(text))
	}
	if err := batteryid.Check(text); err != nil {
		return fmt.Sprintf("%v, got %q", err, text)
	}
	return ""
}

func checkPassportIdentifier(_ *Run, v ruleset.Value) string {
	text, _ := v.Text()
	if err := batteryid.CheckPassport(text); err != nil {
		return fmt.Sprintf("%v, got %q", err, text)
	}
	return ""
}

// checkDigitalLink checks a GS1 Digital Link, and the attribute gtin.
func checkDigitalLink(_ *Run, v ruleset.Value) string {
	text, ok := v.Text()
	switch {
	case !ok:
	case v.Attribute().Path == gtin:
		return checkGTIN(text)
	case v.Attribute().Path == identifier:
		if link, ok := batteryid.ParseLink(text); ok {
			return checkKeys(link)
		}
	}
	return ""
}

func checkGTIN(number string) string {
	if digits(number) && !validGS1(number) { // zeros on the left do not change it
		return fmt.Sprintf("must have the GTIN check digit %c, got %s", gs1.CheckDigit(number[:len(number)-1]), number)
	}
	return ""
}

const maxSerial = 20 // characters of the application identifier 21 (GS1 General Specifications)

// checkKeys checks the keys in a GS1 Digital Link.
func checkKeys(link batteryid.Link) string {
	switch {
	case link.Problem != "":
		return link.Problem
	case len(link.GTIN) != 14 || !digits(link.GTIN):
		return fmt.Sprintf("must have a GTIN of 14 digits after /01/, got %q", link.GTIN)
	case !link.HasSerial:
		return fmt.Sprintf("must have a serial number after /21/, because the GTIN %s identifies a model and not one battery", link.GTIN)
	}
	if err := gs1.CheckValue("21", link.Serial); err != nil {
		return fmt.Sprintf("must have a serial number of 1 to %d characters of the GS1 character set 82 after /21/, got %q: %v", maxSerial, link.Serial, err)
	}
	return checkGTIN(link.GTIN)
}

func checkLink(r *Run) {
	link, ok := batteryid.ParseLink(r.text(identifier))
	if !ok {
		return
	}
	if given, ok := r.Doc.First(serialNumber).Text(); ok && given != link.Serial {
		r.ReportAt(identifier, "must end with batterySerialNumber (%s), got the serial number %s", given, link.Serial)
	}
	if given, ok := r.Doc.First(gtin).Text(); ok && strings.Repeat("0", max(14-len(given), 0))+given != link.GTIN {
		r.ReportAt(identifier, "must have the GTIN of batteryModel.gtin (%s), got %s", given, link.GTIN)
	}
}
