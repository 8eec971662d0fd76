package table

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/fault"
)

// MaxColumns limits the columns of a file.
const MaxColumns = 2_000

// maxProblems limits the reported problems of a row.
const maxProblems = 100

// maxIndex limits the index of an item of an array.
const maxIndex = 999

// IdentifierPath is the path of the identifier of the battery.
const IdentifierPath = "generalInformation.batteryIdentifier"

// column is a column of a file.
type column struct {
	field   *ruleset.Field // nil for special columns
	path    string         // with indices, as in the header
	lang    bool           // the last step is a language
	item    bool           // the last step is an item of an array of strings
	special string
}

// Parser converts rows of cells to the bodies of passports.
type Parser struct {
	rules    *ruleset.RuleSet
	columns  []column
	root     *node
	decimals Decimals
	date1904 bool
	warnings []fault.Detail // of the next row
}

// Options are the conventions of a file.
type Options struct {
	Decimals Decimals
	Date1904 bool // days of a workbook count from 1904
}

// NewParser returns a parser for a header. It fails with fault.Invalid, listing all
// errors of the header.
func NewParser(rules *ruleset.RuleSet, header []Cell, options Options) (*Parser, error) {
	for len(header) > 0 && strings.TrimSpace(header[len(header)-1].Text) == "" {
		header = header[:len(header)-1]
	}
	if len(header) > MaxColumns {
		return nil, fault.New(fault.Invalid, "the file must not have more than %d columns, got %d", MaxColumns, len(header))
	}
	if len(header) > 0 { // programs that read a byte order mark as a character write it into other files
		header = slices.Clone(header)
		header[0].Text = strings.TrimPrefix(header[0].Text, "\ufeff")
	}
	p := &Parser{rules: rules, root: &node{column: -1}, decimals: options.Decimals, date1904: options.Date1904}
	wrong := fault.New(fault.Invalid, "the header of the file is not valid")
	hasIdentifier := slices.ContainsFunc(header, func(c Cell) bool { return isIdentifier(rules, c.Text) })
	for i, cell := range header {
		c, problem := p.resolve(strings.TrimSpace(cell.Text))
		if c.special == identifierColumn && !hasIdentifier {
			c, _ = p.resolvePath(IdentifierPath)
		}
		if problem == "" && c.field != nil {
			problem = checkUnit(c.field.Attribute, cell.Text)
		}
		if problem == "" {
			problem = p.add(i, c)
		}
		p.columns = append(p.columns, c)
		if problem != "" {
			wrong = wrong.With(fault.Detail{Path: "column:" + Name(i), Code: "header", Message: fmt.Sprintf("%.100q in column %s %s", cell.Text, Name(i), problem)})
		}
		if len(wrong.Details) == maxProblems {
			break
		}
	}
	if err := p.checkColumns(wrong); len(err.Details) > 0 {
		return nil, err
	}
	return p, nil
}

// checkColumns adds problems of the whole header to those of its columns.
func (p *Parser) checkColumns(wrong *fault.Error) *fault.Error {
	isName := func(c column) bool { return c.path != "" || c.special != "" && c.special != unnamed }
	isIdentified := slices.ContainsFunc(p.columns, func(c column) bool { return c.path == IdentifierPath || c.special == RestColumn })
	switch {
	case !slices.ContainsFunc(p.columns, isName):
		wrong.Message += ": it must be the first row with cells, without a title above it"
	case len(wrong.Details) == 0 && !isIdentified:
		wrong = wrong.With(fault.Detail{Path: "column:A", Code: "required", Message: "the first row must have the names of attributes, and one of them must be " + IdentifierPath + ": an import finds the passport of a row by it"})
	}
	return wrong
}

// isIdentifier reports whether a header is the path or a label of the identifier of the battery.
func isIdentifier(rules *ruleset.RuleSet, header string) bool {
	name := withoutUnit(strings.TrimSpace(header))
	return name == IdentifierPath || name != identifierColumn && slices.Equal(pathsOf(rules, name), []string{IdentifierPath})
}

