package table

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/battery-passport/suite/passport-service/internal/labels"
	"github.com/battery-passport/suite/passport-service/internal/locale"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// Parts of the expression for units.
const (
	// unitSymbols are units of the catalogue, and those that are written instead of them. Most single letters count in one
	// case only, and others do not, because (a) is a note and (C) means conditional.
	unitSymbols = `(?i:m?g|kg|lbs?|pounds?|oz|tons?|[mkg]?wh|[kmg]w|[km]j|mah|k?ah|ma|[mk]v|[mkμu]?(?:ω|ohms?)|°[cf]|mm|cm|km|ms|min|sec|hrs?|yrs?|years?|cycles|co2(?:e|eq|[- ]eq\.?|[- ]äq\.?)?|ppm)` +
		`|(?:wt|vol)\.?-?%|[%‰°]|[tmshdWVJFK]`
	// unitWords are names of units in languages of the page.
	unitWords = `(?i:` +
		`(?:kilo|mega|milli|mili|quilo|cilea|кило|χιλι|κιλ|gram|грам|γραμ|tonn|tonel|τόν|watt|vat[iu]|ват|βατ|amp[eè]r|ампер|αμπέρ|celsius|fahrenheit|kelvin)\pL*(?:-\pL+)?|` +
		`(?:month|monat|maand|miesiąc|miesięc|měsíc|mesiac|mesec|mjesec|hónap|måned|månad|kuukau|месец|μήν|μην|mėnes|mēne|week|woche|semaine|stunde|heure|hodin|godzin|timm|tuntia|sekund|giorn|journ)\pL*|` +
		`mois|mes|meses|mese|mesi|mês|luni|days?|tagen?|jours?|días?|dias?|dagen|hours?|or[ae]|horas?|timer|uur|uren|часа?|часове|ώρ[αε]ς?|ωρών|seconds?|тона?|тонове)`
	unitName = `(?:` + unitSymbols + `|` + unitWords + `)(?:\^?-?[123])?`
	// unitAmount is a number before a unit, such as 1/h and 1000 kg.
	unitAmount = `(?:\d[\d.,^]* ?[/x*·]? ?)?`
)

// namedUnit matches a text that begins with a unit, or has one after a preposition or colon: kg, kg CO2e/kWh, value in g.
var namedUnit = regexp.MustCompile(`^(?:.*: ?|(?:.* )?(?i:in|en|em|w|v|i|σε|в) )?(` + unitAmount + unitName + `(?:(?: ?[/*·] ?| per | pro | par | por | )` + unitName + `)*(?: ?/ ?\S+)?)(?:[ ,;:*]|$)`)

// unitIn returns the unit that a text names, or "" if it is another remark, such as (optional) or (Pflicht).
func unitIn(text string) string {
	m := namedUnit.FindStringSubmatch(strings.TrimSpace(norm.NFKC.String(text)))
	if m == nil {
		return ""
	}
	return m[1]
}

// checkUnit returns the problem of a header with another unit in brackets than that of the number, or "".
func checkUnit(a *ruleset.Attribute, header string) string {
	if a == nil || a.Type != ruleset.Number && a.Type != ruleset.Integer {
		return ""
	}
	for name, text := cutBrackets(header); text != ""; name, text = cutBrackets(name) {
		switch unit := unitIn(text); {
		case unit == "" || isUnit(a, text) || isUnit(a, unit) || isInLabel(a, text):
		case a.Unit == "":
			return fmt.Sprintf("has the unit %.40q in brackets, but the attribute has none", text)
		default:
			return fmt.Sprintf("has the unit %.40q in brackets, but must be in %s: convert the values, and write that unit or none", text, a.Unit)
		}
	}
	return ""
}

// isUnit reports whether a text is the unit of an attribute, in upper or lower case: none of these units begins with
// milli or mega, which differ only by that.
func isUnit(a *ruleset.Attribute, text string) bool {
	unit, want := normalUnit(text), normalUnit(a.Unit)
	return unit == want || unit == "c" && want == "°c" || unit == "%" && strings.HasPrefix(want, "%") ||
		slices.ContainsFunc(locale.Languages(), func(l locale.Language) bool { return unit == normalUnit(labels.In(l).Unit(a.Unit)) })
}

var (
	kilograms = regexp.MustCompile(`^(?:(?:kilo|quilo|cilea)gr|килогр|χιλιόγρ|κιλ[άό]|kilos?$)\pL*$`)
	sameUnits = strings.NewReplacer(" ", "", "co2eq", "co2e", "co2-eq.", "co2e", "co2-eq", "co2e", "co2 eq", "co2e", "co2-äq.", "co2e", "co2-äq", "co2e",
		"ohms", "ω", "ohm", "ω", "hours", "h", "hour", "h", "hrs", "h", "years", "years", "year", "years", "yrs", "years", "yr", "years")
)

// normalUnit returns a unit in lower case, in one of its spellings.
func normalUnit(text string) string {
	unit := strings.ToLower(norm.NFKC.String(text))
	if kilograms.MatchString(unit) {
		return "kg"
	}
	return sameUnits.Replace(unit)
}

// isInLabel reports whether a label of the attribute has a text in brackets, such as (SOCE).
func isInLabel(a *ruleset.Attribute, text string) bool {
	isIn := func(label string) bool {
		return strings.Contains(strings.ToLower(label), "("+strings.ToLower(text)+")")
	}
	return isIn(a.Label()) || slices.ContainsFunc(locale.Languages(), func(l locale.Language) bool { return isIn(labels.In(l).Name(a.Path)) })
}

// cutBrackets returns a name with single spaces and without the brackets at its end, and the text in them. An index is
// part of the name.
func cutBrackets(name string) (rest, text string) {
	name = strings.Trim(strings.Join(strings.Fields(name), " "), " *:")
	if i := strings.LastIndexAny(name, "(["); i > 0 && strings.HasSuffix(name, map[byte]string{'(': ")", '[': "]"}[name[i]]) {
		text = name[i+1 : len(name)-1]
		if name[i] == '(' || strings.Trim(text, "0123456789") != "" {
			return name[:i], text
		}
	}
	return name, ""
}
