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

// checkText checks a text. A blank one is a missing value, which is an error in a
// list; checkDuty checks whether a member may be missing.
func (c *dutyCheck) checkText(v ruleset.Value, f *ruleset.Field) {
	switch text, ok := v.Text(); {
	case !ok:
	case isBlank(text) && v.Parent().IsArray():
		c.report(v, "", "required", "must not be blank")
	case isBlank(text):
		v.Invalidate()
	case f.Pattern != nil && !f.Pattern.MatchString(text):
		c.report(v, "", "format", "must be %s, got %q", f.Attribute.Format, text)
	}
}
