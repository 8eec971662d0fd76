package exchange

import (
	"io"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/exchange/table"
	"github.com/battery-passport/suite/passport-service/internal/exchange/xlsx"
	"github.com/battery-passport/suite/passport-service/internal/labels"
	"github.com/battery-passport/suite/passport-service/internal/locale"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/wire"
)

// templateColumn is a column of a template.
type templateColumn struct {
	header, unit, values, duty, example string
	list                                []string
}

var dutyNames = map[ruleset.Duty]string{
	ruleset.Mandatory: "mandatory", ruleset.Conditional: "mandatory under a condition", ruleset.Recommended: "recommended",
	ruleset.Optional: "optional", ruleset.Later: "mandatory later",
}

// templateColumns returns the columns for a category. The headers are paths, or labels if
// a language is given.
func templateColumns(rules *ruleset.RuleSet, category ruleset.Category, language string) []templateColumn {
	var columns []templateColumn
	l, hasLabels := locale.Parse(language)
	for _, a := range rules.Attributes() {
		duty := dutyOf(rules, &a, category)
		if duty == ruleset.NotApplicable || a.Type == ruleset.Object || a.Type == ruleset.Objects || a.Type == ruleset.Localized {
			continue
		}
		c := templateColumn{header: strings.ReplaceAll(a.Path, "[]", "[0]"), unit: a.Unit, values: a.Expected(), duty: dutyNames[duty], example: exampleOf(&a)}
		if hasLabels {
			c.header = table.Label(rules, labels.In(l), a.Path)
		}
		switch {
		case a.Type == ruleset.Boolean:
			c.list = []string{"true", "false"}
		case a.Type == ruleset.String:
			c.list = a.AllowedValues
		case a.Type == ruleset.Strings:
			c.values += "; one value per line, or a JSON array"
		}
		columns = append(columns, c)
	}
	return columns
}

// dutyOf returns the duty of an attribute. A member that its object does not require is
// optional; other members have the duty of the object.
func dutyOf(rules *ruleset.RuleSet, a *ruleset.Attribute, category ruleset.Category) ruleset.Duty {
	if a.RequiredFor != nil {
		return a.RequiredFor[category]
	}
	duty := ruleset.Optional
	if f := rules.Field(a.Path); f != nil && f.Required {
		duty = ruleset.Mandatory
	}
	parent := strings.TrimSuffix(a.Path[:strings.LastIndexByte(a.Path, '.')], "[]")
	container, ok := rules.Attribute(parent)
	if !ok {
		return duty
	}
	if inherited := dutyOf(rules, &container, category); inherited == ruleset.NotApplicable || duty == ruleset.Mandatory {
		return inherited
	}
	return duty
}

func exampleOf(a *ruleset.Attribute) string {
	switch v := a.Example.(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		text, err := wire.Marshal(v)
		if err != nil {
			return ""
		}
		return string(text)
	}
}

// templateRows returns the rows of a template: the header, and comments.
func templateRows(columns []templateColumn) [][]table.Cell {
	rows := make([][]table.Cell, 5)
	for i, note := range []string{table.NoteColumn, "# unit", "# values", "# duty", table.ExampleNote} {
		rows[i] = []table.Cell{{Text: note}}
	}
	for _, c := range columns {
		for i, text := range []string{c.header, c.unit, c.values, c.duty, c.example} {
			rows[i] = append(rows[i], table.Cell{Text: text})
		}
	}
	return rows
}

// WriteTemplate writes an empty sheet for a category, as csv or xlsx.
func (s *Service) WriteTemplate(w io.Writer, format string, category ruleset.Category, language string) error {
	_, rules := s.Passports.RuleSets()
	columns := templateColumns(rules, category, language)
	rows := templateRows(columns)
	writeRows := func(write func([]table.Cell) error) error {
		for _, row := range rows {
			if err := write(row); err != nil {
				return err
			}
		}
		return nil
	}
	if format == "csv" {
		return writeCSV(w, writeRows)
	}
	sheet := xlsx.Sheet{Name: "Passports", Frozen: 1, Bold: 1, ListsFrom: len(rows) + 1, Widths: []int{12}, Rows: writeRows}
	for i, c := range columns {
		sheet.Widths = append(sheet.Widths, 28)
		if len(c.list) > 0 {
			sheet.Lists = append(sheet.Lists, xlsx.List{Column: i + 1, Values: c.list})
		}
	}
	return xlsx.Write(w, sheet)
}
