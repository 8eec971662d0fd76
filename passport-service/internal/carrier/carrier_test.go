package carrier

import (
	"bytes"
	"encoding/xml"
	"image"
	_ "image/png"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	goqr "github.com/piglig/go-qr"
)

const identifier = "https://nlb.example/01/09521100000116/21/NB7K2Q9X"

func black(t *testing.T) (Colour, Colour) {
	t.Helper()
	return Colour{A: 255}, Colour{255, 255, 255, 255}
}

func TestQRCodeHasTheIdentifier(t *testing.T) {
	for _, level := range []string{"M", "Q", "H"} {
		for _, text := range []string{identifier, "https://nlb.example/p/7K2Q9X0F3M5T8W1Z", "https://a.example/%F0%9F%94%8B"} {
			s, err := Encode(QR, text, level)
			if err != nil {
				t.Fatal(err)
			}
			foreground, background := black(t)
			var b bytes.Buffer
			if err := (Picture{Symbol: s, DPI: 203, Foreground: foreground, Background: background, Text: text}).WritePNG(&b, 4000); err != nil {
				t.Fatal(err)
			}
			picture, _, err := image.Decode(&b)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := goqr.DecodeDetailed(picture); err != nil || got.Text != text {
				t.Errorf("%s %s: %+v, %v", level, text, got, err)
			}
		}
	}
	if dir := os.Getenv("CARRIER_OUT"); dir != "" {
		writeExamples(t, dir)
	}
}

func writeExamples(t *testing.T, dir string) {
	foreground, background := black(t)
	for _, kind := range []Kind{QR, DataMatrix, GS1DataMatrix} {
		s, err := Encode(kind, identifier, "Q")
		if err != nil {
			t.Fatal(err)
		}
		var png, svg bytes.Buffer
		p := Picture{Symbol: s, DPI: 203, Foreground: foreground, Background: background, Text: identifier, AccessibleName: "QR"}
		if err := p.WritePNG(&png, 4000); err != nil {
			t.Fatal(err)
		}
		p.WriteSVG(&svg)
		os.WriteFile(filepath.Join(dir, string(kind)+".png"), png.Bytes(), 0o600)
		os.WriteFile(filepath.Join(dir, string(kind)+".svg"), svg.Bytes(), 0o600)
		var sheet, zpl bytes.Buffer
		l, _ := SheetLayout("a4-24")
		l.CropMarks = true
		if err := WriteSheets(&sheet, Template{l, kind, "Q"}, repeat(30)); err != nil {
			t.Fatal(err)
		}
		os.WriteFile(filepath.Join(dir, string(kind)+".pdf"), sheet.Bytes(), 0o600)
		if err := WriteZPL(&zpl, Template{SingleLayout(70, 37), kind, "Q"}, 203, repeat(1)); err != nil {
			t.Fatal(err)
		}
		os.WriteFile(filepath.Join(dir, string(kind)+".zpl"), zpl.Bytes(), 0o600)
	}
}

func repeat(n int) iter.Seq2[Label, error] {
	return func(yield func(Label, error) bool) {
		for range n {
			if !yield(Label{identifier, "PowerCell 75 ^FS ~ Ωmega )", "NB7K2Q9X"}, nil) {
				return
			}
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, kind := range []Kind{QR, DataMatrix, GS1DataMatrix} {
		b.Run(string(kind), func(b *testing.B) {
			for b.Loop() {
				if _, err := Encode(kind, identifier, "Q"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestTextsCannotEndAFieldOfZPL(t *testing.T) {
	var b strings.Builder
	labels := func(yield func(Label, error) bool) {
		yield(Label{identifier, "a^FS^XZ~JR_\r\n", "]]>"}, nil)
	}
	if err := WriteZPL(&b, Template{SingleLayout(70, 37), QR, "Q"}, 203, labels); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "~") || strings.Count(b.String(), "^XZ") != 1 || strings.Count(b.String(), "^FD") != strings.Count(b.String(), "^FS")-1 {
		t.Error(b.String())
	}
}

// TestTextsCannotLeaveTheirPlace writes texts with the syntax of PDF and SVG.
func TestTextsCannotLeaveTheirPlace(t *testing.T) {
	const hostile = `) Tj ET Q >> endstream endobj ]]></title><script>alert(1)</script>"'&` + "\u202e\x00" + `\`
	labels := func(yield func(Label, error) bool) { yield(Label{identifier, hostile, hostile}, nil) }
	var plain, b bytes.Buffer
	l, _ := SheetLayout("a4-24")
	for w, labels := range map[*bytes.Buffer]iter.Seq2[Label, error]{&plain: repeat(1), &b: labels} {
		if err := WriteSheets(w, Template{l, QR, "Q"}, labels); err != nil {
			t.Fatal(err)
		}
	}
	for _, word := range []string{"endobj", "endstream", ">>"} {
		if got, want := bytes.Count(b.Bytes(), []byte("\n"+word+"\n")), bytes.Count(plain.Bytes(), []byte("\n"+word+"\n")); got != want {
			t.Errorf("PDF: got %q %d times, want %d", word, got, want)
		}
	}
	s, err := Encode(QR, identifier, "Q")
	if err != nil {
		t.Fatal(err)
	}
	b.Reset()
	if err := (Picture{Symbol: s, Text: hostile, AccessibleName: hostile}).WriteSVG(&b); err != nil {
		t.Fatal(err)
	}
	for decoder := xml.NewDecoder(&b); ; {
		token, err := decoder.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok && !slices.Contains([]string{"svg", "title", "path", "text"}, start.Name.Local) {
			t.Errorf("SVG: an element %s", start.Name.Local)
		}
	}
}
