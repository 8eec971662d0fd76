package carrier

import (
	"io"
	"iter"

	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/goregular"

	"github.com/battery-passport/suite/passport-service/internal/pdf"
)

// Sheets is a PDF with sheets of labels. Symbols are drawn as vectors.
type Sheets struct {
	template      Template
	document      *pdf.Document
	regular, bold *pdf.Font
	mono          *pdf.Font
	place         int // of the next label on its page
}

// WriteSheets writes sheets with the labels as PDF, in constant memory. It stops at the
// first label that cannot be made and returns its error.
func WriteSheets(w io.Writer, t Template, labels iter.Seq2[Label, error]) error {
	var fonts [3]*pdf.Font
	for i, data := range [][]byte{goregular.TTF, gobold.TTF, gomono.TTF} {
		font, err := pdf.NewFont(data)
		if err != nil {
			return err
		}
		fonts[i] = font
	}
	document := pdf.New(w, "Battery passport labels", fonts[:]...)
	s := &Sheets{template: t, document: document, regular: fonts[0], bold: fonts[1], mono: fonts[2]}
	for label, err := range labels {
		if err == nil {
			err = s.add(label)
		}
		if err != nil {
			return err
		}
	}
	if s.place > 0 {
		s.document.EndPage()
	}
	return s.document.Close()
}

func (s *Sheets) add(label Label) error {
	l := s.template.Layout
	symbol, err := Encode(s.template.Kind, label.Identifier, s.template.Level)
	if err != nil {
		return err
	}
	module, err := moduleSize(symbol, l)
	if err != nil {
		return err
	}
	if s.place == 0 {
		s.document.BeginPage(l.PageWidth, l.PageHeight)
	}
	x := l.Left + float64(s.place%l.Columns)*l.LabelWidth
	y := l.Top + float64(s.place/l.Columns)*l.LabelHeight
	a := l.arrange(symbol, module)
	for _, run := range symbol.Runs() {
		s.document.Rectangle(x+a.symbolX+float64(run.X)*module, y+a.symbolY+float64(run.Y)*module, float64(run.Length)*module, module)
	}
	s.document.Fill()
	s.drawText(label, x+a.textX, y+a.textY, a.textWidth, y+a.textBottom)
	if l.CropMarks {
		s.drawCropMarks(x, y)
	}
	if s.place++; s.place == l.Columns*l.Rows {
		s.document.EndPage()
		s.place = 0
	}
	return nil
}

// drawText writes model, serial number and identifier. Texts that do not fit are cut. The identifier
// is left out if it does not fit as a whole: the symbol has it.
func (s *Sheets) drawText(label Label, x, y, width, bottom float64) {
	const nameSize, serialSize, smallSize, leading = 9, 7, 5.5, 1.25 * 25.4 / 72
	if width < minTextWidth {
		return
	}
	write := func(font *pdf.Font, size float64, lines []string) {
		for _, line := range lines {
			y += size * leading
			s.document.Text(font, size, x, y, line)
		}
	}
	fits := func(font *pdf.Font, size float64) measure {
		return func(line string) bool { return font.Width(size, line) <= width }
	}
	space := func(size float64) int { return int((bottom - y) / (size * leading)) }
	write(s.bold, nameSize, wrapTo(label.modelLines(space(nameSize)), label.Model, fits(s.bold, nameSize)))
	write(s.regular, serialSize, wrapTo(space(serialSize), label.serial(), fits(s.regular, serialSize)))
	y++
	if lines := wrapURI(label.Identifier, fits(s.mono, smallSize)); len(lines) <= space(smallSize) {
		write(s.mono, smallSize, lines)
	}
}

// drawCropMarks draws the corners of a label.
func (s *Sheets) drawCropMarks(x, y float64) {
	const length = 2
	l := s.template.Layout
	for _, corner := range [][4]float64{{x, y, 1, 1}, {x + l.LabelWidth, y, -1, 1}, {x, y + l.LabelHeight, 1, -1}, {x + l.LabelWidth, y + l.LabelHeight, -1, -1}} {
		s.document.Line(corner[0], corner[1], corner[0]+corner[2]*length, corner[1])
		s.document.Line(corner[0], corner[1], corner[0], corner[1]+corner[3]*length)
	}
}
