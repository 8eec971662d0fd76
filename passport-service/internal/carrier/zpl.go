package carrier

import (
	"fmt"
	"io"
	"iter"
	"math"
	"strings"
)

// printer converts millimetres to the dots of a label printer.
type printer struct{ dotsPerMillimetre float64 }

// newPrinter returns a printer with a nominal resolution. Those with 203 dpi have 8 dots
// per millimetre.
func newPrinter(dpi int) printer {
	if dpi == 203 {
		return printer{8}
	}
	return printer{float64(dpi) / millimetresPerInch}
}

func (p printer) dots(millimetres float64) int {
	return int(math.Round(millimetres * p.dotsPerMillimetre))
}

// WriteZPL writes the labels as ZPL II for label printers with the resolution, one label
// after the other. It stops at the first label that cannot be made and returns its error.
func WriteZPL(w io.Writer, t Template, dpi int, labels iter.Seq2[Label, error]) error {
	for label, err := range labels {
		if err == nil {
			err = writeZPL(w, t, newPrinter(dpi), label)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func writeZPL(w io.Writer, t Template, p printer, label Label) error {
	symbol, err := Encode(t.Kind, label.Identifier, t.Level)
	if err != nil {
		return err
	}
	module, err := p.moduleSize(symbol, t.Layout)
	if err != nil {
		return err
	}
	l := t.Layout
	a := l.arrange(symbol, float64(module)/p.dotsPerMillimetre)
	var b strings.Builder
	fmt.Fprintf(&b, "^XA^CI28^PW%d^LL%d^LH0,0\n^FO%d,%d", p.dots(l.LabelWidth), p.dots(l.LabelHeight), p.dots(a.symbolX), max(p.dots(a.symbolY), 0))
	writeGraphic(&b, symbol, module)
	p.writeText(&b, label, a)
	b.WriteString("^XZ\n")
	_, err = io.WriteString(w, b.String())
	return err
}

// moduleSize returns the width of the modules of a symbol in whole dots, so that all are
// equal. It fails like moduleSize.
func (p printer) moduleSize(s Symbol, l Layout) (int, error) {
	if _, err := moduleSize(s, l); err != nil {
		return 0, err
	}
	largest := (min(l.LabelHeight, l.LabelWidth) - 2*labelMargin) / float64(s.Width())
	return max(int(largest*p.dotsPerMillimetre), int(math.Ceil(minModule*p.dotsPerMillimetre))), nil
}

// writeGraphic draws a symbol. The encoders of printers differ: some make larger symbols,
// or choose another level of error correction. A colon repeats the row above.
func writeGraphic(b *strings.Builder, s Symbol, module int) {
	rowBytes := (s.Size*module + 7) / 8
	total := rowBytes * s.Size * module
	fmt.Fprintf(b, "^GFA,%d,%d,%d,", total, total, rowBytes)
	for y := range s.Size {
		row := make([]byte, rowBytes)
		for dot := range s.Size * module {
			if s.Dark(dot/module, y) {
				row[dot/8] |= 0x80 >> (dot % 8)
			}
		}
		fmt.Fprintf(b, "%X%s", row, strings.Repeat(":", module-1))
	}
	b.WriteString("^FS\n")
}

// writeText writes model, serial number and identifier. Texts that do not fit are cut. The
// identifier is left out if it does not fit as a whole: the symbol has it.
func (p printer) writeText(b *strings.Builder, label Label, a arrangement) {
	if a.textWidth < minTextWidth {
		return
	}
	x, y, width, bottom := p.dots(a.textX), p.dots(a.textY), p.dots(a.textWidth), p.dots(a.textBottom)
	lines := func(texts []string, height int) {
		for _, text := range texts {
			fmt.Fprintf(b, "^FO%d,%d^A0N,%d^FH^FD%s^FS\n", x, y, height, zplText(text))
			y += height * 5 / 4
		}
	}
	space := func(height int) int { return (bottom - y + height/4) / (height * 5 / 4) }
	name, small := p.dots(3), p.dots(2)
	fits := characters(width * 2 / name)
	lines(wrapTo(label.modelLines(space(name)), label.Model, fits), name)
	lines(wrapTo(space(name), label.serial(), fits), name)
	y += p.dots(1)
	if identifier := wrapURI(label.Identifier, characters(width*2/small)); len(identifier) <= space(small) {
		lines(identifier, small)
	}
}

// zplText escapes the characters with which commands begin, and control characters.
func zplText(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if c < ' ' || strings.IndexByte("^~_\x7f", c) >= 0 {
			fmt.Fprintf(&b, "_%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
