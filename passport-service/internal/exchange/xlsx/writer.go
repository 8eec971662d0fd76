package xlsx

import (
	"archive/zip"
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/exchange/table"
	"github.com/battery-passport/suite/pkg/fault"
)

// maxCell is the maximum length of a text in a cell, in UTF-16 code units.
const maxCell = 32_767

// List is a drop-down list for the cells of a column.
type List struct {
	Column int // from 0
	Values []string
}

// Sheet is a sheet to write.
type Sheet struct {
	Name   string
	Widths []int  // of the columns, in characters
	Lists  []List // for the rows from ListsFrom on
	// ListsFrom is the first row with the drop-down lists, from 1.
	ListsFrom int
	// Frozen is the number of rows at the top that always stay visible.
	Frozen int
	// Bold is the number of rows at the top in bold letters.
	Bold int
	// Rows calls write for each row.
	Rows func(write func([]table.Cell) error) error
}

// Write writes a workbook as a stream. Texts are stored as texts, also those that look like formulas. It
// fails with fault.Invalid if a text is too long for a cell.
func Write(out io.Writer, sheets ...Sheet) error {
	var lists []List
	for _, s := range sheets {
		lists = append(lists, s.Lists...)
	}
	if len(lists) > 0 {
		sheets = append(sheets, listSheet(lists))
	}
	z := zip.NewWriter(out)
	for i := range sheets {
		w, err := z.Create(fmt.Sprintf("xl/worksheets/sheet%d.xml", i+1))
		if err != nil {
			return err
		}
		if err := sheets[i].write(w); err != nil {
			return err
		}
	}
	for _, part := range parts(sheets) {
		w, err := z.Create(part[0])
		if err == nil {
			_, err = io.WriteString(w, xmlHead+part[1])
		}
		if err != nil {
			return err
		}
	}
	return z.Close()
}

// listsName is the name of the hidden sheet with the values of drop-down lists.
const listsName = "Lists"

func listSheet(lists []List) Sheet {
	return Sheet{Name: listsName, Rows: func(write func([]table.Cell) error) error {
		for row := 0; ; row++ {
			cells, more := make([]table.Cell, len(lists)), false
			for i, l := range lists {
				if row < len(l.Values) {
					cells[i].Text, more = l.Values[row], true
				}
			}
			if !more {
				return nil
			}
			if err := write(cells); err != nil {
				return err
			}
		}
	}}
}

const (
	xmlHead = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	main    = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
	rel     = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
)

// parts returns the names and contents of the small files of a workbook.
func parts(sheets []Sheet) [][2]string {
	var types, list, rels strings.Builder
	for i, s := range sheets {
		n, hidden := i+1, ""
		if s.Name == listsName && i > 0 {
			hidden = ` state="hidden"`
		}
		fmt.Fprintf(&types, `<Override PartName="/xl/worksheets/sheet%d.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>`, n)
		fmt.Fprintf(&list, `<sheet name="%s" sheetId="%d"%s r:id="rId%d"/>`, escapeXML(s.Name), n, hidden, n)
		fmt.Fprintf(&rels, `<Relationship Id="rId%d" Type="%s/worksheet" Target="worksheets/sheet%d.xml"/>`, n, rel, n)
	}
	return [][2]string{
		{"[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/>` + types.String() + `</Types>`},
		{"_rels/.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="` + rel + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{"xl/workbook.xml", `<workbook xmlns="` + main + `" xmlns:r="` + rel + `"><sheets>` + list.String() + `</sheets></workbook>`},
		{"xl/_rels/workbook.xml.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` + rels.String() + fmt.Sprintf(`<Relationship Id="rId%d" Type="%s/styles" Target="styles.xml"/>`, len(sheets)+1, rel) + `</Relationships>`},
		{"xl/styles.xml", `<styleSheet xmlns="` + main + `"><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders><cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="3"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/><xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/><xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>`},
	}
}

// Styles of parts.
const (
	boldStyle = 1
	textStyle = 2
)

func (s *Sheet) write(w io.Writer) error {
	out := bufio.NewWriterSize(w, 64<<10)
	out.WriteString(xmlHead + `<worksheet xmlns="` + main + `">`)
	if s.Frozen > 0 {
		fmt.Fprintf(out, `<sheetViews><sheetView workbookViewId="0"><pane ySplit="%d" topLeftCell="A%d" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>`, s.Frozen, s.Frozen+1)
	}
	if len(s.Widths) > 0 {
		out.WriteString("<cols>")
		for i, width := range s.Widths {
			fmt.Fprintf(out, `<col min="%d" max="%d" width="%d" customWidth="1" style="%d"/>`, i+1, i+1, width, textStyle)
		}
		out.WriteString("</cols>")
	}
	out.WriteString("<sheetData>")
	row := 0
	err := s.Rows(func(cells []table.Cell) error {
		row++
		style := textStyle
		if row <= s.Bold {
			style = boldStyle
		}
		return writeRow(out, row, style, cells)
	})
	if err != nil {
		return err
	}
	out.WriteString("</sheetData>")
	if len(s.Lists) > 0 {
		fmt.Fprintf(out, `<dataValidations count="%d">`, len(s.Lists))
		for i, l := range s.Lists {
			fmt.Fprintf(out, `<dataValidation type="list" allowBlank="1" showErrorMessage="1" sqref="%[1]s%[2]d:%[1]s1048576"><formula1>%[3]s!$%[4]s$1:$%[4]s$%[5]d</formula1></dataValidation>`,
				table.Name(l.Column), s.ListsFrom, listsName, table.Name(i), len(l.Values))
		}
		out.WriteString("</dataValidations>")
	}
	out.WriteString("</worksheet>")
	return out.Flush() // it also returns the errors of the writes before
}

func writeRow(out *bufio.Writer, row, style int, cells []table.Cell) error {
	fmt.Fprintf(out, `<row r="%d">`, row)
	for i, c := range cells {
		switch {
		case c.Text == "":
		case c.Kind == table.NumberCell:
			fmt.Fprintf(out, `<c r="%s%d"><v>%s</v></c>`, table.Name(i), row, c.Text)
		case units(c.Text) > maxCell:
			return fault.New(fault.Invalid, "a cell of a workbook holds %d characters, got %d in row %d, column %s: use the format csv or ndjson", maxCell, units(c.Text), row, table.Name(i))
		default:
			fmt.Fprintf(out, `<c r="%s%d" s="%d" t="inlineStr"><is><t xml:space="preserve">%s</t></is></c>`, table.Name(i), row, style, escapeXML(c.Text))
		}
	}
	_, err := out.WriteString("</row>")
	return err
}

// units returns the length of a text in UTF-16 code units.
func units(text string) (n int) {
	for _, r := range text {
		n++
		if r > 0xffff {
			n++
		}
	}
	return n
}

var xmlEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "\r", "&#13;")

func escapeXML(text string) string { return xmlEscapes.Replace(text) }
