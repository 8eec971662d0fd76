package xlsx

import (
	"cmp"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// mergedCells matches a range of merged cells. A text cannot have the character before it.
var mergedCells = regexp.MustCompile(`mergeCell\s[^<>]{0,100}?ref\s*=\s*["']([A-Z0-9$]{2,12}:[A-Z0-9$]{2,12})["']`)

// Limits of the ranges of merged cells that are remembered, and of those that In returns.
const (
	maxMerged   = 1000
	maxInOneRow = 10
)

// Merged are ranges of merged cells below the header.
type Merged struct {
	Header        string        // a range with cells of the header, such as A1:B2, or ""
	waiting, open []mergedRange // those that begin after the last row of In, and those that begin before
}

type mergedRange struct {
	cells       string // such as A1:B2
	first, last int    // rows
	isWide      bool   // it has several columns
}

// In returns ranges with cells of a row that have no value, because only the first cell of a range has one. It is called
// with the rows in their order.
func (m *Merged) In(row int) (ranges []string) {
	m.open = slices.DeleteFunc(m.open, func(r mergedRange) bool { return r.last < row })
	for ; len(m.waiting) > 0 && m.waiting[0].first <= row; m.waiting = m.waiting[1:] {
		if m.waiting[0].last >= row {
			m.open = append(m.open, m.waiting[0])
		}
	}
	for _, r := range m.open {
		if (r.first < row || r.isWide) && len(ranges) < maxInOneRow {
			ranges = append(ranges, r.cells)
		}
	}
	return ranges
}

// Merged returns the merged cells of the sheet: at most 1,000 ranges, and the first with cells of the header. They follow
// the rows in the file.
func (w *Workbook) Merged(header int) (merged *Merged, err error) {
	merged = &Merged{}
	budget := w.limit // the rows are read twice
	r, err := w.unpack(w.sheet, &budget)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	const overlap = 256 // more than the length of a match
	buffer, n := make([]byte, 64<<10), 0
	for {
		m, err := io.ReadFull(r, buffer[n:])
		n += m
		for _, at := range mergedCells.FindAllSubmatchIndex(buffer[:n], -1) {
			if cells := string(buffer[at[2]:at[3]]); at[0] > 0 && strings.IndexByte("<:", buffer[at[0]-1]) >= 0 {
				merged.add(rangeOf(cells), header)
			}
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			slices.SortFunc(merged.waiting, func(a, b mergedRange) int { return a.first - b.first })
			return merged, nil
		}
		if err != nil {
			return nil, err
		}
		n = copy(buffer, buffer[n-overlap:])
	}
}

// add adds a range that it does not have.
func (m *Merged) add(r mergedRange, header int) {
	switch {
	case r.first <= header && header <= r.last:
		m.Header = cmp.Or(m.Header, r.cells)
	case r.first > header && len(m.waiting) < maxMerged && !slices.Contains(m.waiting, r): // parts of the file are read twice
		m.waiting = append(m.waiting, r)
	}
}

func rangeOf(cells string) mergedRange {
	first, last, _ := strings.Cut(cells, ":")
	left, _ := columnOf(strings.TrimPrefix(first, "$"))
	right, _ := columnOf(strings.TrimPrefix(last, "$"))
	return mergedRange{cells, rowOf(first), rowOf(last), left != right}
}

func rowOf(reference string) int {
	n, _ := strconv.Atoi(strings.TrimLeft(reference, "ABCDEFGHIJKLMNOPQRSTUVWXYZ$")) // 0 if it has none
	return n
}
