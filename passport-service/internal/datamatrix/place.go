package datamatrix

// point is a module.
type point struct{ row, column int }

// utah are the eight modules of a codeword, from the most significant bit, relative to
// the last one (ISO/IEC 16022, annex F).
var utah = [8]point{{-2, -2}, {-2, -1}, {-1, -2}, {-1, -1}, {-1, 0}, {0, -2}, {0, -1}, {0, 0}}

// The modules of the codewords at the corners of a square. Negative numbers count from the
// end. The standard has two more, which only rectangles need.
var (
	corner1 = [8]point{{-1, 0}, {-1, 1}, {-1, 2}, {0, -2}, {0, -1}, {1, -1}, {2, -1}, {3, -1}}
	corner2 = [8]point{{-3, 0}, {-2, 0}, {-1, 0}, {0, -4}, {0, -3}, {0, -2}, {0, -1}, {1, -1}}
)

// grid is a square of modules that is being filled.
type grid struct {
	side int
	bits []bool
	set  []bool
	next []byte // codewords
}

// place distributes codewords over a square. They follow each other in diagonals, upwards
// and downwards in turn.
func place(side int, codewords []byte) []bool {
	g := &grid{side, make([]bool, side*side), make([]bool, side*side), codewords}
	row, column := 4, 0
	for row < side || column < side {
		switch {
		case row == side && column == 0:
			g.corner(corner1)
		case row == side-2 && column == 0 && side%4 != 0:
			g.corner(corner2)
		}
		for isFirst := true; isFirst || row >= 0 && column < side; isFirst = false {
			g.diagonal(row, column)
			row, column = row-2, column+2
		}
		row, column = row+1, column+3
		for isFirst := true; isFirst || row < side && column >= 0; isFirst = false {
			g.diagonal(row, column)
			row, column = row+2, column-2
		}
		row, column = row+3, column+1
	}
	if last := side*side - 1; !g.set[last] { // two modules that no codeword has
		g.bits[last], g.bits[last-side-1] = true, true
	}
	return g.bits
}

// diagonal places a codeword at a module, unless the module is outside or in another one.
// Modules outside of the square are on its other side.
func (g *grid) diagonal(row, column int) {
	if row < 0 || row >= g.side || column < 0 || column >= g.side || g.set[row*g.side+column] {
		return
	}
	var modules [8]point
	for i, m := range utah {
		at := point{row + m.row, column + m.column}
		if at.row < 0 {
			at = point{at.row + g.side, at.column + 4 - (g.side+4)%8}
		}
		if at.column < 0 {
			at = point{at.row + 4 - (g.side+4)%8, at.column + g.side}
		}
		modules[i] = at
	}
	g.codeword(modules)
}

func (g *grid) corner(modules [8]point) {
	for i, m := range modules {
		modules[i] = point{(m.row + g.side) % g.side, (m.column + g.side) % g.side}
	}
	g.codeword(modules)
}

func (g *grid) codeword(modules [8]point) {
	for i, m := range modules {
		g.bits[m.row*g.side+m.column] = g.next[0]>>(7-i)&1 == 1
		g.set[m.row*g.side+m.column] = true
	}
	g.next = g.next[1:]
}
