// Package pdf writes documents with rectangles, lines and text, page by page. It exists because
// its memory does not depend on the number of pages: libraries keep all pages in memory until
// the end.
package pdf

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
)

const pointsPerMillimetre = 72 / 25.4

// The objects whose numbers are known before they are written.
const (
	catalogue = iota + 1
	pageTree
	information
	fontResources
	firstFree
)

// Document is a PDF document that is being written. Lengths are in millimetres from the
// top left corner of the page; sizes of fonts are in points. It must not be used
// concurrently. The first error of the writer is returned by Close.
type Document struct {
	w       io.Writer
	written int64
	err     error
	offsets []int64 // by number of object
	pages   []int
	fonts   []*Font
	content bytes.Buffer
	height  float64 // of the page
	width   float64
}

// New begins a document with the fonts.
func New(w io.Writer, title string, fonts ...*Font) *Document {
	d := &Document{w: w, offsets: make([]int64, firstFree), fonts: fonts}
	d.print("%%PDF-1.7\n%%\xe2\xe3\xcf\xd3\n")
	d.object(information, "<< /Title %s /Producer (Battery Passport) >>", text16(title))
	names := ""
	for i, f := range fonts {
		names += fmt.Sprintf("/F%d %d 0 R ", i, f.write(d))
	}
	d.object(fontResources, "<< %s>>", names)
	return d
}

// BeginPage begins a page.
func (d *Document) BeginPage(width, height float64) {
	d.width, d.height = width, height
	d.content.Reset()
}

// EndPage writes the page.
func (d *Document) EndPage() {
	content := d.stream("", d.content.Bytes())
	page := d.next()
	d.object(page, "<< /Type /Page /Parent %d 0 R /MediaBox [0 0 %.2f %.2f] /Contents %d 0 R /Resources << /Font %d 0 R >> >>",
		pageTree, d.width*pointsPerMillimetre, d.height*pointsPerMillimetre, content, fontResources)
	d.pages = append(d.pages, page)
}

// Rectangle adds a rectangle to the path that Fill fills.
func (d *Document) Rectangle(x, y, width, height float64) {
	fmt.Fprintf(&d.content, "%.3f %.3f %.3f %.3f re\n", x*pointsPerMillimetre, (d.height-y-height)*pointsPerMillimetre, width*pointsPerMillimetre, height*pointsPerMillimetre)
}

// Fill fills the rectangles with black.
func (d *Document) Fill() { d.content.WriteString("f\n") }

// Line draws a line 0.1 mm wide.
func (d *Document) Line(x1, y1, x2, y2 float64) {
	fmt.Fprintf(&d.content, "%.3f w %.3f %.3f m %.3f %.3f l S\n", 0.1*pointsPerMillimetre,
		x1*pointsPerMillimetre, (d.height-y1)*pointsPerMillimetre, x2*pointsPerMillimetre, (d.height-y2)*pointsPerMillimetre)
}

// Text writes a line of text, whose baseline begins at x and y.
func (d *Document) Text(font *Font, size, x, y float64, text string) {
	for i := range d.fonts {
		if d.fonts[i] == font {
			fmt.Fprintf(&d.content, "BT /F%d %.2f Tf %.3f %.3f Td <%s> Tj ET\n", i, size, x*pointsPerMillimetre, (d.height-y)*pointsPerMillimetre, font.encode(text))
		}
	}
}

// Close ends the document.
func (d *Document) Close() error {
	kids := make([]string, len(d.pages))
	for i, page := range d.pages {
		kids[i] = fmt.Sprintf("%d 0 R", page)
	}
	d.object(pageTree, "<< /Type /Pages /Count %d /Kids [%s] >>", len(d.pages), strings.Join(kids, " "))
	d.object(catalogue, "<< /Type /Catalog /Pages %d 0 R /ViewerPreferences << /DisplayDocTitle true /PrintScaling /None >> >>", pageTree)
	start := d.written
	d.print("xref\n0 %d\n0000000000 65535 f \n", len(d.offsets))
	for _, offset := range d.offsets[1:] {
		d.print("%010d 00000 n \n", offset)
	}
	d.print("trailer\n<< /Size %d /Root %d 0 R /Info %d 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(d.offsets), catalogue, information, start)
	return d.err
}

func (d *Document) print(format string, values ...any) {
	if d.err == nil {
		n, err := fmt.Fprintf(d.w, format, values...)
		d.written, d.err = d.written+int64(n), err
	}
}

// next returns the number of a new object.
func (d *Document) next() int {
	d.offsets = append(d.offsets, 0)
	return len(d.offsets) - 1
}

func (d *Document) object(number int, format string, values ...any) {
	d.offsets[number] = d.written
	d.print("%d 0 obj\n"+format+"\nendobj\n", append([]any{number}, values...)...)
}

// stream writes a new object with compressed data, and returns its number.
func (d *Document) stream(entries string, data []byte) int {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	z.Write(data)
	z.Close()
	number := d.next()
	d.object(number, "<< /Length %d /Filter /FlateDecode %s>>\nstream\n%s\nendstream", b.Len(), entries, b.Bytes())
	return number
}

// text16 returns a text string in UTF-16 (ISO 32000-1, 7.9.2.2). Without characters of
// PDF syntax, no text can end the string.
func text16(text string) string {
	s := "<FEFF"
	for _, unit := range utf16.Encode([]rune(text)) {
		s += fmt.Sprintf("%04X", unit)
	}
	return s + ">"
}
