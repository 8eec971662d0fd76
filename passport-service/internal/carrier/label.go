package carrier

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// Label contains the texts of a label.
type Label struct {
	Identifier string // of the battery: the content of the symbol, also as text
	Model      string
	Serial     string
}

// serial returns the line with the serial number, "" without one.
func (l Label) serial() string {
	if l.Serial == "" {
		return ""
	}
	return "S/N " + l.Serial
}

// modelLines returns the number of lines that the model may have where there is space for some
// lines: two at most, and one line is for the serial number.
func (l Label) modelLines(space int) int {
	if l.Serial != "" {
		space--
	}
	return min(space, 2)
}

// minTextWidth is the space next to the symbol, in millimetres, without which a label has
// no text.
const minTextWidth = 8

// Layout places labels on pages. Lengths are in millimetres.
type Layout struct {
	PageWidth, PageHeight   float64
	LabelWidth, LabelHeight float64
	Columns, Rows           int
	Left, Top               float64 // margins of the page
	CropMarks               bool
}

// layouts are the formats of sheets that printers and shops have.
var layouts = map[string]Layout{
	"a4-24":     {PageWidth: 210, PageHeight: 297, LabelWidth: 70, LabelHeight: 37, Columns: 3, Rows: 8, Top: 0.5},
	"a4-12":     {PageWidth: 210, PageHeight: 297, LabelWidth: 96, LabelHeight: 42.3, Columns: 2, Rows: 6, Left: 9, Top: 21.6},
	"letter-30": {PageWidth: 215.9, PageHeight: 279.4, LabelWidth: 66.7, LabelHeight: 25.4, Columns: 3, Rows: 10, Left: 7.9, Top: 12.7},
	"letter-10": {PageWidth: 215.9, PageHeight: 279.4, LabelWidth: 101.6, LabelHeight: 50.8, Columns: 2, Rows: 5, Left: 6.35, Top: 12.7},
}

// SheetLayout returns the layout with a name: a4-24, a4-12, letter-30 or letter-10.
func SheetLayout(name string) (Layout, bool) {
	l, ok := layouts[name]
	return l, ok
}

// SingleLayout returns the layout of pages with one label each.
func SingleLayout(width, height float64) Layout {
	return Layout{PageWidth: width, PageHeight: height, LabelWidth: width, LabelHeight: height, Columns: 1, Rows: 1}
}

// The smallest module is that of GS1 for symbols that are read at a short distance; GS1
// recommends 0.396 mm. Modules are a whole number of dots of 1/8 mm, the resolution of
// most label printers (203 dpi), so that all modules of a print are equal.
const (
	minModule   = 0.25
	dot         = 0.125
	labelMargin = 1.5
)

// moduleSize returns the width of the modules of a symbol on a label. It fails if they
// would be too small to print.
func moduleSize(s Symbol, l Layout) (float64, error) {
	module := (min(l.LabelHeight, l.LabelWidth) - 2*labelMargin) / float64(s.Width())
	if module < minModule {
		return 0, fmt.Errorf("a symbol of %d modules does not fit on a label of %g mm by %g mm: modules would be %.2f mm wide, and must be at least %.2f mm",
			s.Width(), l.LabelWidth, l.LabelHeight, module, minModule)
	}
	return math.Floor(module/dot) * dot, nil
}

// Template describes the symbol and the layout of labels.
type Template struct {
	Layout Layout
	Kind   Kind
	Level  string // of error correction of a QR code
}

// arrangement contains the places on a label, in millimetres from its corner. The symbol is
// without its quiet zone.
type arrangement struct{ symbolX, symbolY, textX, textY, textWidth, textBottom float64 }

// arrange places the text to the right of the symbol, or below it on upright labels. The
// symbol is in the middle of the shorter side.
func (l Layout) arrange(s Symbol, module float64) arrangement {
	size, quiet := float64(s.Width())*module, float64(s.Quiet)*module
	a := arrangement{symbolX: labelMargin + quiet, symbolY: (l.LabelHeight-size)/2 + quiet, textBottom: l.LabelHeight - labelMargin}
	if l.LabelHeight > l.LabelWidth {
		a.symbolX, a.symbolY = (l.LabelWidth-size)/2+quiet, labelMargin+quiet
		a.textX, a.textY, a.textWidth = 2*labelMargin, labelMargin+size, l.LabelWidth-4*labelMargin
		return a
	}
	a.textX, a.textY, a.textWidth = labelMargin+size, a.symbolY, l.LabelWidth-2*labelMargin-size
	return a
}

// measure reports whether a line is short enough.
type measure func(line string) bool

// characters returns the measure for fonts with characters of one width.
func characters(n int) measure {
	return func(line string) bool { return utf8.RuneCountInString(line) <= n }
}

// wrap breaks a text into lines that fit, at spaces where possible.
func wrap(text string, fits measure) []string {
	return breakLines(text, fits, func(line []rune) int { return lastIndex(line, ' ') })
}

// wrapTo breaks a text into at most n lines. The last line of a text that is longer ends with an
// ellipsis.
func wrapTo(n int, text string, fits measure) []string {
	lines := wrap(text, fits)
	if len(lines) <= n || n < 1 {
		return lines[:min(len(lines), max(n, 0))]
	}
	last := []rune(lines[n-1])
	for len(last) > 0 && !fits(string(last)+ellipsis) {
		last = last[:len(last)-1]
	}
	return append(lines[:n-1], strings.TrimRight(string(last), " ")+ellipsis)
}

const ellipsis = "…"

// wrapURI breaks a URI into lines that fit, after a slash where one is in the second half
// of a line.
func wrapURI(uri string, fits measure) []string {
	return breakLines(uri, fits, func(line []rune) int {
		if i := lastIndex(line[:len(line)-1], '/') + 1; i > len(line)/2 {
			return i
		}
		return 0
	})
}

// breakLines breaks a text into lines that fit. The function chooses how much of a line
// with one character too many is kept; 0: all but this character.
func breakLines(text string, fits measure, choose func([]rune) int) (lines []string) {
	for rest := []rune(strings.TrimSpace(text)); len(rest) > 0; {
		end := 1
		for end < len(rest) && fits(string(rest[:end+1])) {
			end++
		}
		if end < len(rest) {
			if chosen := choose(rest[:end+1]); chosen > 0 {
				end = chosen
			}
		}
		lines = append(lines, string(rest[:end]))
		for rest = rest[end:]; len(rest) > 0 && rest[0] == ' '; {
			rest = rest[1:]
		}
	}
	return lines
}

func lastIndex(text []rune, r rune) int {
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] == r {
			return i
		}
	}
	return -1
}

// Check returns an error if an identifier does not fit on a label.
func (t Template) Check(identifier string) error {
	symbol, err := Encode(t.Kind, identifier, t.Level)
	if err == nil {
		_, err = moduleSize(symbol, t.Layout)
	}
	return err
}
