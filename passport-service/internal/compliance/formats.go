package compliance

import (
	"fmt"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/gs1"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/weburl"
)

// formatRules are the rules of a single field beyond the pattern of the catalogue.
var formatRules = []Rule{
	{ID: "FMT-1", Severity: Error, Code: "format", Field: checkURL, Explains: true, Catalogue: []string{"format"}},
	{ID: "FMT-2", Severity: Error, Code: "format", Field: checkDate, FieldSchema: dateSchema, Catalogue: []string{"format"}},
	{ID: "FMT-3", Severity: Error, Code: "type", Catalogue: []string{"type"}},
	{ID: "FMT-4", Severity: Error, Code: "format", Field: checkCountry, Explains: true, FieldSchema: countrySchema, Catalogue: []string{"format"}},
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
	{ID: "MAT-11", Severity: Warning, Code: "enum", Field: checkHazardStatement},
	{ID: "CIR-1", Severity: Error, Code: "range", Field: checkLayout},
}

func checkURL(_ *Run, v ruleset.Value) string {
	text, ok := v.Text()
	if !ok {
		return ""
	}
	if err := weburl.Check(text); err != nil {
		return fmt.Sprintf("%v, got %q", err, text)
	}
	return ""
}

func checkDate(_ *Run, v ruleset.Value) string {
	text, isText := v.Text()
	if _, err := parseSpan(text); isText && err != nil {
		return fmt.Sprintf("%v, got %q", err, text)
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
