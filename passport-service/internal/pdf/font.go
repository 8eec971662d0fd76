package pdf

import (
	"fmt"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// Font is a TrueType font. It may be used by several documents, one after the other.
type Font struct {
	data   []byte
	parsed *sfnt.Font
	name   string
	widths []int // of the glyphs, in thousandths of the size
	buffer sfnt.Buffer
}

// NewFont parses a TrueType font.
func NewFont(data []byte) (*Font, error) {
	parsed, err := sfnt.Parse(data)
	if err != nil {
		return nil, err
	}
	f := &Font{data: data, parsed: parsed}
	if f.name, err = parsed.Name(&f.buffer, sfnt.NameIDPostScript); err != nil {
		return nil, err
	}
	for glyph := range parsed.NumGlyphs() {
		width, err := parsed.GlyphAdvance(&f.buffer, sfnt.GlyphIndex(glyph), fixed.I(1000), font.HintingNone)
		if err != nil {
			return nil, err
		}
		f.widths = append(f.widths, width.Round())
	}
	return f, nil
}

// Width returns the width of a line of text in millimetres.
func (f *Font) Width(size float64, text string) float64 {
	sum := 0
	for _, r := range text {
		sum += f.widths[f.glyph(r)]
	}
	return float64(sum) / 1000 * size / pointsPerMillimetre
}

// glyph returns the glyph of a character, or that of a missing one.
func (f *Font) glyph(r rune) sfnt.GlyphIndex {
	glyph, err := f.parsed.GlyphIndex(&f.buffer, r)
	if err != nil {
		return 0
	}
	return glyph
}

func (f *Font) encode(text string) string {
	var b strings.Builder
	for _, r := range text {
		fmt.Fprintf(&b, "%04X", f.glyph(r))
	}
	return b.String()
}

// write embeds the font (ISO 32000-1, 9.7) and returns the number of its object.
func (f *Font) write(d *Document) int {
	file := d.stream(fmt.Sprintf("/Length1 %d ", len(f.data)), f.data)
	descriptor, descendant, composite := d.next(), d.next(), d.next()
	const symbolic = 4
	d.object(descriptor, "<< /Type /FontDescriptor /FontName /%s /Flags %d /FontBBox [-200 -300 1200 1000] /ItalicAngle 0 /Ascent 940 /Descent -210 /CapHeight 720 /StemV 80 /FontFile2 %d 0 R >>",
		f.name, symbolic, file)
	d.object(descendant, "<< /Type /Font /Subtype /CIDFontType2 /BaseFont /%s /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /FontDescriptor %d 0 R /CIDToGIDMap /Identity /W [0 %v] >>",
		f.name, descriptor, f.widths)
	d.object(composite, "<< /Type /Font /Subtype /Type0 /BaseFont /%s /Encoding /Identity-H /DescendantFonts [%d 0 R] /ToUnicode %d 0 R >>",
		f.name, descendant, d.stream("", f.toUnicode()))
	return composite
}

// toUnicode returns the CMap with which readers copy and search text.
func (f *Font) toUnicode() []byte {
	var entries []string
	for r := rune(' '); r < 0x2600; r++ {
		if glyph := f.glyph(r); glyph != 0 {
			entries = append(entries, fmt.Sprintf("<%04X> <%04X>", glyph, r))
		}
	}
	var b strings.Builder
	b.WriteString("/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapType 2 def /CMapName /Unicode def\n1 begincodespacerange <0000> <FFFF> endcodespacerange\n")
	for len(entries) > 0 {
		n := min(100, len(entries))
		fmt.Fprintf(&b, "%d beginbfchar\n%s\nendbfchar\n", n, strings.Join(entries[:n], "\n"))
		entries = entries[n:]
	}
	b.WriteString("endcmap CMapName currentdict /CMap defineresource pop end end\n")
	return []byte(b.String())
}
