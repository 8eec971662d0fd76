package xlsx

import (
	"encoding/xml"
	"strconv"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/exchange/table"
)

// cell reads a cell. The value of a formula is the one that the spreadsheet computed last.
func (r *Rows) cell(e xml.StartElement) (table.Cell, error) {
	kind, style := attribute(e, "t"), attribute(e, "s")
	var value strings.Builder
	inline, isFormula, hasValue := "", false, false
	current := ""
	for {
		token, err := r.dec.inner()
		if err != nil {
			return table.Cell{}, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			current = t.Name.Local
			isFormula, hasValue = isFormula || current == "f", hasValue || current == "v"
			if current == "is" {
				if inline, err = r.dec.text("is"); err != nil {
					return table.Cell{}, err
				}
				current = ""
			}
		case xml.EndElement:
			if current = ""; t.Name.Local == "c" {
				pending := isFormula && (!hasValue || value.Len() == 0 && kind != "str") // programs write formulas without values
				return r.value(kind, style, value.String()+inline, pending)
			}
		case xml.CharData:
			if current == "v" {
				if err := collect(&value, t); err != nil {
					return table.Cell{}, err
				}
			}
		}
	}
}

func (r *Rows) value(kind, style, text string, pending bool) (table.Cell, error) {
	if kind != "str" && kind != "inlineStr" {
		text = strings.TrimSpace(text)
	}
	switch {
	case kind == "e":
		return table.Cell{Text: text, Problem: "has the error " + text + " of a formula"}, nil
	case pending:
		return table.Cell{Problem: "has a formula without a value; open the file in a spreadsheet and save it"}, nil
	case text == "":
		return table.Cell{}, nil
	case kind == "s":
		t, err := r.w.texts.get(text)
		return table.Cell{Text: t}, err
	case kind == "inlineStr":
		return table.Cell{Text: text}, nil
	case kind == "str":
		return table.Cell{Text: unescape(text)}, nil
	case kind == "b":
		return table.Cell{Text: map[bool]string{true: "true", false: "false"}[isTrue(text)]}, nil
	case kind == "d":
		return table.Cell{Text: strings.TrimSuffix(text, "T00:00:00"), Kind: table.DateCell}, nil
	}
	return r.numberCell(r.w.formatOfStyle(style), text), nil
}

// maxSerial is the day after the last one that spreadsheets show, 9999-12-31.
const maxSerial = 2_958_466

// numberCell returns the cell of a number, which may be shown as a date or a percentage.
func (r *Rows) numberCell(f format, text string) table.Cell {
	n, err := strconv.ParseFloat(text, 64)
	if !table.IsNumber(text) || err != nil {
		return table.Cell{Text: text, Problem: "has a number that cannot be read"}
	}
	first := 1.0
	if r.w.Date1904 {
		first = 0
	}
	switch {
	case f.kind == table.DateCell && (n < first || n >= maxSerial):
		return table.Cell{Text: text, Problem: "has a time without a date, or a date that spreadsheets cannot show"}
	case f.kind == table.DateCell:
		return table.Cell{Text: table.Date(n, r.w.Date1904), Kind: table.DateCell}
	case f.kind == table.PercentCell: // 0.125 is shown as 12.5 %
		return table.Cell{Text: strconv.FormatFloat(100*n, 'g', 15, 64), Kind: table.PercentCell}
	}
	return table.Cell{Text: text, Kind: table.NumberCell, Digits: f.digits}
}
