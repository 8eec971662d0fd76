package xlsx

import (
	"archive/zip"
	"encoding/xml"
	"io"
	"path"
	"regexp"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/format/aasx"
)

// otherKinds are other documents that are zip files, by a file in them.
var otherKinds = map[string]string{
	"content.xml":        "it is an OpenDocument file; save it as .xlsx",
	"xl/workbook.bin":    "it is a binary workbook (.xlsb); save it as .xlsx",
	"index/document.iwa": "it is a document of Numbers; export it to Excel (.xlsx)",
	"index.zip":          "it is a document of Numbers; export it to Excel (.xlsx)",
	"word/document.xml":  "it is a text document; send a workbook (.xlsx)",
}

// errOtherKind returns the error of a zip file that is not a workbook.
func (w *Workbook) errOtherKind() error {
	for name, message := range otherKinds {
		if w.files[name] != nil {
			return malformed("%s", message)
		}
	}
	if aasx.IsPackage(func(name string) bool { return w.files[name] != nil }) {
		return malformed("it is a package of asset administration shells; send Content-Type: %s", aasx.MediaType)
	}
	return malformed("it is a zip file without xl/workbook.xml; save it as .xlsx")
}

// sheet is a visible sheet of a workbook.
type sheet struct{ id, title, target, kind string }

// loadSheets sets the first visible sheet, and the names of the others that have rows.
func (w *Workbook) loadSheets() error {
	var visible []sheet
	err := w.each("xl/workbook.xml", func(_ *decoder, e xml.StartElement) error {
		switch e.Name.Local {
		case "workbookPr":
			w.Date1904 = isTrue(attribute(e, "date1904"))
		case "sheet":
			if state := attribute(e, "state"); (state == "" || state == "visible") && relationshipOf(e) != "" && len(visible) < maxSheets {
				visible = append(visible, sheet{id: relationshipOf(e), title: attribute(e, "name")})
			}
		}
		return nil
	})
	if err == nil && len(visible) == 0 {
		err = malformed("it has no visible sheet")
	}
	if err == nil {
		err = w.loadTargets(visible)
	}
	if err != nil {
		return err
	}
	w.Sheet = visible[0].title
	if w.sheet, err = w.open(visible[0]); err != nil {
		return err
	}
	for _, s := range visible[1:] {
		if f, err := w.open(s); err == nil && w.hasRows(f) {
			w.Others = append(w.Others, s.title)
		}
	}
	return nil
}

// maxSheets limits the sheets that are looked at.
const maxSheets = 20

func relationshipOf(e xml.StartElement) string {
	for _, a := range e.Attr {
		if a.Name.Local == "id" && a.Name.Space != "" {
			return a.Value
		}
	}
	return ""
}

var firstRow = regexp.MustCompile(`<(\w+:)?c[ >]`)

// hasRows reports whether the beginning of a sheet has a cell.
func (w *Workbook) hasRows(f *zip.File) bool {
	r, err := w.unpack(f, &w.budget)
	if err != nil {
		return false
	}
	defer r.Close() // read-only
	head := make([]byte, 16<<10)
	n, _ := io.ReadFull(r, head) // a shorter file is complete
	return firstRow.Match(head[:n])
}

// loadTargets sets the files and kinds of sheets.
func (w *Workbook) loadTargets(sheets []sheet) error {
	return w.each("xl/_rels/workbook.xml.rels", func(_ *decoder, e xml.StartElement) error {
		if e.Name.Local != "Relationship" || attribute(e, "TargetMode") == "External" {
			return nil
		}
		for i := range sheets {
			if s := &sheets[i]; s.id == attribute(e, "Id") {
				s.target, s.kind = attribute(e, "Target"), path.Base(attribute(e, "Type"))
			}
		}
		return nil
	})
}

// open returns the file of a sheet. It fails with fault.Malformed if that is missing, or no worksheet.
func (w *Workbook) open(s sheet) (*zip.File, error) {
	if s.kind == "chartsheet" || s.kind == "dialogsheet" {
		return nil, malformed("its first visible sheet %.100q is a %s; move the sheet with the table to the first place", s.title, s.kind)
	}
	target, isAbsolute := strings.CutPrefix(s.target, "/")
	if !isAbsolute {
		target = path.Join("xl", target)
	}
	f := w.files[strings.ToLower(target)]
	if f == nil {
		return nil, malformed("its sheet %.100q is missing", target)
	}
	return f, nil
}
