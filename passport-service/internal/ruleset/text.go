package ruleset

import (
	"regexp"
	"strings"
	"unicode"
)

// nouns are the names of the JSON types in messages.
var nouns = map[Type]string{
	String: "a string", Number: "a number", Integer: "an integer", Boolean: "true or false", Object: "an object",
	Objects: "an array of objects", Strings: "an array of strings", Localized: "an object with one string per language",
}

// unit returns the unit as messages show it. Numbers of events have none.
func (a *Attribute) unit() string {
	if a.Unit == "count" {
		return ""
	}
	return a.Unit
}

// Quantity returns a value of the attribute with its unit: 94 Ah.
func (a *Attribute) Quantity(value float64) string {
	return strings.TrimSpace(formatNumber(value) + " " + a.unit())
}

// typeName returns the name of the JSON type and the unit of the attribute: a number in Ah.
func (a *Attribute) typeName() string {
	if unit := a.unit(); unit != "" && (a.Type == Number || a.Type == Integer) {
		return nouns[a.Type] + " in " + unit
	}
	return nouns[a.Type]
}

// Expected describes the values that the attribute takes: a number in kg,
// greater than 0.
func (a *Attribute) Expected() string {
	switch {
	case a.Type == String && a.AllowedValues != nil:
		return OneOf(a.AllowedValues)
	case a.Type == String && a.Format != "":
		return a.Format
	case a.Type == Strings && a.Format != "":
		return a.typeName() + ", each " + a.Format
	case a.Format != "":
		return a.typeName() + ", " + a.Format
	}
	return a.typeName()
}

// IsIdentifier reports whether the attribute is an identifier or a number on a label, which has one line.
func (a *Attribute) IsIdentifier() bool {
	return a.Type == String && a.AllowedValues == nil && identifierName.MatchString(a.Path)
}

var identifierName = regexp.MustCompile(`([iI]dentifier|Number|\.gtin)$`)

// OneOf lists the values that are allowed: one of EV, LMT.
func OneOf(values []string) string {
	if len(values) == 1 {
		return values[0]
	}
	return "one of " + strings.Join(values, ", ")
}

// unitSuffixes end the names of attributes that have a unit.
var unitSuffixes = []string{"PercentPerMonth", "Percent", "Kwh", "Ah", "Kg", "Ohm", "V", "W", "C"}

// spellings are words that a label writes in another way.
var spellings = map[string]string{
	"at20": "at 20", "at50": "at 50", "at80": "at 80", "bms": "BMS", "cas": "CAS", "ce": "CE", "ec": "EC", "eu": "EU", "gtin": "GTIN", "id": "ID", "kwh": "kWh", "max": "maximum", "min": "minimum", "soc": "SoC", "soh": "SoH", "svhc": "SVHC", "url": "URL",
}

// Label returns the name of the attribute in words, without its unit: rated
// capacity.
func (a *Attribute) Label() string {
	name := a.Path[strings.LastIndexByte(a.Path, '.')+1:]
	for _, suffix := range unitSuffixes {
		if short, ok := strings.CutSuffix(name, suffix); ok && short != "" && !strings.HasSuffix(short, "Per") && a.Unit != "" {
			name = short
			break
		}
	}
	return inWords(name)
}

// inWords splits a camelCase name into words.
func inWords(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	words := strings.Fields(b.String())
	for i, word := range words {
		if spelling, ok := spellings[word]; ok {
			words[i] = spelling
		}
	}
	return strings.ReplaceAll(strings.Join(words, " "), " c rate", " C-rate")
}

// labelWithUnit returns the label and the unit: mass in kg. It repeats no words.
func (a *Attribute) labelWithUnit() string {
	label, unit := a.Label(), a.unit()
	switch {
	case unit == "" || strings.HasSuffix(label, unit) || unit == "min" && strings.HasPrefix(label, "minutes "):
		return label
	case unit == "equivalent "+label:
		return unit
	}
	return label + " in " + unit
}

// labelWithFormat returns the name of the attribute in words, with its unit and format.
func (a *Attribute) labelWithFormat() string {
	text := a.labelWithUnit()
	if format := a.Format; format != "" && a.AllowedValues == nil {
		if a.Type == Strings {
			format = "each " + format
		}
		text += ": " + format
	}
	return text
}

// describe returns the description of the attribute in the JSON Schema.
func (a *Attribute) describe() string {
	text := a.labelWithFormat()
	if a.Note != "" {
		text += "; " + a.Note
	}
	if a.hasLegalReference() {
		text += " (" + a.LegalReference + ")"
	}
	return text
}

func (a *Attribute) hasLegalReference() bool {
	return a.LegalReference != "" && !strings.HasPrefix(a.LegalReference, "—")
}

// languageTag is the form of a tag of BCP 47 (RFC 5646, section 2.1).
var languageTag = regexp.MustCompile(`(?i)^[a-z]{2,3}(-[a-z]{3})?(-[a-z]{4})?(-([a-z]{2}|\d{3}))?(-([a-z\d]{5,8}|\d[a-z\d]{3}))*(-[a-wyz\d](-[a-z\d]{2,8})+)*(-x(-[a-z\d]{1,8})+)?$`)

// otherTags are the tags that do not have the form of languageTag: the grandfathered ones (section
// 2.2.8), and those for private use.
var otherTags = regexp.MustCompile(`(?i)^(x(-[a-z\d]{1,8})+|en-GB-oed|i-(ami|bnn|default|enochian|hak|klingon|lux|mingo|navajo|pwn|tao|tay|tsu)|sgn-(BE-FR|BE-NL|CH-DE)|` +
	`art-lojban|cel-gaulish|no-bok|no-nyn|zh-(guoyu|hakka|min|min-nan|xiang))$`)

// IsLanguageTag reports whether a text has the form of a language tag, such as de or pt-BR.
func IsLanguageTag(text string) bool {
	return languageTag.MatchString(text) || otherTags.MatchString(text)
}
