package exchange

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/battery-passport/suite/pkg/fault"
)

// decode returns a reader that converts a file to UTF-8. A byte order mark takes precedence
// over the charset. It fails with fault.Invalid if the charset is unknown.
func (f *csvFile) decode(r io.Reader) (*bufio.Reader, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	head, err := in.Peek(in.Size())
	if err != nil && err != io.EOF {
		return nil, err
	}
	if err := checkKind(head, jsonObject, jsonArray, jsonWebToken); err != nil {
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
	if f.charset = name; err != nil {
		return nil, err
	}
	if e == nil {
		return in, checkNotUTF16(head)
	}
	if !strings.HasPrefix(name, "utf-16") && isUTF8(head) {
		return nil, fault.New(fault.Malformed, "the file is in UTF-8, but the charset is %s", name).
			With(fault.Detail{Path: "header:Content-Type", Code: "charset", Message: "must be that of the file: utf-8, or none"})
	}
	f.decoded = true
	return bufio.NewReaderSize(transform.NewReader(in, e.NewDecoder()), 64<<10), nil
}

// isUTF8 reports whether the beginning of a file is UTF-8 and has non-ASCII characters. Text in
// other encodings is practically never valid UTF-8.
func isUTF8(head []byte) bool {
	for n := 1; n < utf8.UTFMax && n <= len(head); n++ { // the last character may be cut
		if b := head[len(head)-n:]; utf8.RuneStart(b[0]) && !utf8.FullRune(b) {
			head = head[:len(head)-n]
			break
		}
	}
	isASCII := !bytes.ContainsFunc(head, func(r rune) bool { return r >= utf8.RuneSelf })
	return !isASCII && utf8.Valid(head)
}

// checkNotUTF16 fails with fault.Malformed if the first or second byte of a file without
// charset is NUL.
func checkNotUTF16(head []byte) error {
	if at := bytes.IndexByte(head[:min(len(head), 2)], 0); at >= 0 {
		return fault.New(fault.Malformed, "the file is not in UTF-8, but in UTF-16 without a byte order mark").
			With(fault.Detail{Path: "header:Content-Type", Code: "charset", Message: "must have the charset " + [...]string{"utf-16be", "utf-16le"}[at]})
	}
	return nil
}

// convertLineEnds returns a reader with line feeds for the carriage returns of a file that has no line feed, as old
// Macintosh programs write.
func convertLineEnds(in *bufio.Reader) (*bufio.Reader, error) {
	head, err := in.Peek(in.Size())
	if err != nil && err != io.EOF {
		return nil, err
	}
	if bytes.IndexByte(head, '\n') >= 0 || bytes.IndexByte(head, '\r') < 0 {
		return in, nil
	}
	return bufio.NewReaderSize(carriageReturns{in}, in.Size()), nil
}

type carriageReturns struct{ r io.Reader }

func (c carriageReturns) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	for i := range p[:n] {
		if p[i] == '\r' {
			p[i] = '\n'
		}
	}
	return n, err
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
