package table

import "regexp"

// Decimals is the sign before the decimal places of the numbers in a file.
type Decimals int

// The signs.
const (
	Point        Decimals = iota
	CommaOrPoint          // as in files with semicolons; a number such as 1.450 has neither
	Unknown               // as in files with tabs: it is that of the first number that shows it
)

var (
	withComma = regexp.MustCompile(`^[-+]?\d*,\d+$`)
	withPoint = regexp.MustCompile(`^[-+]?\d*\.\d+$`)
	oneGroup  = regexp.MustCompile(`^[-+]?[1-9]\d{0,2}[.,]\d{3}$`) // 1,450 is 1450 or 1.45
)

func (p *Parser) hasDecimalComma() bool { return p.decimals == CommaOrPoint }

// isAmbiguous reports whether a number has two meanings, because the file has not shown its decimal sign.
func (p *Parser) isAmbiguous(text string) bool {
	return p.decimals == Unknown && oneGroup.MatchString(text)
}

// learnDecimals sets the decimal sign of the file if a number of the row shows it.
func (p *Parser) learnDecimals(cells []Cell) {
	for i, cell := range cells[:min(len(cells), len(p.columns))] {
		if p.decimals != Unknown {
			return
		}
		if !p.columns[i].isNumber() {
			continue
		}
		switch text := numeral(p.columns[i].field.Attribute, cell.Text); {
		case oneGroup.MatchString(text):
		case withComma.MatchString(text):
			p.decimals = CommaOrPoint
		case withPoint.MatchString(text):
			p.decimals = Point
		}
	}
}

// isNumber reports whether the values of the column are numbers.
func (c *column) isNumber() bool {
	return c.field != nil && c.field.Attribute != nil && !c.lang && !c.item && c.field.Attribute.Type.IsNumber()
}
