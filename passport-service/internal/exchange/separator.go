package exchange

import (
	"bufio"
	"bytes"
	"io"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/exchange/table"
	"github.com/battery-passport/suite/pkg/fault"
)

// readSeparator returns the separator of the first line. It skips a line such as sep=; that
// spreadsheets write. It fails with fault.Malformed if that is not valid.
func (f *csvFile) readSeparator(in *bufio.Reader) (byte, error) {
	head, err := in.Peek(in.Size())
	if err != nil && err != io.EOF {
		return 0, err
	}
	if len(head) >= 4 && strings.EqualFold(string(head[:4]), "sep=") {
		return f.readGivenSeparator(in, head[4:])
	}
	counts, quoted := map[byte]int{}, false
	for _, c := range head {
		if c == '"' {
			quoted = !quoted
		}
		if c == '\n' && !quoted {
			break
		}
		if !quoted {
			counts[c]++
		}
	}
	best := byte(',')
	for _, c := range []byte{';', '\t'} {
		if counts[c] > counts[best] {
			best = c
		}
	}
	return best, nil
}

func (f *csvFile) readGivenSeparator(in *bufio.Reader, rest []byte) (byte, error) {
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	value := bytes.TrimSuffix(line, []byte("\r"))
	if len(value) != 1 || !strings.ContainsRune(",;\t|", rune(value[0])) {
		return 0, fault.New(fault.Malformed, "the separator in the first line must be a comma, a semicolon, a tab or |, got %.20q", value)
	}
	f.first = 1
	_, err := in.Discard(min(len("sep=")+len(line)+1, len("sep=")+len(rest)))
	return value[0], err
}

// maxColumns limits the cells of a row, because each needs memory.
const maxColumns = 2 * table.MaxColumns

// columnLimit fails if a row has too many columns. It finds the ends of cells and rows as
// csv.Reader does.
type columnLimit struct {
	r         io.Reader
	separator byte
	state     cellState
	count     int   // of separators in the row
	err       error // fault.TooLarge: the row has too many
}

type cellState int

const (
	begin    cellState = iota // of a cell
	unquoted                  // in a cell
	quoted                    // between quotation marks
	closing                   // after a quotation mark in a quoted cell
)

func (l *columnLimit) Read(p []byte) (int, error) {
	if l.err != nil {
		return 0, l.err
	}
	n, err := l.r.Read(p)
	row := 0 // where the row begins in p
	for i, c := range p[:n] {
		switch {
		case c == '"' && (l.state == begin || l.state == closing):
			l.state = quoted
		case c == '"' && l.state == quoted:
			l.state = closing
		case l.state == quoted:
		case c == l.separator:
			l.state = begin
			if l.count++; l.count >= maxColumns {
				l.err = fault.New(fault.TooLarge, "a row must not have more than %d columns", maxColumns)
				return row, nil // the rows before
			}
		case c == '\n':
			l.state, l.count, row = begin, 0, i+1
		default:
			l.state = unquoted
		}
	}
	return n, err
}
