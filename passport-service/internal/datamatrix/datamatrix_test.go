package datamatrix

import (
	"image/color"
	"strings"
	"testing"

	oracle "github.com/boombuler/barcode/datamatrix"
)

// TestSymbolsOfEverySize compares symbols with those of another encoder, which has the
// ASCII mode only. Spaces in these texts make other modes too expensive.
func TestSymbolsOfEverySize(t *testing.T) {
	for _, size := range symbols {
		text := strings.Repeat("a\x01", size.data())[:size.data()]
		ours, err := Encode(text, false)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := oracle.Encode(text)
		if err != nil {
			t.Fatal(err)
		}
		if ours.Size() != size.size || theirs.Bounds().Dx() != size.size {
			t.Errorf("%d codewords: got %d modules, other encoder %d, want %d", size.data(), ours.Size(), theirs.Bounds().Dx(), size.size)
			continue
		}
		for y := range ours.Size() {
			for x := range ours.Size() {
				if ours.Dark(x, y) != (theirs.At(x, y) == color.Black) {
					t.Fatalf("%d modules: another module at %d, %d", ours.Size(), x, y)
				}
			}
		}
	}
}

// TestModes compares codewords with examples of ISO/IEC 16022 and sizes that are known.
func TestModes(t *testing.T) {
	for text, want := range map[string]int{
		"123456": 10, "A1B2C3D4E5F6G7H8I9J0K1L2": 18, "https://nlb.example/01/09521100000116/21/NB7K2Q9X": 26,
		"https://nlb.example/01/09521100000116/21/F1%2F2%2D%3A": 26, strings.Repeat("A", 2333): 144, strings.Repeat("0", 3116): 144, strings.Repeat("a", 2334): 144,
	} {
		if m, err := Encode(text, false); err != nil || m.Size() != want {
			t.Errorf("%.60s: got %d modules, %v, want %d", text, m.Size(), err, want)
		}
	}
	for _, text := range []string{strings.Repeat("0", 3118), strings.Repeat("A", 2400), strings.Repeat("a\x01", 800)} {
		if _, err := Encode(text, false); err == nil {
			t.Errorf("%.20s (%d characters): no error", text, len(text))
		}
	}
}
