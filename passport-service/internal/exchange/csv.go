package exchange

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/battery-passport/suite/passport-service/internal/exchange/table"
	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/fault"
)

// decimalsOf are the signs of numbers in files with a separator other than a comma.
var decimalsOf = map[byte]table.Decimals{';': table.CommaOrPoint, '\t': table.Unknown}

// endOfFile ends the files of some programs.
const endOfFile = "\x1a"

type csvFile struct {
	reader  *csv.Reader
	columns *columnLimit
	budget  *budget
	recent  *recentReader
	parser  *table.Parser
	row     int // number of the last row, as spreadsheets count
	line    int // after the last row, without that of the separator
	first   int // lines before those of the reader
	charset string
	decoded bool  // U+FFFD may be a byte that is not valid in the charset
	open    error // the last row may end with the file, because its quotation mark is not closed
}

// CSV reads rows with a header. The separator is a comma, a semicolon or a tab, whichever is
// most frequent in the first line. Without a charset, the file is UTF-8, or UTF-16 with a byte
// order mark. It fails with fault.Malformed or fault.Invalid.
func CSV(r io.Reader, charset string, rules *ruleset.RuleSet) (Source, error) {
	f := &csvFile{charset: charset, line: 1}
	in, err := f.decode(r)
	if err != nil {
		return nil, err
	}
	if in, err = convertLineEnds(in); err != nil {
		return nil, err
	}
	separator, err := f.readSeparator(in)
	if err != nil {
		return nil, err
	}
	f.columns = &columnLimit{r: in, separator: separator}
	f.budget = &budget{r: f.columns}
	f.recent = &recentReader{r: f.budget}
	f.reader = csv.NewReader(f.recent)
	f.reader.Comma, f.reader.FieldsPerRecord, f.reader.ReuseRecord = rune(separator), -1, true
	header, err := f.record()
	if err == io.EOF {
		err = fault.New(fault.Malformed, "the file is empty: the first row must have the names of attributes")
	}
	if err != nil {
		return nil, f.failure(err)
	}
	if f.parser, err = table.NewParser(rules, header, table.Options{Decimals: decimalsOf[separator]}); err != nil {
		return nil, err
	}
	return f, nil
}

// record returns the next row. It counts empty lines, which the reader skips, as rows.
func (f *csvFile) record() ([]table.Cell, error) {
	f.budget.renew()
	f.recent.forget(f.reader.InputOffset())
	fields, err := f.reader.Read()
	if e, ok := errors.AsType[*csv.ParseError](err); ok {
		f.count(e.StartLine, e.Line+1)
		return nil, err
	}
	if err != nil {
		f.row++
		return nil, err
	}
	begin, _ := f.reader.FieldPos(0)
	last, _ := f.reader.FieldPos(len(fields) - 1)
	f.count(begin, last+strings.Count(fields[len(fields)-1], "\n")+1)
	cells := make([]table.Cell, len(fields))
	for i, text := range fields {
		if !utf8.ValidString(text) || f.decoded && strings.ContainsRune(text, utf8.RuneError) {
			return nil, f.errEncoding(i)
		}
		cells[i].Text = text
	}
	return cells, nil
}

// count counts a row and the empty lines before it.
func (f *csvFile) count(begin, end int) {
	f.row += 1 + begin - f.line
	f.line = end
}

func (f *csvFile) errEncoding(column int) error {
	message := "send its charset, such as Content-Type: text/csv; charset=windows-1252"
	if f.charset != "" {
		message = "the charset " + f.charset + " is not that of the file"
	}
	return fault.New(fault.Malformed, "the file is not valid in %s", cmp.Or(f.charset, "UTF-8")).
		With(fault.Detail{Path: "column:" + table.Name(column), Code: "encoding", Message: fmt.Sprintf("row %d, column %s: %s", f.row, table.Name(column), message)})
}

// Next implements Source.
func (f *csvFile) Next() (Record, error) {
	for {
		cells, err := f.record()
		if err == io.EOF && f.open != nil {
			return Record{}, f.open
		}
		f.open = nil
		if e, ok := errors.AsType[*csv.ParseError](err); ok {
			err = f.failure(err)
			if e.StartLine < e.Line {
				f.open = err
			}
			return invalidRow(f.row, err), nil
		}
		if e, ok := errors.AsType[*fault.Error](err); ok && e.Kind == fault.Malformed && len(e.Details) > 0 {
			return invalidRow(f.row, e), nil
		}
		if err != nil {
			return Record{}, f.failure(err)
		}
		if len(cells) == 1 && cells[0].Text == endOfFile {
			continue
		}
		if row, ok := f.parser.Parse(cells); ok {
			return recordOf(f.row, row), nil
		}
	}
}

func recordOf(number int, row table.Row) Record {
	return Record{Number: number, Row: passport.Row{Body: row.Body, Errors: row.Errors}, Warnings: row.Warnings}
}

// failure returns an error for the client.
func (f *csvFile) failure(err error) error {
	switch e, ok := errors.AsType[*csv.ParseError](err); {
	case ok && e.StartLine < e.Line:
		return f.errSyntax("lines %d–%d were read as one row: a quotation mark is not closed, or not doubled", f.first+e.StartLine, f.first+e.Line)
	case ok:
		return f.errQuotation(e)
	case err == f.columns.err && err != nil:
		return fault.New(fault.TooLarge, "row %d must not have more than %d columns: is a quotation mark not closed?", f.row, maxColumns)
	case fault.Is(err, fault.TooLarge) && f.budget.left <= 0:
		return fault.New(fault.TooLarge, "row %d must not be larger than %d bytes: is a quotation mark not closed?", f.row, maxRow)
	}
	return err
}

// errQuotation returns the error of a quotation mark in a row of one line.
func (f *csvFile) errQuotation(e *csv.ParseError) error {
	line := f.recent.line(f.reader.InputOffset())
	column, cell := cellAt(line, f.reader.Comma, e.Column-1)
	message := "a quotation mark in a cell without quotation marks"
	if e.Err == csv.ErrQuote {
		message = "a quotation mark is not closed, or not doubled"
	}
	text := cell
	if inner, ok := strings.CutPrefix(cell, `"`); ok {
		text = strings.ReplaceAll(strings.TrimSuffix(inner, `"`), `""`, `"`)
	}
	if len(text) <= maxQuoted {
		message += fmt.Sprintf(`; write "%s"`, strings.ReplaceAll(text, `"`, `""`))
	}
	return fault.New(fault.Malformed, "row %d, column %s", f.row, table.Name(column)).
		With(fault.Detail{Path: "column:" + table.Name(column), Code: "syntax", Message: message})
}

func (f *csvFile) errSyntax(format string, args ...any) error {
	return fault.New(fault.Malformed, "row %d is not valid CSV", f.row).
		With(fault.Detail{Code: "syntax", Message: fmt.Sprintf(format, args...)})
}
