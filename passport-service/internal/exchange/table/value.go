package table

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

// value is the result of a cell. Its texts follow the name of the column.
type value struct{ json, problem, warning string }

func (p *Parser) value(c column, cell Cell, isMarked bool) value {
	a, text := c.field.Attribute, cell.Text
	switch {
	case c.lang || c.item || a.Type == ruleset.String:
		return p.text(c, cell, isMarked)
	case a.Type.IsNumber():
		return p.numberOf(a, cell)
	case a.Type == ruleset.Boolean:
		json, ok := booleans[strings.ToUpper(text)]
		if !ok {
			return value{problem: fmt.Sprintf("must be true or false, got %.100q", text)}
		}
		return value{json: json}
	case a.Type == ruleset.Strings && !strings.HasPrefix(text, "["):
		return value{json: lines(text + cell.sign()), warning: doubtLines(a, text)}
	}
	if problem := checkJSON(text); problem != "" {
		return value{problem: fmt.Sprintf("%s, got %.100q; or write one value in each column, such as %s", problem, text, c.example())}
	}
	return value{json: text}
}

// booleans are the words of spreadsheets for true and false, in the languages of the EU that have their own.
var booleans = words(map[string]string{
	"true":  "1 TRUE WAHR VRAI VERO VERDADERO VERDADEIRO WAAR PRAWDA PRAVDA IGAZ SAND SANT TOSI TÕENE ADEVĂRAT ISTINA ИСТИНА ΑΛΗΘΕΣ ΑΛΗΘΗΣ PATIESS TEISINGA FÍOR VERU",
	"false": "0 FALSE FALSCH FAUX FALSO ONWAAR FAŁSZ NEPRAVDA HAMIS FALSK FALSKT EPÄTOSI VÄÄR FALS NEISTINA LAŽ ЛЪЖА ΨΕΥΔΕΣ ΨΕΥΔΗΣ APLAMS NETEISINGA BRÉAGACH FALZ",
})

func words(lists map[string]string) map[string]string {
	all := map[string]string{}
	for meaning, list := range lists {
		for word := range strings.FieldsSeq(list) {
			all[word] = meaning
		}
	}
	return all
}

// text returns the text of a cell. Dates become ISO 8601, unless they are marked.
func (p *Parser) text(c column, cell Cell, isMarked bool) value {
	text, warning, kind := cell.Text, "", noDate
	if !c.lang && !c.item && !isMarked {
		kind = dateKindOf(c.field.Attribute)
	}
	switch {
	case cell.Kind == TextCell || cell.Kind == DateCell:
		text = unescape(text)
	case isRounded(text):
		return value{problem: "has a number with more than 15 digits, which spreadsheets round: format the cell as text, and write it again"}
	default:
		text = withZeros(p.plainOrDate(text, kind), cell.Digits) + cell.sign()
	}
	if kind != noDate {
		text, warning = kind.convert(text)
	} else if cell.Kind == DateCell {
		warning = "is a date in the spreadsheet, imported as " + text + ": if it is another text, such as 1-2, format the cell as text, and write it again"
	} else if !isMarked {
		warning = doubt(c.field.Attribute, text)
	}
	return value{json: quote(text), warning: warning}
}

// sign returns the sign that a spreadsheet shows after the number of a cell.
func (c Cell) sign() string {
	if c.Kind == PercentCell {
		return "%"
	}
	return ""
}

// withZeros returns an integer with at least so many digits as the spreadsheet shows.
func withZeros(text string, digits int) string {
	if strings.Trim(text, "0123456789") != "" {
		return text
	}
	return strings.Repeat("0", max(0, digits-len(text))) + text
}

// plainOrDate returns the date of a day number in a column for dates, and other numbers as spreadsheets show them.
func (p *Parser) plainOrDate(text string, kind dateKind) string {
	if serial, err := strconv.ParseFloat(text, 64); err == nil && kind != noDate && serial >= firstSerial && serial < lastSerial {
		return Date(serial, p.date1904)
	}
	return plain(text)
}

// checkJSON returns why a text is not a JSON value that a passport may have, or "".
func checkJSON(text string) string {
	err, ok := errors.AsType[*fault.Error](wire.Check([]byte(text)))
	if !ok {
		return ""
	}
	d := err.Details[0]
	if d.Path != "" {
		return "must be JSON: " + d.Path + " " + d.Message
	}
	return "must be JSON: " + d.Message
}

