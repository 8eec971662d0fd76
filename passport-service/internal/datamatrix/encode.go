package datamatrix

import (
	"errors"
	"slices"
)

// state is a place in the text, with the mode there and how many values wait for their
// group to be complete.
type state struct {
	position int
	mode     mode
	waiting  int
}

// route is the cheapest sequence of codewords to a state, without the codewords of waiting
// values, and the state before it.
type route struct {
	exists   bool
	cost     int
	previous state
}

// search contains the cheapest route to each state.
type search struct {
	chars  []int
	routes [][modes][4]route // by position, mode and waiting values
}

func (s *search) to(at state) *route { return &s.routes[at.position][at.mode][at.waiting] }

// maxCodewords is the number of data codewords of the largest symbol.
const maxCodewords = 1558

var errTooLong = errors.New("the text is too long for a Data Matrix")

// encode returns the text as data codewords, and the smallest symbol that holds them. It
// switches between all modes but Base 256, which never saves a codeword for ASCII.
func encode(chars []int) ([]byte, symbol, error) {
	if len(chars) > 3*maxCodewords {
		return nil, symbol{}, errTooLong
	}
	s := search{chars, make([][modes][4]route, len(chars)+1)}
	s.run()
	for _, size := range symbols {
		if codewords, ok := s.fit(size.data()); ok {
			return codewords, size, nil
		}
	}
	return nil, symbol{}, errTooLong
}

// run fills in the routes, position by position. Changes of the mode come before the steps
// to the next positions, since they stay where they are.
func (s *search) run() {
	s.to(state{}).exists = true
	for position := range s.routes {
		for m := c40; m < modes; m++ {
			for waiting := range group[m].values {
				if from := (state{position, m, waiting}); m == edifact || waiting == 0 {
					s.add(from, state{position, ascii, 0}, unlatchCost(m, waiting))
				}
			}
		}
		for m := c40; m < modes; m++ {
			s.add(state{position, ascii, 0}, state{position, m, 0}, 1)
		}
		if position < len(s.chars) {
			s.step(position)
		}
	}
}

// unlatchCost returns the codewords for the return to ascii. In edifact these include the
// waiting values.
func unlatchCost(m mode, waiting int) int {
	if m != edifact {
		return 1
	}
	return (6*(waiting+1) + 7) / 8
}

// step adds the routes to the positions after the next character. FNC1 at the beginning is
// in ascii, because it marks GS1 data only as the first codeword.
func (s *search) step(position int) {
	codewords, n := asciiStep(s.chars[position:])
	s.add(state{position, ascii, 0}, state{position + n, ascii, 0}, len(codewords))
	for m := c40; m < modes; m++ {
		values := len(m.values(s.chars[position]))
		if values == 0 || position == 0 && s.chars[0] == fnc1 {
			continue
		}
		for waiting := range group[m].values {
			sum := waiting + values
			s.add(state{position, m, waiting}, state{position + 1, m, sum % group[m].values}, sum/group[m].values*group[m].codewords)
		}
	}
}

func (s *search) add(from, to state, cost int) {
	before, known := s.to(from), s.to(to)
	if cost += before.cost; before.exists && (!known.exists || cost < known.cost) {
		*known = route{true, cost, from}
	}
}

// fit returns the codewords if they fit into a symbol with this many. At the end of the
// symbol, modes end without a codeword (ISO/IEC 16022, 5.2.5 to 5.2.8): before the last
// character in ascii, in edifact before the last two codewords.
func (s *search) fit(capacity int) ([]byte, bool) {
	const longest = 4 // characters of two codewords in ascii
	end := len(s.chars)
	for position := max(0, end-longest); position <= end; position++ {
		rest := asciiCodewords(s.chars[position:])
		for m := c40; m < modes; m++ {
			at := state{position, m, 0}
			left := capacity - s.to(at).cost
			if s.to(at).exists && (len(rest) == left && left <= 1 || m == edifact && len(rest) <= left && left <= 2) {
				return padded(append(s.codewords(at, nil), rest...), capacity), true
			}
		}
	}
	for _, m := range []mode{c40, text} {
		if at := (state{end, m, 2}); s.to(at).exists && s.to(at).cost+group[m].codewords == capacity {
			return s.codewords(at, []int{0}), true
		}
	}
	if last := (state{end, ascii, 0}); s.to(last).cost <= capacity {
		return padded(s.codewords(last, nil), capacity), true
	}
	return nil, false
}

// codewords writes the route to a state. More values complete its last group.
func (s *search) codewords(last state, more []int) (codewords []byte) {
	states := []state{last}
	for at := last; at != (state{}); {
		at = s.to(at).previous
		states = append(states, at)
	}
	slices.Reverse(states)
	var values []int
	for i, to := range states[1:] {
		from := states[i]
		switch {
		case from.mode == ascii && to.mode == ascii:
			step, _ := asciiStep(s.chars[from.position:])
			codewords = append(codewords, step...)
		case from.mode == ascii:
			codewords = append(codewords, latches[to.mode])
		case to.mode == ascii && from.mode == edifact:
			codewords = append(codewords, packEdifact(append(values, unlatchEdifact))...)
			values = nil
		case to.mode == ascii:
			codewords = append(codewords, unlatch)
		default:
			values = append(values, to.mode.values(s.chars[from.position])...)
			codewords, values = to.mode.pack(codewords, values)
		}
	}
	codewords, _ = last.mode.pack(codewords, append(values, more...))
	return codewords
}

// pack appends the complete groups of values and returns the others.
func (m mode) pack(codewords []byte, values []int) ([]byte, []int) {
	for n := group[m].values; n > 0 && len(values) >= n; values = values[n:] {
		if m == edifact {
			codewords = append(codewords, packEdifact(values[:n])...)
			continue
		}
		v := 1600*values[0] + 40*values[1] + values[2] + 1
		codewords = append(codewords, byte(v>>8), byte(v))
	}
	return codewords, values
}

// packEdifact returns up to four values of six bits. Bits after them are 0.
func packEdifact(values []int) []byte {
	bits := 0
	for i := range 4 {
		bits <<= 6
		if i < len(values) {
			bits |= values[i]
		}
	}
	return []byte{byte(bits >> 16), byte(bits >> 8), byte(bits)}[:(6*len(values)+7)/8]
}

// padded fills a symbol with pad codewords, all but the first in their random form
// (ISO/IEC 16022, 5.2.3 and annex B.1).
func padded(codewords []byte, capacity int) []byte {
	if len(codewords) < capacity {
		codewords = append(codewords, pad)
	}
	for len(codewords) < capacity {
		v := pad + 149*(len(codewords)+1)%253 + 1
		if v > 254 {
			v -= 254
		}
		codewords = append(codewords, byte(v))
	}
	return codewords
}
