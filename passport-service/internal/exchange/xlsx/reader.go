// Package xlsx reads and writes workbooks of Office Open XML (ISO/IEC 29500) as streams,
// with constant memory.
package xlsx

import (
	"archive/zip"
	"context"
	"encoding/xml"
	"io"
	"path"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/archive"
	"github.com/battery-passport/suite/pkg/fault"
)

// Limits of a workbook.
const (
	maxFiles     = 10_000
	maxDirectory = 1 << 20 // bytes of the names and sizes of the files
)

// Workbook is the first visible sheet of a workbook.
type Workbook struct {
	Date1904 bool
	Sheet    string   // name of the sheet
	Others   []string // names of other visible sheets with rows

	files   map[string]*zip.File
	sheet   *zip.File
	formats []format // of cells, by style
	texts   *texts
	ctx     context.Context // ends reading
	limit   int64           // bytes that may be unpacked
	budget  int64           // the rest of them
}

func malformed(format string, args ...any) error {
	return fault.New(fault.Malformed, "the file cannot be read as a workbook: "+format, args...)
}

// Open opens a workbook of size bytes. limit bounds its unpacked size. It fails with
// fault.Malformed or fault.TooLarge. All reads fail when ctx has ended. Close it.
func Open(ctx context.Context, r io.ReaderAt, size, limit int64) (*Workbook, error) {
	z, isLong, err := archive.Read(r, size, maxDirectory)
	if err != nil {
		return nil, errNoZip(r, isLong)
	}
	limit = archive.Budget(size, limit)
	w := &Workbook{ctx: ctx, files: map[string]*zip.File{}, limit: limit, budget: limit}
	if len(z.File) > maxFiles {
		return nil, malformed("it has more than %d files", maxFiles)
	}
	for _, f := range z.File {
		name, ok := archive.Name(f)
		if !ok || strings.HasPrefix(name, "..") {
			return nil, malformed("the file name %.100q is not allowed", f.Name)
		}
		if lower := strings.ToLower(name); path.Base(lower) == "vbaproject.bin" || path.Dir(lower) == "xl/macrosheets" {
			return nil, malformed("it has macros; save it as .xlsx")
		}
		w.files[strings.ToLower(name)] = f
	}
	if err := w.load(); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

func errNoZip(r io.ReaderAt, isLong bool) error {
	head := make([]byte, 4)
	_, err := r.ReadAt(head, 0)
	switch {
	case isLong:
		return malformed("it has too many files")
	case err == nil && string(head) == "\xd0\xcf\x11\xe0":
		return malformed("it is in the old format .xls, or encrypted; save it as .xlsx without a password")
	}
	return malformed("it is not a zip file")
}

// Close removes the temporary files.
func (w *Workbook) Close() {
	if w.texts != nil {
		w.texts.close()
	}
}

func (w *Workbook) load() error {
	if w.files["xl/workbook.xml"] == nil {
		return w.errOtherKind()
	}
	err := w.loadSheets()
	if err == nil {
		err = w.loadStyles()
	}
	if err == nil {
		err = w.loadTexts()
	}
	return err
}

// unpack opens a file of the workbook. budget is the number of bytes that may be unpacked.
func (w *Workbook) unpack(f *zip.File, budget *int64) (io.ReadCloser, error) {
	r, err := f.Open()
	if err != nil {
		return nil, malformed("%.100q is damaged", f.Name)
	}
	return cancellable{w.ctx, archive.Limit(r, budget, "workbook", malformed)}, nil
}

// cancellable is a file that can no longer be read when the context has ended.
type cancellable struct {
	ctx context.Context
	io.ReadCloser
}

func (c cancellable) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.ReadCloser.Read(p)
}

// each calls start for each element of a file of the workbook. A missing file has none.
func (w *Workbook) each(name string, start func(*decoder, xml.StartElement) error) error {
	f := w.files[strings.ToLower(name)]
	if f == nil {
		return nil
	}
	r, err := w.unpack(f, &w.budget)
	if err != nil {
		return err
	}
	defer r.Close()
	dec := newDecoder(r)
	for {
		e, err := dec.start()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = start(dec, e)
		}
		if err != nil {
			return err
		}
	}
}
