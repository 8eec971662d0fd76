// Package name checks names that people read and compare, so that two different names do
// not look the same because of their encoding. It does not find letters of different
// alphabets that look alike.
package name

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// brailleBlank looks like a space, but is a symbol.
const brailleBlank = '\u2800'

// Normalize returns s in Unicode Normalization Form C, with single spaces (U+0020) for all
// sequences of spaces inside.
func Normalize(s string) string {
	var b strings.Builder
	isSpace := false
	for _, r := range norm.NFC.String(s) {
		if unicode.Is(unicode.Zs, r) {
			r = ' '
		}
		if r != ' ' || !isSpace {
			b.WriteRune(r)
		}
		isSpace = r == ' '
	}
	return b.String()
}

// IsVisible reports whether every character of s is a space or has a visible form: none is
// a control, format, private or unassigned character, a line separator, or ignored by
// default when it is displayed (Default_Ignorable_Code_Point).
func IsVisible(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r == brailleBlank || !unicode.IsGraphic(r) || unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
	})
}
