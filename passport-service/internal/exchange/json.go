package exchange

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

// maxRow limits a row, in bytes: more than the data of a passport may have.
const maxRow = 2 << 20

// Limits of the nesting of rows, in levels.
const (
	PassportDepth = wire.MaxDepth
	DocumentDepth = 64 // of documents of other data models, such as asset administration shells
)

var byteOrderMark = []byte("\ufeff")

// invalidRow returns a row that was rejected while it was read.
func invalidRow(number int, err error) Record {
	r := Record{Number: number}
	f, ok := errors.AsType[*fault.Error](err)
	switch {
	case ok && len(f.Details) > 0:
		for _, d := range f.Details {
			d.Message = f.Message + ": " + d.Message
			r.Errors = append(r.Errors, d)
		}
	case ok:
		r.Errors = []fault.Detail{{Code: string(f.Kind), Message: f.Message}}
	default:
		r.Errors = []fault.Detail{{Code: "syntax", Message: err.Error()}}
	}
	return r
}

// isList matches the beginning of a page of passports, as a list returns it.
var isList = regexp.MustCompile(`^\s*\{\s*"items"\s*:\s*\[`)

var errList = fault.New(fault.Malformed, "the row is a list, not a passport").
	With(fault.Detail{Path: "/items", Code: "unknownField", Message: "send the array in items alone; the passports of GET /api/passports have no data, so send the file of GET /api/passports/export instead"})

// rowOf returns a row with a JSON text that begins in a line.
func rowOf(number int, text []byte, line, maxDepth int) Record {
	if err := wire.CheckLine(text, line, maxDepth); err != nil {
		return invalidRow(number, err)
	}
	if isList.Match(text) {
		return invalidRow(number, errList)
	}
	return Record{Number: number, Row: passport.Row{Body: text}}
}

// ndjson reads a row from each line that is not empty.
type ndjson struct {
	in   *bufio.Reader
	row  func(line []byte, number int) Record
	line int
	err  error
}

// NDJSON reads a JSON object of at most maxDepth levels from each line. It skips empty lines. A
// line that is not valid does not stop the others.
func NDJSON(r io.Reader, maxDepth int) (Source, error) {
	in, err := newUTF8(r, jsonArray, jsonWebToken)
	return &ndjson{in: in, row: func(line []byte, number int) Record {
		if string(line) == "{" {
			return invalidRow(number, errLines)
		}
		return rowOf(number, line, number, maxDepth)
	}}, err
}

// newUTF8 returns a reader without the byte order mark. It fails with fault.Malformed if the
// text is UTF-16, or begins like another kind of file.
func newUTF8(r io.Reader, refused ...kind) (*bufio.Reader, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	head, err := in.Peek(4)
	if e := checkKind(head, refused...); e != nil {
		return nil, e
	}
	switch head = head[:min(len(head), 3)]; {
	case bytes.Equal(head, byteOrderMark):
		_, err = in.Discard(len(byteOrderMark))
	case len(head) >= 2 && (bytes.Contains(head, []byte{0}) || bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff"))):
		return nil, fault.New(fault.Malformed, "the file must be encoded in UTF-8, got UTF-16")
	}
	if err == io.EOF {
		err = nil
	}
	return in, err
}

var errLines = fault.New(fault.Malformed, "the row is not valid JSON").
	With(fault.Detail{Code: "syntax", Message: "a line must be a whole object; send Content-Type: application/json for an array of objects with line breaks"})

// Next implements Source.
func (n *ndjson) Next() (Record, error) {
	for n.err == nil {
		var line []byte
		var long bool
		n.line++
		line, long, n.err = readLine(n.in)
		if n.err != nil && n.err != io.EOF {
			break
		}
		if long {
			return invalidRow(n.line, fault.New(fault.TooLarge, "a row must not be larger than %d bytes", maxRow)), nil
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return n.row(line, n.line), nil
		}
	}
	return Record{}, n.err
}

// readLine returns the next line, and io.EOF with the last. It skips the rest of a line that
// is longer than maxRow.
func readLine(in *bufio.Reader) (line []byte, long bool, err error) {
	for {
		piece, err := in.ReadSlice('\n')
		if long = long || len(line)+len(piece) > maxRow; long {
			line = nil
		} else {
			line = append(line, piece...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, long, err
		}
	}
}

type array struct {
	dec      *jsontext.Decoder
	budget   *budget
	maxDepth int
	single   bool // the file is one object
	item     int
}

// JSON reads the items of a JSON array, or one object. Each has at most maxDepth levels. A
// syntax error ends the import, because the items after it cannot be found.
func JSON(r io.Reader, maxDepth int) (Source, error) {
	in, err := newUTF8(r, jsonWebToken)
	if err != nil {
		return nil, err
	}
	a := &array{budget: &budget{r: in}, maxDepth: maxDepth}
	a.budget.renew()
	a.dec = jsontext.NewDecoder(a.budget, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	switch a.dec.PeekKind() {
	case '{':
		a.single = true
		return a, nil
	case '[':
		_, err := a.dec.ReadToken()
		return a, err
	}
	_, err = a.dec.ReadValue()
	if err == nil {
		err = errors.New("expected an array of passports")
	}
	return nil, a.syntax(err)
}

// Next implements Source.
func (a *array) Next() (Record, error) {
	if a.single && a.item == 1 || !a.single && a.dec.PeekKind() == ']' {
		return Record{}, a.end()
	}
	a.budget.renew()
	value, err := a.dec.ReadValue()
	if err != nil {
		return Record{}, a.syntax(err)
	}
	a.item++
	return rowOf(a.item, bytes.Clone(value), 1, a.maxDepth), nil
}

// end checks that nothing follows the array.
func (a *array) end() error {
	if !a.single {
		if _, err := a.dec.ReadToken(); err != nil {
			return a.syntax(err)
		}
	}
	kind := a.dec.PeekKind()
	_, err := a.dec.ReadToken()
	switch {
	case err == nil && a.single && kind == '{':
		err = errors.New("another object follows: send Content-Type: application/x-ndjson for an object on each line, or an array of all")
	case err == nil:
		err = errors.New("expected the end of the file")
	}
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	return a.syntax(err)
}

func (a *array) syntax(err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	if _, ok := errors.AsType[*jsontext.SyntacticError](err); !ok && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) && a.budget.err != nil {
		return a.budget.err
	}
	if err == io.EOF && a.item == 0 {
		return fault.New(fault.Malformed, "the file is empty")
	}
	return fault.New(fault.Malformed, "the file is not a valid JSON array").
		With(fault.Detail{Code: "syntax", Message: fmt.Sprintf("after item %d: %s", a.item, strings.TrimPrefix(err.Error(), "jsontext: "))}).Because(err)
}

// budget limits the bytes that are read for one item, because the decoder holds them in memory.
type budget struct {
	r    io.Reader
	left int
	err  error // of r
}

// renew allows an item. The decoder may have read a part of it.
func (b *budget) renew() { b.left = maxRow + 64<<10 }

func (b *budget) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fault.New(fault.TooLarge, "a row must not be larger than %d bytes", maxRow)
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}
