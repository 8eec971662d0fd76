package datamatrix

// mode is an encodation scheme (ISO/IEC 16022, 5.2).
type mode int

const (
	ascii mode = iota
	c40
	text
	x12
	edifact
	modes
)

// Codewords that change the mode.
var latches = [modes]byte{c40: 230, text: 239, x12: 238, edifact: 240}

const (
	unlatch        = 254 // from c40, text and x12
	unlatchEdifact = 31  // a value of edifact
	upperShift     = 235 // the next character is 128 to 255
	fnc1Codeword   = 232
	pad            = 129
)

// fnc1 is FNC1 among the characters to encode; the others are bytes.
const fnc1 = 256

// group is the number of values that a mode packs together, and the number of their codewords.
// The first two characters in ascii are not packed.
var group = [modes]struct{ values, codewords int }{c40: {3, 2}, text: {3, 2}, x12: {3, 2}, edifact: {4, 3}}

// values returns a character as values of a packing mode, nil if the mode does not have
// it.
func (m mode) values(c int) []int {
	switch m {
	case c40, text:
		return m.shifted(c)
	case x12:
		switch {
		case c == '\r':
			return []int{0}
		case c == '*':
			return []int{1}
		case c == '>':
			return []int{2}
		case c == ' ' || isDigit(c) || c >= 'A' && c <= 'Z':
			return m.basic(c, 'A')
		}
	case edifact:
		if c >= ' ' && c <= '^' {
			return []int{c & 63}
		}
	}
	return nil
}

// shifted returns the values in c40 and text: one for space, digits and the letters of the
// mode, two for other characters.
func (m mode) shifted(c int) []int {
	letter, other := int('A'), int('a')
	if m == text {
		letter, other = other, letter
	}
	switch {
	case c == ' ' || isDigit(c) || c >= letter && c < letter+26:
		return m.basic(c, letter)
	case c < ' ':
		return []int{0, c}
	case c < '0':
		return []int{1, c - '!'}
	case c < 'A':
		return []int{1, c - ':' + 15}
	case c >= '[' && c <= '_':
		return []int{1, c - '[' + 22}
	case c == fnc1:
		return []int{1, 27}
	case c >= other && c < other+26:
		return []int{2, c - other + 1}
	case c < 128:
		return []int{2, c - '`'}
	}
	return nil
}

func (m mode) basic(c, letter int) []int {
	switch {
	case c == ' ':
		return []int{3}
	case isDigit(c):
		return []int{c - '0' + 4}
	}
	return []int{c - letter + 14}
}

func isDigit(c int) bool { return c >= '0' && c <= '9' }

// asciiStep returns the codewords for the next character in ascii, or for the next two
// digits, and how many characters they are.
func asciiStep(chars []int) (codewords []byte, n int) {
	switch c := chars[0]; {
	case c == fnc1:
		return []byte{fnc1Codeword}, 1
	case isDigit(c) && len(chars) > 1 && isDigit(chars[1]):
		return []byte{byte((c-'0')*10 + chars[1] - '0' + 130)}, 2
	case c < 128:
		return []byte{byte(c + 1)}, 1
	default:
		return []byte{upperShift, byte(c - 127)}, 1
	}
}

// asciiCodewords returns characters in ascii.
func asciiCodewords(chars []int) (codewords []byte) {
	for len(chars) > 0 {
		step, n := asciiStep(chars)
		codewords, chars = append(codewords, step...), chars[n:]
	}
	return codewords
}
