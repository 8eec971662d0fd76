package table

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// An apostrophe at the beginning of a cell marks a text that spreadsheets would change: a text
// that begins like a formula, an empty text or, as a JSON string after the apostrophe, a text
// with characters that spreadsheets do not store.
const (
	mark   = "'"
	marked = "=+-@\t'\"" // after a mark, these begin a text
)

// escapedCharacter matches the escape that a workbook writes for characters that XML does not
// allow.
var escapedCharacter = regexp.MustCompile(`_x[0-9A-Fa-f]{4}_`)

// escape returns a text as a cell.
func escape(text string) string {
	switch {
	case text == "":
		return mark
	case !utf8.ValidString(text) || strings.Contains(text, "\r") || ruleset.ControlCharacter(text) >= 0 ||
		strings.TrimSpace(text) != text || escapedCharacter.MatchString(text):
		return escapeAll(text)
	case strings.ContainsRune(marked[:len(marked)-1], rune(text[0])):
		return mark + text
	}
	return text
}

// escapeAll returns a text as a cell with a JSON string, which Parse does not convert.
func escapeAll(text string) string {
	quoted, _ := jsontext.AppendQuote(nil, text) // an error means that it has replaced invalid UTF-8
	return mark + escapeJSON(string(quoted))
}

// isConverted reports whether Parse would change or refuse the text of an attribute in a cell.
func isConverted(a *ruleset.Attribute, text string) bool {
	converted, _ := dateKindOf(a).convert(text)
	return isFormulaError(text) || converted != text
}

var notInXML = strings.NewReplacer("\ufffe", `\ufffe`, "\uffff", `\uffff`)

// escapeJSON escapes the characters in the strings of a JSON text that spreadsheets change.
func escapeJSON(text string) string {
	text = escapedCharacter.ReplaceAllStringFunc(text, func(s string) string { return strings.ReplaceAll(s, "_", `\u005f`) })
	return notInXML.Replace(text)
}

// unescape returns the text of a cell.
func unescape(cell string) string {
	rest, ok := strings.CutPrefix(cell, mark)
	switch {
	case !ok:
		return cell
	case rest == "":
		return ""
	case rest[0] == '"':
		if text, err := jsontext.AppendUnquote(nil, rest); err == nil {
			return string(text)
		}
		return cell
	case strings.ContainsRune(marked, rune(rest[0])):
		return rest
	}
	return cell
}