// Name returns the name of a column as spreadsheets show it: A for 0, AA for 26.
func Name(i int) string {
	name := ""
	for i++; i > 0; i = (i - 1) / 26 {
		name = string(rune('A'+(i-1)%26)) + name
	}
	return name
}

// resolve returns the column of a header, or a problem, whose text follows the name of the
// column.
func (p *Parser) resolve(text string) (column, string) {
	if text == "" {
		return column{special: unnamed}, ""
	}
	if text == NoteColumn || text == ReasonColumn || text == RestColumn || slices.Contains(ignored, text) {
		return column{special: text}, ""
	}
	c, ok := p.resolvePath(withoutUnit(text))
	if ok {
		return c, ""
	}
	if c.lang {
		return column{}, "must end with a BCP 47 language tag such as de or pt-BR"
	}
	paths := pathsOf(p.rules, text)
	switch {
	case len(paths) == 1:
		if c, ok := p.resolvePath(withIndices(paths[0], text)); ok {
			return c, ""
		}
	case len(paths) > 1:
		return column{}, "is the label of several attributes: write the path instead, one of " + strings.Join(paths[:min(len(paths), 5)], ", ")
	}
	return column{}, "is not an attribute of rule set " + p.rules.Name + p.suggest(text)
}

var steps = regexp.MustCompile(`^([A-Za-z0-9]+)(?:\[(\d{1,4})\])?$`)

// resolvePath returns the column of a path such as a.b, a.list[0].member, a.texts[1] and
// a.localized.de.
func (p *Parser) resolvePath(path string) (column, bool) {
	c, catalogue, parts := column{path: path}, "", strings.Split(path, ".")
	for i, part := range parts {
		m := steps.FindStringSubmatch(part)
		if m == nil && !c.isLocalized() {
			return column{}, false
		}
		if c.isLocalized() {
			c.lang = true
			return c, i == len(parts)-1 && ruleset.IsLanguageTag(part)
		}
		catalogue = strings.TrimPrefix(catalogue+"."+m[1], ".")
		if c.field = p.rules.Field(catalogue); c.field == nil {
			return column{}, false
		}
		if m[2] == "" {
			continue
		}
		n, _ := strconv.Atoi(m[2]) // four digits
		a := c.field.Attribute
		if a == nil || n > maxIndex || a.Type != ruleset.Objects && (a.Type != ruleset.Strings || i < len(parts)-1) {
			return column{}, false
		}
		c.item = a.Type == ruleset.Strings
		catalogue += "[]"
	}
	if c.field.Attribute == nil { // a section: its object is in JSON
		return c, false
	}
	return c, true
}

func (c *column) isLocalized() bool {
	return c.field != nil && c.field.Attribute != nil && c.field.Attribute.Type == ruleset.Localized
}

// add adds the column to the tree. It returns a problem if another column has the same value.
func (p *Parser) add(i int, c column) string {
	if c.special != "" {
		for j, other := range p.columns {
			if other.special == c.special && c.special != NoteColumn && c.special != unnamed {
				return "is also in column " + Name(j)
			}
		}
		return ""
	}
	n := p.root
	for part := range strings.SplitSeq(c.path, ".") {
		m := steps.FindStringSubmatch(part)
		if m == nil { // a language such as pt-BR
			m = []string{"", part, ""}
		}
		if n = n.child(m[1]); m[2] != "" {
			index, _ := strconv.Atoi(m[2])
			if n.column < 0 {
				n = n.item(index)
			}
		}
		if n.column >= 0 {
			return "is also in column " + Name(n.column)
		}
	}
	if len(n.children) > 0 {
		return "is also in column " + Name(n.first())
	}
	n.column = i
	return ""
}

// first returns the first column below a node.
func (n *node) first() int {
	for n.column < 0 {
		n = n.children[0]
	}
	return n.column
}
