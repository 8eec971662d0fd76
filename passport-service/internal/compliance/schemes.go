package compliance

import (
	"fmt"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/gs1"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// schemes are the schemes of operator identifiers whose check digits are the same in all
// countries. Those of VAT and EORI numbers differ by country.
var schemes = map[string]struct {
	valid func(number string) bool
	must  string
}{
	"GLN": {func(s string) bool { return len(s) == 13 && digits(s) && validGS1(s) }, "must have 13 digits after GLN:, the last one the GS1 check digit"},
	"LEI": {validLEI, "must have 20 letters or digits after LEI:, the last two the check digits of ISO 17442"},
	"JCN": {validCorporateNumber, "must have 13 digits after JCN:, the first one the check digit of Japanese corporate numbers"},
}

// checkNamedScheme checks an identifier that begins with the name of a scheme, in any case.
func checkNamedScheme(_ *Run, v ruleset.Value) string {
	text, _ := v.Text()
	name, number, _ := strings.Cut(text, ":")
	if scheme, known := schemes[strings.ToUpper(strings.TrimSpace(name))]; known && !scheme.valid(strings.ToUpper(strings.TrimSpace(number))) {
		return fmt.Sprintf("%s, got %q", scheme.must, text)
	}
	return ""
}

// checkGLN checks 13 digits without the name of a scheme. Tax and company numbers of some
// countries have 13 digits too.
func checkGLN(_ *Run, v ruleset.Value) string {
	if text, ok := v.Text(); ok && len(text) == 13 && digits(text) && !validGS1(text) {
		return fmt.Sprintf("should be a GLN with check digit %c, or begin with the scheme of another number (such as JCN:%s for a Japanese corporate number), got %s",
			gs1.CheckDigit(text[:12]), text, text)
	}
	return ""
}

// validLEI checks the check digits of ISO 7064 mod 97-10: letters count as 10 to 35, and the
// remainder must be 1. Check digits are 02 to 98: 00, 01 and 99 would have the same remainder as
// 97, 98 and 02.
func validLEI(number string) bool {
	if len(number) != 20 || !digits(number[18:]) || number[18:] < "02" || number[18:] > "98" {
		return false
	}
	remainder := 0
	for _, c := range number {
		switch {
		case c >= '0' && c <= '9':
			remainder = (remainder*10 + int(c-'0')) % 97
		case c >= 'A' && c <= 'Z':
			remainder = (remainder*100 + int(c-'A') + 10) % 97
		default:
			return false
		}
	}
	return remainder == 1
}

// validCorporateNumber checks the first digit of a Japanese corporate number: 9 minus the
// remainder modulo 9 of the sum of the others, weighted 1 and 2 from the right.
func validCorporateNumber(number string) bool {
	if len(number) != 13 || !digits(number) {
		return false
	}
	sum := 0
	for i := 1; i <= 12; i++ {
		sum += int(number[13-i]-'0') * (2 - i%2)
	}
	return int(number[0]-'0') == 9-sum%9
}
