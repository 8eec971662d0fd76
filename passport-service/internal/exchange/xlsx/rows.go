package xlsx

import (
	"encoding/xml"
	"errors"
	"io"
	"strconv"

	"github.com/battery-passport/suite/passport-service/internal/exchange/table"
	"github.com/battery-passport/suite/pkg/fault"
)

// Row is a row of a sheet.
type Row struct {
	Number   int // from 1
	Cells    []table.Cell
	TooLarge bool // the texts are larger than the limit; Cells is nil
}

// Rows reads the rows of a sheet.
type Rows struct {
	w      *Workbook
	file   io.ReadCloser
	dec    *decoder
	number int
	limit  int // bytes of the texts of a row
}

// Rows returns the rows of the sheet. limit bounds the texts of a row, in bytes. Close it.
func (w *Workbook) Rows(limit int) (*Rows, error) {
	r, err := w.unpack(w.sheet, &w.budget)
	if err != nil {
		return nil, err
	}
	return &Rows{w: w, file: r, dec: newDecoder(r), limit: limit}, nil
}

// Close closes the sheet.
func (r *Rows) Close() { r.file.Close() } // read-only

// Next returns the next row, or io.EOF after the last.
func (r *Rows) Next() (Row, error) {
	for {
		e, err := r.dec.start()
		if err != nil {
			return Row{}, err
		}
		if e.Name.Local != "row" {
			continue
		}
		number := r.number + 1
		if n, err := strconv.Atoi(attribute(e, "r")); err == nil {
			if n < number {
				return Row{}, malformed("row %d follows row %d", n, r.number)
			}
			number = n
		}
		r.number = number
		row := Row{Number: number}
		err = r.cells(&row)
		if e, ok := errors.AsType[*fault.Error](err); ok && e.Kind == fault.TooLarge {
			err = fault.New(fault.TooLarge, "row %d cannot be read: %s", number, e.Message)
		}
		return row, err
	}
}

// cells reads the cells of a row.
func (r *Rows) cells(row *Row) error {
	column, size := -1, 0
	for {
		token, err := r.dec.inner()
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.EndElement:
			if t.Name.Local == "row" {
				return nil
			}
		case xml.StartElement:
			if t.Name.Local != "c" {
				continue
			}
			previous := column
			column++
			if i, ok := columnOf(attribute(t, "r")); ok {
				column = i
			}
			if column <= previous {
				return malformed("column %s follows column %s in row %d", table.Name(column), table.Name(previous), row.Number)
			}
			cell, err := r.cell(t)
			if err != nil {
				return err
			}
			if size += len(cell.Text); size > r.limit {
				row.TooLarge, row.Cells = true, nil
			}
			if err := row.set(column, cell); err != nil {
				return err
			}
		}
	}
}

// set sets a cell after the last one, unless it is empty.
func (row *Row) set(column int, cell table.Cell) error {
	if cell == (table.Cell{}) || row.TooLarge {
		return nil
	}
	if column >= 2*table.MaxColumns {
		return malformed("row %d has more than %d columns", row.Number, 2*table.MaxColumns)
	}
	for len(row.Cells) < column {
		row.Cells = append(row.Cells, table.Cell{})
	}
	row.Cells = append(row.Cells, cell)
	return nil
}

// columnOf returns the column of a reference such as AB12.
func columnOf(reference string) (int, bool) {
	n, i := 0, 0
	for ; i < len(reference) && i < 4 && reference[i] >= 'A' && reference[i] <= 'Z'; i++ {
		n = n*26 + int(reference[i]-'A') + 1
	}
	return n - 1, i > 0
}
