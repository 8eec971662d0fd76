// Package carrier draws the data carriers of batteries: QR codes (ISO/IEC 18004), Data
// Matrix and GS1 Data Matrix (ISO/IEC 16022), alone and on sheets of labels.
package carrier

import (
	"errors"
	"fmt"
	"strings"

	goqr "github.com/piglig/go-qr"

	"github.com/battery-passport/suite/passport-service/internal/datamatrix"
	"github.com/battery-passport/suite/passport-service/internal/gs1"
)

// Kind is a kind of symbol.
type Kind string

// The kinds.
const (
	QR            Kind = "qr"
	DataMatrix    Kind = "datamatrix"
	GS1DataMatrix Kind = "gs1datamatrix"
)

// levels are the levels of error correction of a QR code.
var levels = map[string]goqr.Ecc{"M": goqr.Medium, "Q": goqr.Quartile, "H": goqr.High}

// ErrNotGS1 is the error for a GS1 symbol of an identifier that is not a GS1 Digital
// Link.
var ErrNotGS1 = errors.New("a GS1 Data Matrix needs a battery identifier that is a GS1 Digital Link")

// Symbol is a square of dark and light modules.
type Symbol struct {
	Size  int // modules in a row
	Quiet int // width of the quiet zone in modules
	dark  []bool
}

// Dark reports whether the module in column x and row y is dark.
func (s Symbol) Dark(x, y int) bool { return s.dark[y*s.Size+x] }

// Width is the number of modules in a row with both quiet zones.
func (s Symbol) Width() int { return s.Size + 2*s.Quiet }

// Run is a row of dark modules.
type Run struct{ X, Y, Length int }

// Runs returns the dark modules, row by row.
func (s Symbol) Runs() []Run {
	runs := make([]Run, 0, len(s.dark)/3) // more than most symbols have
	for y := range s.Size {
		for x := 0; x < s.Size; x++ {
			start := x
			for x < s.Size && s.Dark(x, y) {
				x++
			}
			if x > start {
				runs = append(runs, Run{start, y, x - start})
			}
		}
	}
	return runs
}

// Encode returns the smallest symbol for a battery identifier. A QR code has the given
// level of error correction, M, Q or H; the level of a Data Matrix is fixed (ECC 200). A
// GS1 Data Matrix contains the key and its qualifiers, other symbols the identifier byte
// for byte. It fails with ErrNotGS1, or if the identifier is too long.
func Encode(kind Kind, identifier, level string) (Symbol, error) {
	switch kind {
	case QR:
		return encodeQR(identifier, levels[level])
	case DataMatrix:
		return encodeMatrix(identifier, false)
	case GS1DataMatrix:
		elements, err := elementString(identifier)
		if err != nil {
			return Symbol{}, err
		}
		return encodeMatrix(elements, true)
	}
	return Symbol{}, fmt.Errorf("symbol type %q is unknown", kind)
}

// elementString returns the data of a GS1 symbol.
func elementString(identifier string) (string, error) {
	scheme, rest, _ := strings.Cut(identifier, "://") // package gs1 refuses Https
	link, err := gs1.Parse(strings.ToLower(scheme) + "://" + rest)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNotGS1, err)
	}
	return link.ElementString(), nil
}

// encodeQR does not raise the level of error correction where there is space left: the grade of
// a print depends on the requested level.
func encodeQR(text string, level goqr.Ecc) (Symbol, error) {
	const quiet = 4 // ISO/IEC 18004, 6.3.8
	segments, err := segmentsOf(text, level)
	if err != nil {
		return Symbol{}, fmt.Errorf("QR code: %w", err)
	}
	const bestMask = -1
	code, err := goqr.EncodeSegments(segments, level, goqr.MinVersion, goqr.MaxVersion, bestMask, false)
	if err != nil {
		return Symbol{}, fmt.Errorf("QR code: %w", err)
	}
	return newSymbol(code.Size(), quiet, code.Module), nil
}

// segmentsOf splits a text into segments with modes. The best ones differ between the three
// groups of versions that share the lengths of their counters. With more than one version,
// go-qr 1.1.0 considers only the first of each group.
func segmentsOf(text string, level goqr.Ecc) (segments []*goqr.QrSegment, err error) {
	for _, largest := range []int{9, 26, goqr.MaxVersion} {
		if segments, err = goqr.MakeSegmentsOptimally(text, level, largest, largest); err == nil {
			break
		}
	}
	return segments, err
}

func encodeMatrix(text string, isGS1 bool) (Symbol, error) {
	code, err := datamatrix.Encode(text, isGS1)
	if err != nil {
		return Symbol{}, fmt.Errorf("data matrix: %w", err)
	}
	const quiet = 2 // ISO/IEC 16022 requires 1; symbols are printed and read more reliably with 2
	return newSymbol(code.Size(), quiet, code.Dark), nil
}

func newSymbol(size, quiet int, dark func(x, y int) bool) Symbol {
	s := Symbol{Size: size, Quiet: quiet, dark: make([]bool, 0, size*size)}
	for y := range size {
		for x := range size {
			s.dark = append(s.dark, dark(x, y))
		}
	}
	return s
}
