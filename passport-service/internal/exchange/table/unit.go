package table

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/battery-passport/suite/passport-service/internal/labels"
	"github.com/battery-passport/suite/passport-service/internal/locale"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// sameUnits are other spellings of the units of attributes, in lower case.
var sameUnits = strings.NewReplacer(" ", "", "co2eq", "co2e", "co2-eq", "co2e", "co2 eq", "co2e", "ohms", "ω", "ohm", "ω")

// checkUnit returns the problem of a header with a text in brackets that is not the unit of the number, or "".
func checkUnit(a *ruleset.Attribute, header string) string {
	if a == nil || a.Type != ruleset.Number && a.Type != ruleset.Integer {
		return ""
	}
	for name, text := cutBrackets(header); text != ""; name, text = cutBrackets(name) {
		switch {
		case isUnit(a, text) || isInLabel(a, text):
		case a.Unit == "":
			return fmt.Sprintf("has %.40q in brackets, but the attribute has no unit", text)
		default:
			return fmt.Sprintf("has %.40q in brackets, but must be in %s: convert the values, and write that unit or none", text, a.Unit)
		}
	}
	return ""
}

// isUnit reports whether a text is the unit of an attribute, in upper or lower case: none of these units begins with
// milli or mega, which differ only by that.
func isUnit(a *ruleset.Attribute, text string) bool {
	unit, want := normalUnit(text), normalUnit(a.Unit)
	return unit == want || unit == "c" && want == "°c" || unit == "%" && strings.HasPrefix(want, "%")
}

// normalUnit returns a unit in lower case, with the same characters for its letters and signs.
func normalUnit(text string) string {
	return sameUnits.Replace(strings.ToLower(norm.NFKC.String(text)))
}

// isInLabel reports whether a label of the attribute has a text in brackets, such as (SOCE).
func isInLabel(a *ruleset.Attribute, text string) bool {
	isIn := func(label string) bool {
		return strings.Contains(strings.ToLower(label), "("+strings.ToLower(text)+")")
	}
	return isIn(a.Label()) || slices.ContainsFunc(locale.Languages(), func(l locale.Language) bool { return isIn(labels.In(l).Name(a.Path)) })
}

// cutBrackets returns a header without the brackets at its end, and the text in them.
func cutBrackets(header string) (name, text string) {
	name = strings.TrimRight(strings.Join(strings.Fields(header), " "), " *:")
	if i := strings.LastIndexAny(name, "(["); i > 0 && strings.HasSuffix(name, map[byte]string{'(': ")", '[': "]"}[name[i]]) {
		return name[:i], name[i+1 : len(name)-1]
	}
	return name, ""
}
