package table

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/readable"
)

// absent are the words that programs write for absent values.
var absent = []string{"NaN", "nan", "null", "NULL", "None", "<NA>", `\N`, "N/A", "n/a", "NA", "undefined"}

var (
	shortened = regexp.MustCompile(`^\d([.,]\d+)?[eE]\+\d+$`)
	asNumber  = regexp.MustCompile(`^\d+\.0$`)
	quoted    = regexp.MustCompile(`^'\d+$`)
)

// doubt returns why a text is probably not what its author wrote, or "". It continues the name of the column.
func doubt(a *ruleset.Attribute, text string) string {
	if right := misread(text); right != "" {
		return fmt.Sprintf("looks like UTF-8 that was read with another encoding, %.60q instead of %.60q: save the file as UTF-8 again", text, right)
	}
	switch r := readable.Hidden(text); {
	case r >= 0 && a.IsIdentifier():
		return fmt.Sprintf("has the invisible character U+%04X: remove it unless it is part of the identifier", r)
	case slices.Contains(absent, text) && !(text == "NA" && strings.Contains(a.Format, "country code")): // of Namibia
		return fmt.Sprintf("is the text %q: leave the cell empty if the value is missing", text)
	case strings.HasPrefix(text, "="):
		return "begins with =, and was imported as a text, not as a formula"
	case shortened.MatchString(text):
		return fmt.Sprintf("is %q, as spreadsheets shorten long numbers: format the column as text, and write the whole number", text)
	case asNumber.MatchString(text) && a.IsIdentifier():
		return fmt.Sprintf("is %q: write it without the decimal point that programs add to numbers", text)
	case quoted.MatchString(text):
		return fmt.Sprintf("is %q with an apostrophe: remove it unless it is part of the text", text)
	}
	return ""
}

// misread returns the text whose UTF-8 was read as Windows-1252, such as ü for Ã¼, or "".
func misread(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return r >= 0xc2 && r <= 0xf4 }) {
		return ""
	}
	right, err := charmap.Windows1252.NewEncoder().String(text)
	if err != nil || !utf8.ValidString(right) {
		return ""
	}
	return right
}

// doubtLines returns why the lines of a cell are probably not the values of a list, or "".
func doubtLines(a *ruleset.Attribute, text string) string {
	if (a.Format != "" || a.AllowedValues != nil) && strings.ContainsAny(text, ",;") {
		return fmt.Sprintf("has a comma or a semicolon in %.60q: write one value in each line of the cell, or a JSON array", text)
	}
	return ""
}
