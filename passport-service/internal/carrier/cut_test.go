package carrier

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
)

// TestCutTextsEndWithAnEllipsis prints labels with texts that are too long. Nobody takes a part of a
// name or of a serial number for the whole.
func TestCutTextsEndWithAnEllipsis(t *testing.T) {
	long := strings.Repeat("PowerCell ", 12)
	for name, c := range map[string]struct {
		label         Label
		width, height float64
		zpl           []string // model and serial number
		cut           int      // lines with an ellipsis on a sheet
	}{
		"all fits":      {Label{identifier, "PowerCell 75", "NB7K2Q9X"}, 70, 37, []string{"PowerCell 75", "S/N NB7K2Q9X"}, 0},
		"two lines fit": {Label{identifier, "PowerCell PowerCell PowerCell", "NB7K2Q9X"}, 70, 37, []string{"PowerCell PowerCell", "PowerCell", "S/N NB7K2Q9X"}, 0},
		"long name":     {Label{identifier, long, "NB7K2Q9X"}, 70, 37, []string{"PowerCell PowerCell", "PowerCell PowerCell…", "S/N NB7K2Q9X"}, 1},
		"long word":     {Label{identifier, strings.Repeat("ü", 90), "NB7K2Q9X"}, 70, 37, []string{strings.Repeat("ü", 23), strings.Repeat("ü", 22) + "…", "S/N NB7K2Q9X"}, 1},
		"long number":   {Label{identifier, "PowerCell 75", strings.Repeat("9", 400)}, 70, 37, nil, 1},
		"low label":     {Label{identifier, long, "NB7K2Q9X"}, 60, 14, []string{"PowerCell PowerCell PowerCell…", "S/N NB7K2Q9X"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			layout, labels := SingleLayout(c.width, c.height), func(yield func(Label, error) bool) { yield(c.label, nil) }
			var zpl, sheet bytes.Buffer
			if err := WriteZPL(&zpl, Template{layout, QR, "M"}, 203, labels); err != nil {
				t.Fatal(err)
			}
			var lines []string
			for _, field := range regexp.MustCompile(`\^FD(.*?)\^FS`).FindAllStringSubmatch(zpl.String(), -1) {
				if !strings.HasPrefix(field[1], "http") {
					lines = append(lines, field[1])
				}
			}
			if c.zpl != nil && !slices.Equal(lines[:min(len(lines), len(c.zpl))], c.zpl) {
				t.Errorf("ZPL: got %q, want %q", lines, c.zpl)
			}
			if got := strings.Count(strings.Join(lines, ""), "…"); got != c.cut {
				t.Errorf("ZPL: got %d cut lines, want %d: %q", got, c.cut, lines)
			}
			if err := WriteSheets(&sheet, Template{layout, QR, "M"}, labels); err != nil {
				t.Fatal(err)
			}
			if got := cutLines(t, sheet.Bytes()); got != c.cut {
				t.Errorf("PDF: got %d cut lines, want %d", got, c.cut)
			}
		})
	}
}

// cutLines returns how many texts of a PDF end with an ellipsis.
func cutLines(t *testing.T, sheet []byte) (n int) {
	t.Helper()
	ends := map[string]bool{}
	for _, data := range [][]byte{gobold.TTF, goregular.TTF} {
		font, err := sfnt.Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		glyph, err := font.GlyphIndex(nil, '…')
		if err != nil || glyph == 0 {
			t.Fatal("the font has no ellipsis", err)
		}
		ends[fmt.Sprintf("%04X> Tj", glyph)] = true
	}
	for _, part := range bytes.Split(sheet, []byte("stream\n")) {
		z, err := zlib.NewReader(bytes.NewReader(part))
		if err != nil {
			continue
		}
		content, _ := io.ReadAll(z)
		for end := range ends {
			n += bytes.Count(content, []byte(end))
		}
	}
	return n
}