// example returns the name of a column for a value in an array or object.
func (c *column) example() string {
	path := c.path
	if t := c.field.Attribute.Type; t == ruleset.Objects || t == ruleset.Strings {
		path += "[0]"
	}
	if len(c.field.Children) > 0 {
		path += "." + c.field.Children[0].Name
	}
	return path
}

func quote(text string) string {
	out, _ := jsontext.AppendQuote(nil, strings.ToValidUTF8(text, "\ufffd"))
	return string(out)
}

// lines returns an array with the lines of a text.
func lines(text string) string {
	var items []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			items = append(items, quote(unescape(line)))
		}
	}
	return "[" + strings.Join(items, ",") + "]"
}

const spaces = " \u00a0\u2009\u202f'’" // that separate thousands; Switzerland has apostrophes

var (
	number    = regexp.MustCompile(`^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$`)
	thousands = regexp.MustCompile(`^[-+]?[1-9]\d{0,2}([.,` + spaces + `]\d{3})+([.,]\d+)?$`)
)

// IsNumber reports whether a text is a decimal number, perhaps with an exponent.
func IsNumber(text string) bool { return number.MatchString(text) }

func isPercentage(a *ruleset.Attribute) bool { return strings.HasPrefix(a.Unit, "%") }

// numeral returns the text of a number with a hyphen as minus sign, and without the sign of percentages.
func numeral(a *ruleset.Attribute, text string) string {
	if text = strings.TrimSpace(text); isPercentage(a) {
		text = strings.TrimSpace(strings.TrimSuffix(text, "%"))
	}
	return strings.Replace(text, "\u2212", "-", 1) // the minus sign of some languages
}

// numberOf returns the number of a cell.
func (p *Parser) numberOf(a *ruleset.Attribute, cell Cell) value {
	if cell.Kind == PercentCell && !isPercentage(a) {
		return value{problem: fmt.Sprintf("must be %s, got the percentage %.100s %%", a.Expected(), cell.Text)}
	}
	text := numeral(a, cell.Text)
	if p.isAmbiguous(text) {
		digits := strings.NewReplacer(",", "", ".", "").Replace(text)
		return value{problem: fmt.Sprintf("must be %s, got %.100q, which has two meanings: write %.100s or %.100s", a.Expected(), cell.Text, digits, text+"0")}
	}
	number, hint, ok := p.number(text)
	if !ok {
		return value{problem: fmt.Sprintf("must be %s%s, got %.100q", a.Expected(), hint, cell.Text)}
	}
	return value{json: number}
}

// number returns the JSON of a number, or the end of a description of valid ones.
func (p *Parser) number(text string) (value, hint string, ok bool) {
	grouped := thousands.MatchString(text)
	switch {
	case grouped && strings.ContainsAny(text, spaces):
		return "", ", without separators of thousands", false
	case p.hasDecimalComma() && strings.Count(text, ",") == 1 && !strings.Contains(text, "."):
		text = strings.Replace(text, ",", ".", 1)
	case grouped && (p.hasDecimalComma() || strings.Contains(text, ",") || strings.Count(text, ".") > 1):
		return "", ", without separators of thousands", false
	case strings.Contains(text, ",") && !p.hasDecimalComma():
		return "", ", with a decimal point", false
	}
	if !IsNumber(text) {
		return "", "", false
	}
	text = strings.TrimPrefix(text, "+")
	sign := ""
	if rest, ok := strings.CutPrefix(text, "-"); ok {
		sign, text = "-", rest
	}
	mantissa, exponent, hasExponent := strings.Cut(strings.ToLower(text), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	value = sign + whole
	if fraction != "" {
		value += "." + fraction
	}
	if hasExponent {
		value += "e" + exponent
	}
	return value, "", true
}

// isRounded reports whether a spreadsheet has rounded the digits of a number, such as an SSCC. Integers of up to 17 digits
// then have zeros after the first 15, longer ones an exponent.
func isRounded(text string) bool {
	if digits := strings.TrimPrefix(text, "-"); len(digits) > 15 && strings.Trim(digits, "0123456789") == "" {
		return strings.Trim(digits[15:], "0") == ""
	}
	f, err := strconv.ParseFloat(text, 64)
	return err == nil && strings.ContainsAny(text, "eE") && math.Abs(f) >= 1e15
}

// plain returns a number of a spreadsheet as it shows it: without an exponent, such as a GTIN,
// and rounded to 15 digits. Spreadsheets store 1.1 as 1.1000000000000001.
func plain(text string) string {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !strings.ContainsAny(text, ".eE") {
		return text
	}
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 15, 64), 64) // the text of a number is one
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}
