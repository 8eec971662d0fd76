package notification

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/battery-passport/suite/pkg/wire"
)

// plainText returns a JSON value as text for people.
func plainText(v wire.Value) string {
	switch {
	case v == nil || v.Kind() == 'n':
		return ""
	case v.Kind() == '"':
		var s string
		_ = wire.Unmarshal(v, &s) // v is valid JSON
		return s
	case v.Kind() == '[':
		var elements []wire.Value
		_ = wire.Unmarshal(v, &elements) // v is valid JSON
		texts := make([]string, len(elements))
		for i, e := range elements {
			texts[i] = plainText(e)
		}
		return strings.Join(texts, ", ")
	}
	return string(v)
}

// count returns a number with a noun in singular or plural.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// quote makes an untrusted value safe to show in a text of the suite: one short line in
// quotation marks, which the value cannot close.
func quote(text string) string {
	return `"` + strings.Map(func(r rune) rune {
		if strings.ContainsRune("\"\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033\u2036\u301d\u301e\u301f\uff02", r) {
			return '\''
		}
		return r
	}, oneLine(text)) + `"`
}

// oneLine converts an untrusted value to one line and limits its length. It removes characters
// that are invisible or change the direction of text.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if isInvisible(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
	text = strings.Join(strings.FieldsFunc(text, isSpace), " ")
	if utf8.RuneCountInString(text) > maxValue {
		text = strings.TrimSpace(string([]rune(text)[:maxValue-1])) + "…"
	}
	return text
}

func isSpace(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp) || r == '\u2800' // blank Braille pattern
}

// isInvisible reports whether a character is not shown, such as a joiner, a tag or a
// direction mark.
func isInvisible(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Co, unicode.Bidi_Control, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) ||
		r >= 0xe0000 && r <= 0xe0fff // reserved as default-ignorable
}

// dots matches a dot between two parts of a domain name. Browsers treat the ideographic ones
// like a full stop.
var dots = regexp.MustCompile(`([\pL\pN_-])[.\x{3002}\x{ff0e}\x{ff61}](\pL)`)

// defang changes addresses of web pages and mailboxes so that mail programs do not make links
// of them.
func defang(text string) string {
	text = strings.NewReplacer("://", "[:]//", "@", "[@]").Replace(text)
	for { // matches may overlap: a.b.c
		changed := dots.ReplaceAllString(text, "$1[.]$2")
		if changed == text {
			return text
		}
		text = changed
	}
}

// escapeJSON escapes characters of a JSON text that are invisible or break a line, and the
// slashes of web addresses, so that programs do not make links of them. The value stays the
// same.
func escapeJSON(text string) string {
	var b strings.Builder
	for _, r := range text {
		if isInvisible(r) || r > 0x7f && isSpace(r) {
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, `\u%04x`, unit)
			}
			continue
		}
		b.WriteRune(r)
	}
	return strings.ReplaceAll(b.String(), "://", `:\/\/`)
}
