package xlsx

import (
	"io"
	"regexp"
	"strconv"
	"strings"
)

// mergedCells matches a range of merged cells. A text cannot have the character before it.
var mergedCells = regexp.MustCompile(`mergeCell\s[^<>]{0,100}?ref\s*=\s*["']([A-Z0-9$]{2,12}:[A-Z0-9$]{2,12})["']`)

// MergedIn returns a range of merged cells that includes cells of a row, or "". The ranges
// follow the rows in the file.
func (w *Workbook) MergedIn(row int) (string, error) {
	budget := w.limit // the rows are read twice
	r, err := w.unpack(w.sheet, &budget)
	if err != nil {
		return "", err
	}
	defer r.Close()
	const overlap = 256 // more than the length of a match
	buffer, n := make([]byte, 64<<10), 0
	for {
		m, err := io.ReadFull(r, buffer[n:])
		n += m
		for _, at := range mergedCells.FindAllSubmatchIndex(buffer[:n], -1) {
			if cells := string(buffer[at[2]:at[3]]); at[0] > 0 && strings.IndexByte("<:", buffer[at[0]-1]) >= 0 && includes(cells, row) {
				return cells, nil
			}
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		n = copy(buffer, buffer[n-overlap:])
	}
}

// includes reports whether a range such as A1:B2 includes cells of a row.
func includes(cells string, row int) bool {
	first, last, _ := strings.Cut(cells, ":")
	return rowOf(first) <= row && row <= rowOf(last)
}

func rowOf(reference string) int {
	n, _ := strconv.Atoi(strings.TrimLeft(reference, "ABCDEFGHIJKLMNOPQRSTUVWXYZ$")) // 0 if it has none
	return n
}
