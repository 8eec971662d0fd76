package xlsx

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/battery-passport/suite/pkg/fault"
)

// Limits of the XML, because the decoder holds each token in memory. A cell has at most
// 32,767 characters, which are 256 KiB if each of them is escaped.
const (
	maxToken = 512 << 10 // bytes of a text, a comment or an element with its attributes
	maxText  = 256 << 10 // bytes of the text of a cell
)

// decoder reads the XML of a file of the workbook.
type decoder struct {
	xml *xml.Decoder
	in  *tokenReader
}

func newDecoder(r io.Reader) *decoder {
	in := &tokenReader{r: r}
	return &decoder{xml.NewDecoder(in), in}
}

// tokenReader fails if a token is too long.
type tokenReader struct {
	r    io.Reader
	left int // bytes of the token that may still be read
}

func (t *tokenReader) Read(p []byte) (int, error) {
	if t.left <= 0 {
		return 0, fault.New(fault.TooLarge, "the workbook has a text, a comment or an element of more than %d bytes", maxToken)
	}
	n, err := t.r.Read(p[:min(len(p), t.left)])
	t.left -= n
	return n, err
}

// next returns the next token, or io.EOF. It refuses declarations of entities.
func (d *decoder) next() (xml.Token, error) {
	d.in.left = maxToken
	token, err := d.xml.RawToken()
	if _, ok := token.(xml.Directive); ok && err == nil {
		err = malformed("its XML must not have a document type or entities")
	}
	_, ok := errors.AsType[*fault.Error](err)
	if err == nil || err == io.EOF || ok || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return token, err
	}
	return nil, malformed("its XML is not valid: %v", err)
}

// inner returns the next token inside of an element.
func (d *decoder) inner() (xml.Token, error) {
	token, err := d.next()
	if err == io.EOF {
		err = malformed("it ends early")
	}
	return token, err
}

// start returns the next start of an element, or io.EOF.
func (d *decoder) start() (xml.StartElement, error) {
	for {
		token, err := d.next()
		if err != nil {
			return xml.StartElement{}, err
		}
		if e, ok := token.(xml.StartElement); ok {
			return e, nil
		}
	}
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func isTrue(text string) bool { return text == "1" || strings.EqualFold(text, "true") }

// collect appends a part of the text of a cell.
func collect(b *strings.Builder, part xml.CharData) error {
	if b.Len()+len(part) > maxText {
		return fault.New(fault.TooLarge, "the workbook has a cell with more than %d bytes", maxText)
	}
	b.Write(part)
	return nil
}

// text returns the text up to the end of an element. Phonetic texts are not part of it.
func (d *decoder) text(element string) (string, error) {
	var b strings.Builder
	inText, phonetic := false, 0
	for {
		token, err := d.inner()
		if err != nil {
			return "", err
		}
		switch t := token.(type) {
		case xml.StartElement:
			inText = t.Name.Local == "t"
			if t.Name.Local == "rPh" {
				phonetic++
			}
		case xml.EndElement:
			if inText = false; t.Name.Local == element {
				return unescape(b.String()), nil
			}
			if t.Name.Local == "rPh" {
				phonetic--
			}
		case xml.CharData:
			if inText && phonetic == 0 {
				if err := collect(&b, t); err != nil {
					return "", err
				}
			}
		}
	}
}

// unescape replaces the escapes of characters that XML does not allow, such as _x000D_.
func unescape(text string) string {
	if !strings.Contains(text, "_x") {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		if i+7 <= len(text) && text[i:i+2] == "_x" && text[i+6] == '_' {
			if n, err := strconv.ParseUint(text[i+2:i+6], 16, 16); err == nil {
				b.WriteRune(rune(n))
				i += 7
				continue
			}
		}
		b.WriteByte(text[i])
		i++
	}
	return b.String()
}
