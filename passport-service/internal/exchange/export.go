package exchange

import (
	"bufio"
	"context"
	"encoding/csv"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/exchange/table"
	"github.com/battery-passport/suite/passport-service/internal/exchange/xlsx"
	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/passport-service/internal/tempfile"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Views are passports as the caller reads them.
type Views = iter.Seq2[passport.PassportView, error]

// Export returns the passports that the caller lists with a filter, oldest first, or those with the
// ids. It fails like List and Get.
func (s *Service) Export(ctx context.Context, filter passport.Filter, ids []string) (Views, error) {
	if len(ids) > 0 {
		return s.exportIDs(ctx, ids)
	}
	return s.Passports.All(ctx, passport.ListParams{Filter: filter, Order: store.OldestFirst, Limit: store.MaxLimit})
}

// maxHeld limits the passports that exportIDs holds, in bytes. It reads others a second time.
const maxHeld = 4 << 20

// exportIDs returns the passports with the ids, each once.
func (s *Service) exportIDs(ctx context.Context, ids []string) (Views, error) {
	ids = slices.Clone(ids)
	for i, id := range ids {
		ids[i] = strings.TrimSpace(id)
	}
	seen, held, size := map[string]bool{}, map[string]passport.PassportView{}, 0
	ids = slices.DeleteFunc(ids, func(id string) bool { isRepeated := seen[id]; seen[id] = true; return isRepeated })
	var unknown []string
	for _, id := range ids {
		view, err := s.Passports.Get(ctx, id)
		switch {
		case fault.Is(err, fault.NotFound):
			unknown = append(unknown, strconv.Quote(id))
		case err != nil:
			return nil, err
		case size+len(view.Head.Data) <= maxHeld:
			held[id], size = view, size+len(view.Head.Data)
		}
	}
	if unknown != nil {
		return nil, fault.New(fault.NotFound, "%d of %d passports not found: %.500s", len(unknown), len(ids), strings.Join(unknown, ", "))
	}
	return func(yield func(passport.PassportView, error) bool) {
		for _, id := range ids {
			view, ok := held[id]
			var err error
			if !ok {
				view, err = s.Passports.Get(ctx, id)
			}
			if !yield(view, err) || err != nil {
				return
			}
		}
	}, nil
}

// Single returns the views of a single passport.
func Single(view passport.PassportView) Views {
	return func(yield func(passport.PassportView, error) bool) { yield(view, nil) }
}

// leading are the columns of an export before those of the attributes.
var leading = []string{"id", "state", "version"}

// header returns the header of an export.
func header(columns *table.Columns) []table.Cell {
	var cells []table.Cell
	for _, names := range [][]string{leading, columns.Header()} {
		for _, name := range names {
			cells = append(cells, table.Cell{Text: name})
		}
	}
	return cells
}

func (s *Service) cells(columns *table.Columns, view *passport.PassportView) []table.Cell {
	version := ""
	if view.Access.CanReadHistory() {
		version = strconv.FormatInt(view.Head.Number, 10)
	}
	cells := []table.Cell{{Text: view.ID}, {Text: string(view.Head.State)}, {Text: version, Kind: table.NumberCell}}
	return append(cells, columns.Cells(s.Passports.Document(*view))...)
}

// rows calls write for the header and for each passport.
func (s *Service) rows(views Views, write func([]table.Cell) error) error {
	_, rules := s.Passports.RuleSets()
	columns := table.ColumnsOf(rules)
	if err := write(header(columns)); err != nil {
		return err
	}
	for view, err := range views {
		if err == nil {
			err = write(s.cells(columns, &view))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// WriteCSV writes passports as CSV (RFC 4180) in UTF-8.
func (s *Service) WriteCSV(w io.Writer, views Views) error {
	return writeCSV(w, func(write func([]table.Cell) error) error { return s.rows(views, write) })
}

// writeCSV writes rows after a byte order mark, without which Excel reads UTF-8 in the encoding of the system.
func writeCSV(w io.Writer, rows func(write func([]table.Cell) error) error) error {
	buffer := bufio.NewWriterSize(w, 64<<10)
	buffer.Write(byteOrderMark)
	out := csv.NewWriter(buffer)
	err := rows(func(cells []table.Cell) error {
		fields := make([]string, len(cells))
		for i, c := range cells {
			fields[i] = c.Text
		}
		return out.Write(fields)
	})
	out.Flush()
	if err == nil {
		err = out.Error()
	}
	return err
}

// WriteXLSX writes passports to a temporary workbook, and then to w. It fails with
// fault.Invalid if a value does not fit into a cell.
func (s *Service) WriteXLSX(views Views) (io.ReadCloser, error) {
	return spooled(func(w io.Writer) error {
		return xlsx.Write(w, xlsx.Sheet{Name: "Passports", Frozen: 1, Bold: 1, Rows: func(write func([]table.Cell) error) error {
			return s.rows(views, write)
		}})
	})
}

// spooled returns a reader of a temporary file that write has filled.
func spooled(write func(io.Writer) error) (io.ReadCloser, error) {
	pr, pw := io.Pipe()
	go func() {
		var err error
		defer func() { pw.CloseWithError(err) }()
		defer fault.Recover(&err)
		err = write(pw)
	}()
	file, _, err := tempfile.Copy(pr)
	pr.Close()
	if err != nil {
		return nil, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		file.Close()
		return nil, tempfile.Failure(err)
	}
	return file, nil
}
