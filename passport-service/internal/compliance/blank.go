package compliance

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/readable"
)

// isMissing reports whether a value is absent or without content: a blank text, or a text by
// language that is blank in all languages.
func isMissing(v ruleset.Value) bool {
	a := v.Attribute()
	if text, ok := v.AnyText(); ok && a != nil && a.AllowedValues == nil { // the structure check reports other values
		return readable.IsBlank(text)
	}
	if a == nil || a.Type != ruleset.Localized || !v.IsObject() {
		return !v.Exists()
	}
	for text := range v.Children() {
		if !isMissing(text) {
			return false
		}
	}
	return true
}

// hasAnyMember reports whether an object has one of the members.
func hasAnyMember(object ruleset.Value, names ...string) bool {
	for _, name := range names {
		if !isMissing(object.Member(name)) {
			return true
		}
	}
	return false
}

// checkText checks a text. A blank one is a missing value, which is an error in a
// list; checkDuty checks whether a member may be missing.
func (c *dutyCheck) checkText(v ruleset.Value, f *ruleset.Field) {
	switch text, ok := v.Text(); {
	case !ok:
	case readable.IsBlank(text) && v.Parent().IsArray():
		c.report(v, "", "required", "must not be blank")
	case readable.IsBlank(text):
		v.Invalidate()
	case ruleset.ControlCharacter(text) >= 0:
		c.report(v, "", "format", "must not have control characters, got U+%04X", ruleset.ControlCharacter(text))
	case f.Pattern != nil && !f.Pattern.MatchString(text) && f.Pattern.MatchString(withoutSpace(text)):
		c.report(v, "", "format", "must not have white space, got %q", text)
	case f.Pattern != nil && !f.Pattern.MatchString(text):
		c.report(v, "", "format", "%s", c.explain(v, text))
	}
}

func withoutSpace(text string) string { return strings.Join(strings.Fields(text), "") }

// explain says why a text does not match the pattern of its attribute.
func (c *dutyCheck) explain(v ruleset.Value, text string) string {
	for _, rule := range c.run.engine.fields[v.Attribute().Path] {
		if !rule.Explains {
			continue
		}
		if message := rule.Field(c.run, v); message != "" {
			return message
		}
	}
	return fmt.Sprintf("must be %s, got %q", v.Attribute().Format, text)
}

// placeholders are texts in place of a missing value, in lower case and without
// white space and punctuation.
var placeholders = []string{
	"", "na", "nil", "null", "undefined", "unknown", "notknown", "notavailable", "notapplicable", "notspecified", "tba", "tbc", "tbd",
	"tobeannounced", "tobeconfirmed", "tobedefined", "tobedetermined", "todo", "test", "dummy", "xx", "xxx",
	"unbekannt", "keineangabe", "keineangaben", "entfällt", "nichtzutreffend", "nichtanwendbar", "inconnu", "sansobjet", "nonapplicable", "noncommuniqué",
	"desconocido", "noaplica", "noaplicable", "sconosciuto", "nonapplicabile", "nonpertinente", "onbekend", "nvt", "nietvantoepassing", "nieznany", "niedotyczy",
}

// abbreviations are placeholders with full stops: k. A., s. o., n. d.
var abbreviations = []string{"ka", "so", "nd"}

// negations are placeholders too, except in lists that can have nothing to state.
var negations = []string{"none", "no", "nothing", "keine", "keiner", "aucun", "aucune", "néant", "ninguno", "ninguna", "nessuno", "nessuna", "geen", "brak"}

// mayBeNone are the lists for which "none" is a statement.
var mayBeNone = []string{"circularity.dismantlingInformation.tools", "circularity.dismantlingInformation.damageWarnings"}

// isPlaceholder reports whether a text has no content: it is a placeholder, or has no letter,
// digit or symbol. Na without punctuation is sodium.
func isPlaceholder(text, path string) bool {
	if len(text) > 20 || text == "Na" {
		return false
	}
	word := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsPunct(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, text)
	return slices.Contains(placeholders, word) || strings.Contains(text, ".") && slices.Contains(abbreviations, word) || slices.Contains(negations, word) && !slices.Contains(mayBeNone, path)
}

// isOnlyPlaceholders reports whether a text, all texts by language or all items of an
// array of texts are placeholders.
func isOnlyPlaceholders(v ruleset.Value) bool {
	a := v.Attribute()
	if a == nil || a.AllowedValues != nil || v.Field().Pattern != nil { // NO and NA are countries
		return false
	}
	if text, ok := v.Text(); ok {
		return isPlaceholder(text, a.Path)
	}
	if a.Type != ruleset.Localized && a.Type != ruleset.Strings {
		return false
	}
	only := false
	for text := range v.Children() {
		if only = isOnlyPlaceholders(text); !only {
			return false
		}
	}
	return only
}
