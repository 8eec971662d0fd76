package document

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
)

// markup returns the type of a file that begins with head and whose detected type is found. The
// detection takes any text that begins with a comment or the name of an HTML element for HTML,
// and examines only the beginning of XML.
func markup(found, ext string, head []byte) string {
	isXML := slices.Contains(fileTypes[xmlText].extensions, ext)
	switch {
	case found == html && page.Match(trimmed(head)):
		return html
	case found == html && (isXML || ext == ".svg"):
		if root := xmlRoot(head); root != "" {
			return typeOfRoot(root)
		}
	case found == html && namesText(ext) && !hasUTF16Mark(head):
		return plainText
	case canonical(found) == xmlText && strings.EqualFold(xmlRoot(head), "html"):
		return xhtml
	}
	return found
}

// page matches the beginning of an HTML page, including one after comments and processing
// instructions.
var page = regexp.MustCompile(`(?is)^(\s+|<!--(-?>|.*?-->)|<\?.*?\?>)*<(!doctype\s+html|html|script)[\s/>]`)

// namesText reports whether an extension belongs to a text without its own syntax, or to one in
// which HTML is allowed.
func namesText(ext string) bool {
	return slices.ContainsFunc([]string{csv, tsv, markdown, plainText}, func(name string) bool {
		return slices.Contains(fileTypes[name].extensions, ext)
	})
}

// hasUTF16Mark reports whether head is a text in UTF-16, which page does not match.
func hasUTF16Mark(head []byte) bool {
	return bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff"))
}

func typeOfRoot(name string) string {
	switch strings.ToLower(name) {
	case "html":
		return xhtml
	case "svg":
		return svg
	}
	return xmlText
}

// xmlRoot returns the name of the root element if head is well-formed XML, or the beginning of
// it, and otherwise "".
func xmlRoot(head []byte) (root string) {
	dec := xml.NewDecoder(bytes.NewReader(trimmed(head)))
	dec.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // names of elements are ASCII
	for depth := 0; ; {
		token, err := dec.Token()
		if err == io.EOF || err != nil && len(head) == headSize && isCut(err) {
			return root
		}
		if err != nil {
			return ""
		}
		switch t := token.(type) {
		case xml.StartElement:
			if depth++; depth == 1 && root != "" {
				return "" // a second root
			}
			if depth == 1 {
				root = t.Name.Local
			}
		case xml.EndElement:
			depth--
		case xml.CharData:
			if depth == 0 && len(bytes.TrimSpace(t)) > 0 {
				return ""
			}
		}
	}
}

// isCut reports whether an error of the decoder means that the text ends early.
func isCut(err error) bool {
	e, ok := errors.AsType[*xml.SyntaxError](err)
	return ok && (e.Msg == "unexpected EOF" || e.Msg == "invalid UTF-8")
}

// trimmed returns head without a byte order mark and white space at its beginning.
func trimmed(head []byte) []byte { return bytes.TrimLeft(head, "\xef\xbb\xbf \t\r\n") }
