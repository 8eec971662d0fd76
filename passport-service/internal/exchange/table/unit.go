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

// maxRemarks limits the remarks that are cut from a header: to cut one takes time in proportion to the length of the header.
const maxRemarks = 4

// remarks returns a name with single spaces, and the remarks in brackets that it cut from its end.
func remarks(name string) (rest string, texts []string) {
	for rest = name; len(texts) < maxRemarks; {
		var text string
		if rest, text = cutBrackets(rest); text == "" {
			break
		}
		texts = append(texts, text)
	}
	return rest, texts
}

var (
	// dutyWords match words about whether a column must be filled in, in languages of the page.
	dutyWords = regexp.MustCompile(`^(?:option|opcion|opțion|opcjon|opzion|facult|facolt|fakult|valgfri|valfri|frivil|freiwillig|nepovinn|volitel|voliteľ|` +
		`nieobowiąz|neobvez|neobavez|prostovolj|választhat|neprival|pasirenk|neoblig|izvēl|valinnai|vapaaeh|vabataht|valikul|mhux|roghnach|незадълж|опцион|προαιρετ|` +
		`mandat|requi|requerid|richiest|obligat|obligāt|obbligat|obrigat|pflicht|verpflicht|erforderlich|verplicht|vereist|påkræv|obavezn|obvezn|` +
		`povinn|obowiązk|wymag|kötelez|privalom|pakolli|vaadit|kohustus|éigeantach|riachtanach|задълж|обязат|υποχρεωτ|απαραίτητ|` +
		`condition|kondition|bedingt|condici|condizion|applicable|recommend|empfohlen)\pL*$`)
	// fillers match words that do not change the meaning of others.
	fillers = regexp.MustCompile(`^(?:a|in|if|falls|under|later|unit|einheit|nem)$`)
	// notes match marks of footnotes, and initials of duties. Digits and other letters may be factors and units.
	notes = regexp.MustCompile(`^[*abcCMO]$`)
)

// isRemark reports whether a text in brackets is the unit of an attribute, or says nothing about its values, such as
// (optional). Others must be refused, because no list has all spellings of units and factors.
func isRemark(a *ruleset.Attribute, text string) bool {
	if isUnit(a, text) || isInLabel(a, text) || notes.MatchString(text) {
		return true
	}
	words := strings.FieldsFunc(strings.ToLower(norm.NFKC.String(text)), func(r rune) bool { return strings.ContainsRune(" ,;:", r) })
	words = slices.DeleteFunc(words, func(word string) bool { return dutyWords.MatchString(word) || fillers.MatchString(word) })
	return len(words) == 0 || isUnit(a, strings.Join(words, " "))
}

// checkUnit returns the problem of a header of numbers with a text in brackets that is not a remark, or "".
func checkUnit(a *ruleset.Attribute, header string) string {
	if a == nil || !a.Type.IsNumber() {
		return ""
	}
	_, texts := remarks(header)
	for _, text := range texts {
		switch {
		case isRemark(a, text):
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
