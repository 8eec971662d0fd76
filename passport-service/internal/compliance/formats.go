package compliance

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"

	"github.com/battery-passport/suite/passport-service/internal/batteryid"
	"github.com/battery-passport/suite/passport-service/internal/gs1"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// formatRules are the rules of a single field beyond the pattern of the catalogue.
var formatRules = []Rule{
	{ID: "FMT-1", Severity: Error, Code: "format", Field: checkURL, Catalogue: []string{"format"}},
	{ID: "FMT-2", Severity: Error, Code: "format", Field: checkDate, FieldSchema: dateSchema, Catalogue: []string{"format"}},
	{ID: "FMT-3", Severity: Error, Code: "type", Catalogue: []string{"type"}},
	{ID: "FMT-4", Severity: Error, Code: "format", Field: checkCountry, FieldSchema: countrySchema, Catalogue: []string{"format"}},
	{ID: "FMT-5", Severity: Error, Code: "unknownField", Catalogue: []string{"unknownField"}},
	{ID: "FMT-6", Severity: Error, Code: "format", Field: checkLanguage},
	{ID: "ID-1", Severity: Error, Code: "format", Field: checkBatteryIdentifier, Catalogue: []string{"format"}},
	{ID: "ID-2", Severity: Error, Code: "format", Field: checkDigitalLink, FieldSchema: gtinSchema},
	{ID: "ID-4", Severity: Error, Code: "format", Field: checkNamedScheme},
	{ID: "ID-4", Severity: Warning, Code: "format", Field: checkGLN},
	{ID: "MAT-7", Severity: Error, Code: "format", Field: checkCASNumber, FieldSchema: casSchema, Catalogue: []string{"format"}},
	{ID: "DAT-1", Severity: Error, Code: "range", Field: checkDateRange},
	{ID: "DAT-3", Severity: Error, Code: "range", Field: checkYearNotInFuture},
	{ID: "DAT-5", Severity: Error, Code: "range", Field: checkWarranty},
	{ID: "DAT-5", Severity: Warning, Code: "range", Field: checkLongWarranty},
	{ID: "MAT-3", Severity: Error, Code: "enum", Field: checkCriticalRawMaterial, FieldSchema: criticalMaterialSchema},
	{ID: "MAT-7", Severity: Error, Code: "format", Field: checkECNumber},
}

func checkURL(_ *Run, v ruleset.Value) string {
	text, ok := v.Text()
	if !ok {
		return ""
	}
	if err := checkWebURL(text); err != nil {
		return fmt.Sprintf("%v, got %q", err, text)
	}
	return ""
}

// checkWebURL returns an error unless the text is an absolute https URL, which may be
// international. The case of its scheme does not matter.
func checkWebURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.ContainsFunc(text, unicode.IsSpace) {
		return errors.New("must be an absolute https URL without white space or user name")
	}
	return batteryid.CheckHost(u)
}

func checkDate(_ *Run, v ruleset.Value) string {
	text, isText := v.Text()
	if _, ok := parseSpan(text); isText && !ok {
		return fmt.Sprintf("must be a date or time that exists in the calendar, got %q", text)
	}
	return ""
}

func checkYearNotInFuture(r *Run, v ruleset.Value) string {
	last := r.Input.Now.Add(dateTolerance).UTC().Year()
	if year, ok := v.Number(); ok && int(year) > last {
		return fmt.Sprintf("must not be in the future, got %v (this year: %d)", year, last)
	}
	return ""
}

func checkCountry(_ *Run, v ruleset.Value) string {
	if text, ok := v.Text(); ok && (len(text) != 2 || !strings.Contains(countries, text+" ")) {
		return fmt.Sprintf("must be an ISO 3166-1 alpha-2 country code in use, got %q", text)
	}
	return ""
}

func digits(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// validGS1 reports whether the check digit of a GTIN or GLN is correct.
func validGS1(number string) bool {
	n := len(number) - 1
	return gs1.CheckDigit(number[:n]) == number[n]
}

func checkCASNumber(_ *Run, v ruleset.Value) string {
	text, ok := v.Text()
	if !ok || text == "" || !strings.HasSuffix(v.Attribute().Path, ".casNumber") {
		return ""
	}
	sum, weight, last := 0, 1, len(text)-1
	for i := last - 1; i >= 0; i-- {
		if c := text[i]; c != '-' { // the pattern allows only digits and dashes
			sum += weight * int(c-'0')
			weight++
		}
	}
	if want := byte('0' + sum%10); text[last] != want {
		return fmt.Sprintf("must be a CAS number with check digit %c, got %s", want, text)
	}
	return ""
}

// checkECNumber checks the check digit: the sum of the other digits, each times its
// position, modulo 11. Numbers with the remainder 10 were issued with the digit 1.
func checkECNumber(_ *Run, v ruleset.Value) string {
	text, ok := v.Text()
	number := strings.ReplaceAll(text, "-", "")
	if !ok || len(number) != 7 || !strings.HasSuffix(v.Attribute().Path, ".ecNumber") {
		return ""
	}
	sum := 0
	for i := range 6 {
		sum += (i + 1) * int(number[i]-'0')
	}
	want := sum % 11
	if want == 10 {
		want = 1
	}
	if want != int(number[6]-'0') {
		return fmt.Sprintf("must be an EC number with check digit %d, got %s", want, text)
	}
	return ""
}

// checkLanguage checks the tag that a text is, or that names it.
func checkLanguage(_ *Run, v ruleset.Value) string {
	text, ok := v.Text()
	if v.Attribute().Type == ruleset.Localized {
		text = v.Name()
	}
	if ok && !ruleset.IsLanguageTag(text) {
		return fmt.Sprintf("must have a BCP 47 language tag such as de or pt-BR, got %q", text)
	}
	return ""
}

// countries are the codes of ISO 3166-1 alpha-2, and XK for Kosovo, which the EU uses.
const countries = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ " +
	"CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR " +
	"GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP " +
	"KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ " +
	"NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW " +
	"SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ " +
	"UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW "
