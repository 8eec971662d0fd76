package compliance

import (
	"strings"
	"unicode"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// isBlank reports whether a text has no visible character: it is empty, or has
// only white space, control characters and characters that are ignored on screen.
func isBlank(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		return r != ' ' && r != '\u2800' && unicode.IsPrint(r) && !unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
	})
}

// isMissing reports whether a value is absent or states nothing: it is a blank
// text, or texts by language without one that is not blank.
func isMissing(v ruleset.Value) bool {
	a := v.Attribute()
	if text, ok := v.AnyText(); ok && a != nil && a.AllowedValues == nil { // the structure check reports other values
		return isBlank(text)
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

// givesAny reports whether an object has one of the members.
func givesAny(object ruleset.Value, names ...string) bool {
	for _, name := range names {
		if !isMissing(object.Member(name)) {
			return true
		}
	}
	return false
}
