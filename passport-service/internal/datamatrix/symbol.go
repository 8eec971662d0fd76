// Package datamatrix encodes texts as Data Matrix symbols (ISO/IEC 16022, ECC 200): the
// smallest square that holds the text. The existing encoders for Go use one mode for the whole
// text, so their symbols are larger.
package datamatrix

import "github.com/boombuler/barcode/utils"

// symbol is a size of symbols.
type symbol struct {
	size    int // modules in a row
	regions int // data regions in a row
	check   int // codewords of error correction
	blocks  int // that the codewords are distributed to
}

// symbols are the square sizes (ISO/IEC 16022, table 7).
var symbols = []symbol{
	{10, 1, 5, 1}, {12, 1, 7, 1}, {14, 1, 10, 1}, {16, 1, 12, 1}, {18, 1, 14, 1}, {20, 1, 18, 1}, {22, 1, 20, 1}, {24, 1, 24, 1},
	{26, 1, 28, 1}, {32, 2, 36, 1}, {36, 2, 42, 1}, {40, 2, 48, 1}, {44, 2, 56, 1}, {48, 2, 68, 1}, {52, 2, 84, 2}, {64, 4, 112, 2},
	{72, 4, 144, 4}, {80, 4, 192, 4}, {88, 4, 224, 4}, {96, 4, 272, 4}, {104, 4, 336, 6}, {120, 6, 408, 6}, {132, 6, 496, 8}, {144, 6, 620, 10},
}

// side is the number of modules in a row without those of the finder patterns.
func (s symbol) side() int { return s.size - 2*s.regions }

// data is the number of data codewords.
func (s symbol) data() int { return s.side()*s.side()/8 - s.check }

// Matrix is a square of dark and light modules, without a quiet zone.
type Matrix struct {
	symbol
	bits []bool // without finder patterns
}

// Encode returns the smallest symbol for a text. In GS1 data, FNC1 is the character GS
// (0x1D), and the first one marks the data as such. It fails if the text is too long.
func Encode(text string, isGS1 bool) (Matrix, error) {
	chars := make([]int, len(text))
	for i := range len(text) {
		if chars[i] = int(text[i]); isGS1 && text[i] == 0x1d {
			chars[i] = fnc1
		}
	}
	codewords, size, err := encode(chars)
	if err != nil {
		return Matrix{}, err
	}
	return Matrix{size, place(size.side(), append(codewords, size.correction(codewords)...))}, nil
}

// Size is the number of modules in a row.
func (m Matrix) Size() int { return m.size }

// Dark reports whether the module in column x and row y is dark.
func (m Matrix) Dark(x, y int) bool {
	region := m.size / m.regions
	rx, ry := x%region, y%region
	switch {
	case rx == 0 || ry == region-1: // the solid sides of a region
		return true
	case ry == 0: // its dotted sides
		return rx%2 == 0
	case rx == region-1:
		return ry%2 == 1
	}
	column, row := x/region*(region-2)+rx-1, y/region*(region-2)+ry-1
	return m.bits[row*m.side()+column]
}

var reedSolomon = utils.NewReedSolomonEncoder(utils.NewGaloisField(301, 256, 1))

// correction returns the codewords of error correction. Those of the blocks alternate,
// like the data.
func (s symbol) correction(data []byte) []byte {
	correction := make([]byte, s.check)
	for block := range s.blocks {
		var part []int
		for i := block; i < len(data); i += s.blocks {
			part = append(part, int(data[i]))
		}
		for i, codeword := range reedSolomon.Encode(part, s.check/s.blocks) {
			correction[block+i*s.blocks] = byte(codeword)
		}
	}
	return correction
}
