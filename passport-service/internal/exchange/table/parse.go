package table

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

// Row is a parsed row.
type Row struct {
	Body     wire.Value     // of a passport, without the cells with errors; nil if it has no valid JSON
	Errors   []fault.Detail // of cells
	Warnings []fault.Detail // about cells that were converted, or that are stored as they are
}

// Parse returns a row of cells. ok is false if the row is empty or a comment. The rows must be in the order of the file.
func (p *Parser) Parse(cells []Cell) (row Row, ok bool) {
	if p.isComment(cells) {
		p.checkExample(cells)
		return Row{}, false
	}
	p.learnDecimals(cells)
	r := rowParser{Parser: p, values: make([]string, len(p.columns))}
	r.Errors = p.checkLength(cells)
	r.hasValue = r.Errors != nil
	for i, cell := range cells[:min(len(cells), len(p.columns))] {
		if len(r.Errors) < maxProblems {
			r.add(i, cell)
		}
	}
	if r.hasValue {
		r.setBody(p.body(r.values, r.reason, r.rest))
		r.Warnings, p.warnings = append(r.Warnings, p.warnings...), nil
	}
	return r.Row, r.hasValue
}

// rowParser is a row in progress.
type rowParser struct {
	*Parser
	Row
	values       []string // JSON, by column
	reason, rest string
	hasValue     bool // the row is not empty
}

// add adds the cell of column i.
func (r *rowParser) add(i int, cell Cell) {
	c := r.columns[i]
	cell, isMarked := cell.trim()
	if cell.Text == "" && cell.Problem == "" || c.special == NoteColumn || slices.Contains(ignored, c.special) {
		return
	}
	r.hasValue = r.hasValue || c.special != ReasonColumn || cell.Problem != ""
	problem, code := cell.Problem, "format"
	switch {
	case c.special == unnamed:
		r.Errors = append(r.Errors, withoutHeader(i))
		return
	case problem != "":
	case c.special == ReasonColumn:
		r.reason = unescape(cell.Text)
	case c.special == RestColumn:
		if problem, code = checkObject(cell.Text), "syntax"; problem == "" {
			r.rest = cell.Text
		}
	default:
		v := r.value(c, cell, isMarked)
		r.values[i], problem, code = v.json, v.problem, "type"
		if v.warning != "" && len(r.Warnings) < maxProblems {
			r.Warnings = append(r.Warnings, r.detail(i, "format", v.warning))
		}
	}
	if problem != "" {
		r.Errors = append(r.Errors, r.detail(i, code, problem))
	}
}

// detail returns a detail about column i. The message follows the name of the column.
func (p *Parser) detail(i int, code, message string) fault.Detail {
	return fault.Detail{Path: "column:" + Name(i), Code: code, Message: p.columns[i].name() + " " + message}
}

// setBody sets the body, or adds its errors: values of columns are nested in those of the path.
func (r *Row) setBody(body wire.Value) {
	if err, ok := errors.AsType[*fault.Error](wire.Check(body)); ok {
		r.Errors = append(r.Errors, err.Details...)
		return
	}
	r.Body = body
}

// trim returns the cell without white space around its text, and whether the text is marked. A
// text with the error of a formula is a problem.
func (c Cell) trim() (trimmed Cell, isMarked bool) {
	c.Text = strings.TrimSpace(c.Text)
	if isMarked = unescape(c.Text) != c.Text; !isMarked && c.Problem == "" && isFormulaError(c.Text) {
		c.Problem = "has the error " + c.Text + " of a formula"
	}
	return c, isMarked
}

// formulaError matches the errors of formulas in the languages of spreadsheets, such as #REF!, and ####, which
// is a number that does not fit into its column.
var formulaError = regexp.MustCompile(`^(#[¡¿]?\p{Lu}[\p{Lu}/_0]*[!?]|#(N/[ABD]|NV|I/T|HIÁNYZIK|NEDOSTUPNÝ|NENÍ_K_DISPOZICI)|#{3,}|Err:5\d\d)$`)

func isFormulaError(text string) bool {
	return (strings.HasPrefix(text, "#") || strings.HasPrefix(text, "Err:")) && formulaError.MatchString(text)
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
		if p.columns[i].special == NoteColumn && strings.HasPrefix(strings.TrimSpace(cell.Text), "#") {
			return true
		}
	}
	return false
}

// ExampleNote begins the row of a template with examples.
const ExampleNote = "# example"

// checkExample warns about the row of the example if somebody has written another battery into it. The warning is one of
// the next row.
func (p *Parser) checkExample(cells []Cell) {
	identifier, _ := p.rules.Attribute(IdentifierPath)
	isExample, battery := false, ""
	for i, cell := range cells[:min(len(cells), len(p.columns))] {
		text := strings.TrimSpace(cell.Text)
		isExample = isExample || p.columns[i].special == NoteColumn && text == ExampleNote
		if p.columns[i].path == IdentifierPath {
			battery = text
		}
	}
	if isExample && battery != "" && battery != identifier.Example {
		p.warnings = []fault.Detail{{Path: "/data/" + strings.ReplaceAll(IdentifierPath, ".", "/"), Code: "comment", Message: fmt.Sprintf("the row %q with the battery %.100q was not imported: empty its first cell to import it", ExampleNote, battery)}}
	}
}

// checkLength reports cells after the last column.
func (p *Parser) checkLength(cells []Cell) (errs []fault.Detail) {
	for i := len(p.columns); i < len(cells) && len(errs) < maxProblems; i++ {
		if strings.TrimSpace(cells[i].Text) != "" {
			errs = append(errs, withoutHeader(i))
		}
	}
	return errs
}

func withoutHeader(i int) fault.Detail {
	return fault.Detail{Path: "column:" + Name(i), Code: "header", Message: fmt.Sprintf("column %s has a value, but no header: name it # to ignore it", Name(i))}
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
