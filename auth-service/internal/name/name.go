// Package name checks names that people read and compare, so that two different names do
// not look the same because of their encoding. It does not find letters of different
// alphabets that look alike.
package name

import (
	"strings"
	"unicode"
	"unicode/utf8"

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

// IsVisible reports whether s has no character of Invisible.
func IsVisible(s string) bool { return Invisible(s) < 0 }

// IsBlank reports whether s has no visible character, or only spaces.
func IsBlank(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsSpace(r) && !isInvisible(r) })
}

// Invisible returns the first character of s that is neither a space nor has a visible form: a control, format, private
// or unassigned character, a line separator, or one that is ignored by default when it is displayed
// (Default_Ignorable_Code_Point). It returns -1 if all are visible.
func Invisible(s string) rune {
	if i := strings.IndexFunc(s, isInvisible); i >= 0 {
		r, _ := utf8.DecodeRuneInString(s[i:])
		return r
	}
	return -1
}

func isInvisible(r rune) bool {
	return r == brailleBlank || !unicode.IsGraphic(r) || unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}
