// Package name normalizes names that people read and compare, so that two different names do
// not look the same because of their encoding.
package name

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

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
