package exchange

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/exchange/table"
	"github.com/battery-passport/suite/passport-service/internal/exchange/xlsx"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/passport-service/internal/tempfile"
	"github.com/battery-passport/suite/pkg/fault"
)

// Closer is implemented by sources with resources that must be closed.
type Closer interface{ Close() }

type workbook struct {
	file   tempfile.File
	book   *xlsx.Workbook
	rows   *xlsx.Rows
	parser *table.Parser

	merged   *xlsx.Merged
	warnings []fault.Detail // of the first row
}

// XLSX reads the first visible sheet of a workbook. It copies the workbook to a file first.
// limit bounds its unpacked size. Reading ends with ctx. It fails with fault.Malformed,
// fault.Invalid, fault.TooLarge, or fault.Unavailable if the disk is full.
func XLSX(ctx context.Context, r io.Reader, limit int64, rules *ruleset.RuleSet) (Source, error) {
	file, size, err := tempfile.Copy(r)
	if err != nil {
		return nil, err
	}
	w := &workbook{file: file}
	if err := w.open(ctx, size, limit, rules); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// Close implements Closer.
func (w *workbook) Close() {
	if w.rows != nil {
		w.rows.Close()
	}
	if w.book != nil {
		w.book.Close()
	}
	w.file.Close() // read-only from here on
}

// open opens the workbook and reads the header: the first row that is not empty.
func (w *workbook) open(ctx context.Context, size, limit int64, rules *ruleset.RuleSet) (err error) {
	if w.book, err = xlsx.Open(ctx, w.file, size, limit); err != nil {
		return err
	}
	if w.rows, err = w.book.Rows(maxRow); err != nil {
		return err
	}
	for {
		header, err := w.rows.Next()
		if err == io.EOF {
			return fault.New(fault.Malformed, "the sheet is empty: the first row must have the names of attributes")
		}
		if err != nil {
			return err
		}
		if header.TooLarge {
			return errTooLarge(header.Number)
		}
		if len(header.Cells) == 0 {
			continue
		}
		if w.merged, err = w.book.Merged(header.Number); err != nil {
			return err
		}
		if w.merged.Header != "" {
			return fault.New(fault.Invalid, "the header of the file is not valid").
				With(fault.Detail{Path: fmt.Sprint("row:", header.Number), Code: "header", Message: "the cells " + w.merged.Header + " of the header are merged: write one name in each column, in the first row with cells"})
		}
		w.parser, err = table.NewParser(rules, header.Cells, table.Options{Date1904: w.book.Date1904})
		w.warnings = w.otherSheets()
		if f, ok := errors.AsType[*fault.Error](err); ok {
			return f.With(w.warnings...)
		}
		return err
	}
}

// otherSheets warns about visible sheets that are not read.
func (w *workbook) otherSheets() []fault.Detail {
	if len(w.book.Others) == 0 {
		return nil
	}
	return []fault.Detail{{Path: "sheet:" + w.book.Others[0], Code: "sheet", Message: fmt.Sprintf(
		"only the first visible sheet is read, %.100q, not %.300q: move the sheet with the table to the first place, and send one file for each table", w.book.Sheet, w.book.Others)}}
}

func errTooLarge(row int) error {
	return fault.New(fault.TooLarge, "row %d must not be larger than %d bytes", row, maxRow)
}

// Next implements Source.
func (w *workbook) Next() (Record, error) {
	for {
		row, err := w.rows.Next()
		if err != nil {
			return Record{}, err
		}
		if row.TooLarge {
			return invalidRow(row.Number, errTooLarge(row.Number)), nil
		}
		if parsed, ok := w.parser.Parse(row.Cells); ok {
			r := recordOf(row.Number, parsed)
			r.Warnings, w.warnings = append(r.Warnings, w.warnings...), nil
			if ranges := w.merged.In(row.Number); ranges != nil {
				r.Warnings = append(r.Warnings, fault.Detail{Path: fmt.Sprint("row:", row.Number), Code: "merged",
					Message: fmt.Sprintf("the cells %.200s are merged: only the first one of them has their value", strings.Join(ranges, ", "))})
			}
			return r, nil
		}
	}
}
