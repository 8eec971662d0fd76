package table

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

// Parse returns the body of a passport for a row of cells, or the errors of its cells. ok
// is false if the row is empty or a comment.
func (p *Parser) Parse(cells []Cell) (body wire.Value, errs []fault.Detail, ok bool) {
	if p.isComment(cells) {
		return nil, nil, false
	}
	values, reason, rest := make([]string, len(p.columns)), "", ""
	report := func(i int, code, message string) {
		errs = append(errs, fault.Detail{Path: "column:" + Name(i), Code: code, Message: p.columns[i].name() + " " + message})
	}
	errs = p.checkLength(cells)
	ok = errs != nil
	for i, cell := range cells[:min(len(cells), len(p.columns))] {
		c := p.columns[i]
		switch {
		case len(errs) >= maxProblems:
		case cell.Problem != "":
			report(i, "format", cell.Problem)
			ok = true
		case cell.Text == "" || c.special == NoteColumn:
		case c.special == ReasonColumn:
			reason = unescape(cell.Text)
		case c.special == RestColumn:
			rest, ok = cell.Text, true
			if problem := checkObject(rest); problem != "" {
				report(i, "syntax", problem)
			}
		case c.special == "":
			ok = true
			value, problem := p.value(c, cell)
			if values[i] = value; problem != "" {
				report(i, "type", problem)
			}
		}
	}
	if !ok || errs != nil {
		return nil, errs, ok
	}
	body, errs = checkBody(p.body(values, reason, rest))
	return body, errs, true
}

// checkBody returns the body, or its errors: values of columns are nested in those of the path.
func checkBody(body wire.Value) (wire.Value, []fault.Detail) {
	if err, ok := errors.AsType[*fault.Error](wire.Check(body)); ok {
		return nil, err.Details
	}
	return body, nil
}

// checkObject returns the problem of the JSON in the column data, "" for none.
func checkObject(text string) string {
	if problem := checkJSON(text); problem != "" || wire.Value(text).Kind() == '{' {
		return problem
	}
	return "must be a JSON object"
}

// isComment reports whether a note of the row begins with #.
func (p *Parser) isComment(cells []Cell) bool {
	for i, cell := range cells[:min(len(cells), len(p.columns))] {
		if p.columns[i].special == NoteColumn && strings.HasPrefix(cell.Text, "#") {
			return true
		}
	}
	return false
}

// checkLength reports cells after the last column.
func (p *Parser) checkLength(cells []Cell) (errs []fault.Detail) {
	for i := len(p.columns); i < len(cells) && len(errs) < maxProblems; i++ {
		if cells[i].Text != "" {
			errs = append(errs, fault.Detail{Path: "column:" + Name(i), Code: "header", Message: fmt.Sprintf("column %s has a value, but no header", Name(i))})
		}
	}
	return errs
}

// name returns the name of the column in messages.
func (c *column) name() string {
	if c.special != "" {
		return c.special
	}
	_, name, _ := strings.Cut(c.path, ".")
	return name
}

func (p *Parser) body(values []string, reason, rest string) wire.Value {
	data := p.root.appendJSON(nil, values)
	if len(data) == 0 {
		data = []byte("{}")
	}
	if rest != "" {
		data = p.rules.Parse(wire.Value(rest)).Merge(data)
	}
	out := append([]byte(`{"data":`), data...)
	if reason != "" {
		out = append(out, `,"reason":`...)
		out, _ = jsontext.AppendQuote(out, strings.ToValidUTF8(reason, "\ufffd"))
	}
	return append(out, '}')
}

// value returns the JSON of a cell, or a problem, which continues the name of the column.
func (p *Parser) value(c column, cell Cell) (value, problem string) {
	a := c.field.Attribute
	text := strings.TrimSpace(cell.Text)
	switch {
	case c.lang || c.item || a.Type == ruleset.String:
		if cell.IsNumber && isRounded(cell.Text) {
			return "", "has a number with more than 15 digits, which spreadsheets round: format the cell as text, and write it again"
		}
		return quote(p.text(a, cell)), ""
	case a.Type == ruleset.Number || a.Type == ruleset.Integer:
		value, hint, ok := p.number(text)
		if !ok {
			problem = fmt.Sprintf("must be %s%s, got %.100q", a.Expected(), hint, cell.Text)
		}
		return value, problem
	case a.Type == ruleset.Boolean:
		switch strings.ToLower(text) {
		case "true", "1":
			return "true", ""
		case "false", "0":
			return "false", ""
		}
		return "", fmt.Sprintf("must be true or false, got %.100q", cell.Text)
	case a.Type == ruleset.Strings && !strings.HasPrefix(text, "["):
		return lines(text), ""
	}
	if problem := checkJSON(text); problem != "" {
		return "", fmt.Sprintf("%s, got %.100q; or write one value in each column, such as %s", problem, cell.Text, c.example())
	}
	return text, ""
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

var (
	number    = regexp.MustCompile(`^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$`)
	thousands = regexp.MustCompile(`^[-+]?[1-9]\d{0,2}([.,  ]\d{3})+([.,]\d+)?$`)
)

// IsNumber reports whether a text is a decimal number, perhaps with an exponent.
func IsNumber(text string) bool { return number.MatchString(text) }

// number returns the JSON of a number, or the end of a description of valid ones.
func (p *Parser) number(text string) (value, hint string, ok bool) {
	grouped := thousands.MatchString(text)
	switch {
	case p.decimalComma && strings.Count(text, ",") == 1 && !strings.Contains(text, "."):
		text = strings.Replace(text, ",", ".", 1)
	case grouped && (p.decimalComma || !strings.Contains(text, ".") || strings.ContainsAny(text, ",  ")):
		return "", ", without separators of thousands", false
	case strings.Contains(text, ",") && !p.decimalComma:
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

// text returns the text of a cell. Dates become ISO 8601.
func (p *Parser) text(a *ruleset.Attribute, cell Cell) string {
	isDate := strings.Contains(a.Format, "YYYY-MM-DD") || strings.Contains(a.Format, "RFC 3339")
	if isDate && cell.IsNumber {
		if serial, err := strconv.ParseFloat(cell.Text, 64); err == nil && serial >= firstSerial && serial < lastSerial {
			return Date(serial, p.date1904)
		}
	}
	if isDate {
		if day, err := time.Parse("2.1.2006", strings.TrimSpace(cell.Text)); err == nil {
			return day.Format(time.DateOnly)
		}
	}
	if cell.IsNumber {
		return plain(cell.Text)
	}
	return unescape(cell.Text)
}

// isRounded reports whether a spreadsheet has rounded the digits of a number, such as an SSCC.
func isRounded(text string) bool {
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

const (
	firstSerial = 20_000 // 1954
	lastSerial  = 80_000 // 2119
)

// Date returns the date, or the time in UTC, of a day number of a spreadsheet.
func Date(serial float64, date1904 bool) string {
	epoch := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	if date1904 {
		epoch = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	day := int(serial)
	if !date1904 && day < 60 { // spreadsheets have a 29th of February 1900
		day++
	}
	at := epoch.AddDate(0, 0, day).Add(time.Duration((serial-math.Floor(serial))*86400+0.5) * time.Second)
	if at.Hour()+at.Minute()+at.Second() == 0 {
		return at.Format(time.DateOnly)
	}
	return at.Format(time.RFC3339)
}
