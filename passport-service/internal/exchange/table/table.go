// Package table converts passports to rows of cells and back. Each attribute with a single
// value has a column; each array has a column with JSON.
package table

import (
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// Special columns.
const (
	// NoteColumn is for notes. A row whose note begins with # is a comment.
	NoteColumn = "#"
	// ReasonColumn is for the reason of a change.
	ReasonColumn = "reason"
	// RestColumn is for JSON with data that has no column. The other cells of the row
	// replace the values in it.
	RestColumn = "data"
	// unnamed is a column without a name, which must not have values.
	unnamed = " "
)

// identifierColumn is the identifier of the battery in lists of passports. It is ignored in a table that has it by its
// path, too.
const identifierColumn = "batteryIdentifier"

// ignored are the columns of exports and lists that have no effect in an import.
var ignored = []string{identifierColumn, "id", "state", "version", "createdAt", "createdBy", "updatedAt", "updatedBy"}

// Cell is a cell of a spreadsheet.
type Cell struct {
	Text    string
	Kind    Kind
	Digits  int    // with which an integer is shown at least, such as 5 for 01067
	Problem string // why the cell has no value, such as an error of a formula
}

// Kind is how a spreadsheet stores and shows the value of a cell.
type Kind int

// The kinds of cells. A number of a spreadsheet is not a text with digits.
const (
	TextCell Kind = iota
	NumberCell
	PercentCell // a number, such as 12.5 for 12.5 %
	DateCell
)

// Columns are the columns of an export: all attributes of a rule set outside of arrays.
type Columns struct {
	rules *ruleset.RuleSet
	paths []string
	index map[string]int
}

// ColumnsOf returns the columns of a rule set.
func ColumnsOf(rules *ruleset.RuleSet) *Columns {
	c := &Columns{rules: rules, index: map[string]int{}}
	for _, a := range rules.Attributes() {
		if a.Type != ruleset.Object && !strings.Contains(a.Path, "[]") {
			c.index[a.Path] = len(c.paths)
			c.paths = append(c.paths, a.Path)
		}
	}
	c.index[RestColumn] = len(c.paths)
	c.paths = append(c.paths, RestColumn)
	return c
}

// Header returns the texts of the header.
func (c *Columns) Header() []string { return c.paths }

// Cells returns the cells of a document. Parse of the cells gives the same data.
func (c *Columns) Cells(d *ruleset.Document) []Cell {
	cells := make([]Cell, len(c.paths))
	var rest []string
	c.fill(cells, "", d.Root(), &rest)
	if rest != nil {
		cells[c.index[RestColumn]].Text = restText(rest)
	}
	return cells
}

// fill sets the cells of the values below a path. rest collects the paths of empty objects.
func (c *Columns) fill(cells []Cell, path string, v ruleset.Value, rest *[]string) {
	i, ok := c.index[path]
	switch {
	case ok && path != "":
		cells[i] = cellOf(v)
	case v.Len() == 0:
		*rest = append(*rest, path)
	default:
		for member := range v.Children() {
			c.fill(cells, strings.TrimPrefix(path+"."+member.Name(), "."), member, rest)
		}
	}
}

func cellOf(v ruleset.Value) Cell {
	if text, ok := v.AnyText(); ok {
		cell := escape(text)
		if a := v.Attribute(); cell == text && a != nil && isConverted(a, text) {
			cell = escapeAll(text)
		}
		return Cell{Text: cell}
	}
	kind := TextCell
	if _, ok := v.Number(); ok {
		kind = NumberCell
	}
	return Cell{Text: escapeJSON(v.Raw()), Kind: kind}
}

// restText returns the JSON object with empty objects at the paths.
func restText(paths []string) string {
	root := &node{}
	for _, path := range paths {
		n := root
		for step := range strings.SplitSeq(path, ".") {
			if step != "" {
				n = n.child(step)
			}
		}
	}
	return string(root.appendEmpty(nil))
}
