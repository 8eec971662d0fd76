// Package readable finds characters without a visible form in texts that people read and compare. It does not find letters of
// different alphabets that look alike.
package readable

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// brailleBlank looks like a space, but is a symbol.
const brailleBlank = '\u2800'

// IsBlank reports whether s has no visible character, or only spaces.
func IsBlank(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsSpace(r) && !isInvisible(r) })
}

// Invisible returns the first character of s that is neither a space nor has a visible form: a control, format, private
// or unassigned character, a line separator, or one that is ignored by default when it is displayed
// (Default_Ignorable_Code_Point). It returns -1 if all are visible.
func Invisible(s string) rune { return first(s, isInvisible) }

// Hidden returns the first character of s that is not visible on a label: one of Invisible, or a space other than
// U+0020, which looks the same. It returns -1 if all characters are visible.
func Hidden(s string) rune {
	return first(s, func(r rune) bool { return isInvisible(r) || r != ' ' && unicode.IsSpace(r) })
}

func isInvisible(r rune) bool {
	return r == brailleBlank || !unicode.IsGraphic(r) || unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// first returns the first character of s for which is reports true, or -1.
func first(s string, is func(rune) bool) rune {
	i := strings.IndexFunc(s, is)
	if i < 0 {
		return -1
	}
	r, _ := utf8.DecodeRuneInString(s[i:])
	return r
}
