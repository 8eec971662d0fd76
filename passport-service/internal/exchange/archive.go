package exchange

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/archive"
	"github.com/battery-passport/suite/passport-service/internal/format/aasx"
	"github.com/battery-passport/suite/passport-service/internal/tempfile"
	"github.com/battery-passport/suite/pkg/fault"
)

// packed reads documents from the files of an archive. Its rows are the documents, from 1.
type packed struct {
	file     tempfile.File
	archive  *archive.Archive
	files    []*zip.File
	open     func(name string, r io.Reader) (Source, error)
	warnings []fault.Detail // of the first row
	name     string         // of the current file
	current  Source         // nil: none
	reader   io.Closer
	number   int
}

// Zip reads documents from the files of a zip archive whose names end in .json or .ndjson. It copies the archive to a
// file first. limit bounds its unpacked size, and maxDepth the nesting of documents. It fails with fault.Malformed, or
// with fault.Unavailable if the disk is full.
func Zip(r io.Reader, limit int64, maxDepth int) (Source, error) {
	p, err := newPacked(r, limit)
	if err != nil {
		return nil, err
	}
	if err := p.checkZip(); err != nil {
		p.Close()
		return nil, err
	}
	p.open = func(name string, r io.Reader) (Source, error) {
		switch strings.ToLower(path.Ext(name)) {
		case ".json":
			return JSON(r, maxDepth)
		case ".ndjson", ".jsonl":
			return NDJSON(r, maxDepth)
		}
		return nil, fault.New(fault.Malformed, "the name of a file in the archive must end in .json or .ndjson; send a table (.csv, .xlsx) by itself")
	}
	for _, f := range p.archive.Files {
		if !isOfSystem(f.Name) {
			p.files = append(p.files, f)
		}
	}
	return p, nil
}

// checkZip fails with fault.Malformed if the archive is a workbook or a package.
func (p *packed) checkZip() error {
	has := func(name string) bool { return p.archive.Find(name) != nil }
	switch {
	case has("xl/workbook.xml"):
		return fault.New(fault.Malformed, "the file is a workbook; send Content-Type: application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
	case aasx.IsPackage(has):
		return fault.New(fault.Malformed, "the file is a package (AASX); send Content-Type: %s", aasx.MediaType)
	}
	return nil
}

// isOfSystem reports whether an operating system has added a file to a folder.
func isOfSystem(name string) bool {
	base := strings.ToLower(path.Base(name))
	return strings.HasPrefix(name, "__MACOSX/") || strings.HasPrefix(base, ".") || base == "thumbs.db" || base == "desktop.ini"
}

// AASX reads environments from a package of asset administration shells, as JSON. It has the limits and errors of Zip.
func AASX(r io.Reader, limit int64) (Source, error) {
	p, err := newPacked(r, limit)
	if err != nil {
		return nil, err
	}
	if p.files, err = aasx.Specs(p.archive); err != nil {
		p.Close()
		return nil, err
	}
	p.warnings = ignored(p.archive, p.files)
	p.open = func(name string, r io.Reader) (Source, error) {
		if strings.EqualFold(path.Ext(name), ".xml") {
			text, err := aasx.ToJSON(r, maxRow)
			if err != nil {
				return nil, err
			}
			r = bytes.NewReader(text)
		}
		return JSON(r, DocumentDepth)
	}
	return p, nil
}

// ignored warns about files of a package that are not imported, such as pictures.
func ignored(a *archive.Archive, specs []*zip.File) (warnings []fault.Detail) {
	for _, f := range a.Files {
		if len(warnings) == 20 {
			break
		}
		known := f.Name == "[Content_Types].xml" || path.Ext(f.Name) == ".rels" || path.Base(f.Name) == "aasx-origin" || slices.Contains(specs, f)
		if !known {
			warnings = append(warnings, fault.Detail{Path: "/" + f.Name, Code: "loss", Message: "is not imported: upload documents to the document-service"})
		}
	}
	return warnings
}

func newPacked(r io.Reader, limit int64) (*packed, error) {
	file, size, err := tempfile.Copy(r)
	if err != nil {
		return nil, err
	}
	p := &packed{file: file}
	if p.archive, err = archive.Open(file, size, limit); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// Close implements Closer.
func (p *packed) Close() {
	p.end()
	p.file.Close() // read-only from here on
}

// end closes the current file.
func (p *packed) end() {
	if p.reader != nil {
		p.reader.Close() // read-only
	}
	p.reader, p.current = nil, nil
}

// Next implements Source. A file that cannot be read is an invalid row.
func (p *packed) Next() (Record, error) {
	for {
		if p.current == nil {
			if len(p.files) == 0 {
				return Record{}, io.EOF
			}
			if err := p.begin(); err != nil {
				return p.unreadable(err)
			}
		}
		r, err := p.current.Next()
		if err == io.EOF {
			p.end()
			continue
		}
		if err != nil {
			return p.unreadable(err)
		}
		p.number++
		r.Number = p.number
		r.Warnings, p.warnings = append(r.Warnings, p.warnings...), nil
		return r, nil
	}
}

// begin opens the next file.
func (p *packed) begin() error {
	f := p.files[0]
	p.name, p.files = f.Name, p.files[1:]
	r, err := p.archive.Open(f)
	if err != nil {
		return err
	}
	p.reader = r
	p.current, err = p.open(f.Name, r)
	return err
}

// unreadable returns an invalid row for the current file, or an error if no other file can be read.
func (p *packed) unreadable(err error) (Record, error) {
	p.end()
	if p.archive.Exceeded() {
		return Record{}, err
	}
	p.number++
	r := invalidRow(p.number, err)
	for i := range r.Errors {
		r.Errors[i].Message = fmt.Sprintf("%.100q: %s", p.name, r.Errors[i].Message)
	}
	return r, nil
}
