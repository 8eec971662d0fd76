package xlsx

import (
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// mergedCells matches a range of merged cells. A text cannot have the character before it.
var mergedCells = regexp.MustCompile(`mergeCell\s[^<>]{0,100}?ref\s*=\s*["']([A-Z0-9$]{2,12}:[A-Z0-9$]{2,12})["']`)

// maxMerged limits the ranges of merged cells that are remembered.
const maxMerged = 1000

// Merged are ranges of merged cells.
type Merged []mergedRange

type mergedRange struct {
	cells       string // such as A1:B2
	first, last int    // rows
}

// In returns the ranges with cells of a row, or, if below, only those that begin above it. Only the first cell of a range
// has a value.
func (m Merged) In(row int, below bool) (ranges []string) {
	for _, r := range m {
		if row <= r.last && (r.first < row || r.first == row && !below) {
			ranges = append(ranges, r.cells)
		}
	}
	return ranges
}

// Merged returns the merged cells of the sheet, at most 1,000 ranges. They follow the rows in the file.
func (w *Workbook) Merged() (ranges Merged, err error) {
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
			if cells := string(buffer[at[2]:at[3]]); at[0] > 0 && strings.IndexByte("<:", buffer[at[0]-1]) >= 0 && len(ranges) < maxMerged {
				first, last, _ := strings.Cut(cells, ":")
				if r := (mergedRange{cells, rowOf(first), rowOf(last)}); !slices.Contains(ranges, r) { // the overlap is read twice
					ranges = append(ranges, r)
				}
			}
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return ranges, nil
		}
		if err != nil {
			return nil, err
		}
		n = copy(buffer, buffer[n-overlap:])
	}
}

func rowOf(reference string) int {
	n, _ := strconv.Atoi(strings.TrimLeft(reference, "ABCDEFGHIJKLMNOPQRSTUVWXYZ$")) // 0 if it has none
	return n
}
