package exchange

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"
)

// maxQuoted limits the text of a cell in a message, in bytes.
const maxQuoted = 60

// recentReader holds the bytes since the last row.
type recentReader struct {
	r      io.Reader
	bytes  []byte
	offset int64 // of bytes in the file
}

func (r *recentReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.bytes = append(r.bytes, p[:n]...)
	return n, err
}

// forget drops the bytes before an offset in the file.
func (r *recentReader) forget(offset int64) {
	rest := r.bytes[offset-r.offset:]
	if len(rest) == 0 {
		r.bytes = r.bytes[:0]
	} else {
		r.bytes = rest
	}
	r.offset = offset
}

// line returns the line that ends at an offset.
func (r *recentReader) line(end int64) string {
	text := bytes.TrimRight(r.bytes[:end-r.offset], "\r\n")
	return string(text[bytes.LastIndexByte(text, '\n')+1:])
}

// cellAt returns the cell of a line at a byte, and its column. The cells before it must be valid.
func cellAt(line string, separator rune, at int) (column int, cell string) {
	at = max(0, min(at, len(line)))
	begin, isQuoted := 0, false
	for i, c := range line[:at] {
		switch {
		case c == '"':
			isQuoted = !isQuoted
		case c == separator && !isQuoted:
			column, begin = column+1, i+utf8.RuneLen(c)
		}
	}
	cell, _, _ = strings.Cut(line[begin:], string(separator))
	return column, cell
}
