package exchange

import (
	"bufio"
	"bytes"
	"io"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/battery-passport/suite/pkg/fault"
)

// decode returns a reader that converts a file to UTF-8. A byte order mark is stronger than the
// charset. It fails with fault.Invalid if the charset is unknown.
func (f *csvFile) decode(r io.Reader) (*bufio.Reader, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	head, err := in.Peek(4)
	if err != nil && err != io.EOF {
		return nil, err
	}
	e, name, err := charsetOf(f.charset)
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")):
		e, name, err = unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM), "utf-16", nil
	case bytes.HasPrefix(head, byteOrderMark):
		e, name, err = nil, "utf-8", nil
		in.Discard(len(byteOrderMark)) // it is in the buffer
	}
	if f.charset = name; e == nil || err != nil {
		return in, err
	}
	f.decoded = true
	return bufio.NewReaderSize(transform.NewReader(in, e.NewDecoder()), 64<<10), nil
}

// charsetOf returns the encoding with a name, which is nil for UTF-8, and its usual name.
func charsetOf(given string) (encoding.Encoding, string, error) {
	switch strings.ToLower(given) {
	case "", "us-ascii":
		return nil, given, nil
	case "utf-16":
		return nil, "", fault.New(fault.Malformed, "a file in UTF-16 must begin with a byte order mark, or have the charset utf-16le or utf-16be")
	}
	e, err := htmlindex.Get(given)
	if err != nil || e == encoding.Replacement {
		return nil, "", fault.New(fault.Invalid, "the charset %q is unknown", given).
			With(fault.Detail{Path: "header:Content-Type", Code: "charset", Message: "must have a charset such as utf-8, utf-16le, windows-1252 or iso-8859-15"})
	}
	name, err := htmlindex.Name(e)
	if name == "utf-8" {
		e = nil
	}
	return e, name, err
}
