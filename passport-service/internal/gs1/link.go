// Package gs1 reads and writes GS1 Digital Link URIs (GS1 Digital Link Standard: URI
// Syntax 1.7) and the element strings of GS1 barcodes (General Specifications 26.0). The
// application identifiers and their values are those of the GS1 Barcode Syntax Dictionary.
package gs1

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Element is an application identifier with its value, such as (21) with a serial number.
type Element struct{ AI, Value string }

// Link is a GS1 Digital Link.
type Link struct {
	Key        Element
	Qualifiers []Element // more precise, in the order of the path
	Attributes []Element // from the query
}

// Parse parses a GS1 Digital Link with any stem before its key. It returns an error that
// describes the first fault of the URI. Parameters of the query that are not application
// identifiers are ignored.
func Parse(uri string) (Link, error) {
	if i := strings.IndexFunc(uri, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("<>{}\\^`|\"", r) }); i >= 0 {
		return Link{}, fmt.Errorf("character %d is not allowed in a URI", i+1)
	}
	uri, _, _ = strings.Cut(uri, "#")
	location, query, _ := strings.Cut(uri, "?")
	scheme, rest, _ := strings.Cut(location, "://")
	if !slices.Contains([]string{"https", "http", "HTTPS", "HTTP"}, scheme) {
		return Link{}, errors.New("the URI must begin with https:// or http://")
	}
	host, path, _ := strings.Cut(rest, "/")
	if host == "" {
		return Link{}, errors.New("the URI has no host")
	}
	link, err := ParsePath(path)
	if err != nil {
		return Link{}, err
	}
	return link, link.parseQuery(query)
}

// ParsePath parses the percent-encoded path of a Digital Link. Segments before the key
// are ignored.
func ParsePath(path string) (Link, error) {
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i := len(segments) - 2; i >= 0; i -= 2 {
		if !dictionary[segments[i]].key {
			continue
		}
		elements, err := parseElements(segments[i:])
		if err != nil {
			return Link{}, err
		}
		link := Link{Key: elements[0], Qualifiers: elements[1:]}
		if !dictionary[link.Key.AI].mayFollow(ais(link.Qualifiers)) {
			return Link{}, fmt.Errorf("%s cannot follow (%s) in this order", list(link.Qualifiers), link.Key.AI)
		}
		return link, nil
	}
	return Link{}, errors.New("the path has no GS1 key with a value, such as /01/{GTIN}")
}

// parseElements parses path segments that alternate between AIs and values.
func parseElements(segments []string) (elements []Element, err error) {
	for pair := range slices.Chunk(segments, 2) {
		value, err := url.PathUnescape(pair[1])
		if err != nil {
			return nil, fmt.Errorf("the value of (%s) has an invalid percent-encoding", pair[0])
		}
		if err := CheckValue(pair[0], value); err != nil {
			return nil, err
		}
		elements = append(elements, Element{pair[0], value})
	}
	return elements, nil
}

// parseQuery reads the attributes. Parameters with two to four digits must be attributes.
func (l *Link) parseQuery(query string) error {
	for parameter := range strings.SplitSeq(query, "&") {
		ai, text, _ := strings.Cut(parameter, "=")
		if strings.Trim(ai, "0123456789") != "" || ai == "" {
			continue
		}
		value, err := url.QueryUnescape(text)
		if err != nil {
			return fmt.Errorf("the value of (%s) has an invalid percent-encoding", ai)
		}
		if err := CheckValue(ai, value); err != nil {
			return err
		}
		switch key := dictionary[l.Key.AI]; {
		case ai == l.Key.AI || slices.Contains(ais(l.Qualifiers), ai) || slices.Contains(ais(l.Attributes), ai):
			return fmt.Errorf("(%s) occurs more than once", ai)
		case !dictionary[ai].attribute || key.mayExtend(ais(l.Qualifiers), ai):
			return fmt.Errorf("(%s) must not be in the query", ai)
		}
		l.Attributes = append(l.Attributes, Element{ai, value})
	}
	return nil
}

// Value returns the value of an AI in the path, or "".
func (l Link) Value(ai string) string {
	for _, e := range l.path() {
		if e.AI == ai {
			return e.Value
		}
	}
	return ""
}

// Path returns the canonical path of the link: /01/{GTIN}/21/{serial}.
func (l Link) Path() string {
	var b strings.Builder
	for _, e := range l.path() {
		b.WriteString("/" + e.AI + "/" + escape(e.Value))
	}
	return b.String()
}

// FNC1 separates and begins the elements of a GS1 barcode. Encoders write the symbol
// character FNC1 in its place.
const FNC1 = '\x1d'

// ElementString returns the link as data of a GS1 barcode (General Specifications,
// section 7.8): FNC1, then the elements, with FNC1 after each value without a
// predefined length, except the last.
func (l Link) ElementString() string {
	var b strings.Builder
	separate := true
	for _, e := range append(l.path(), l.Attributes...) {
		if separate {
			b.WriteByte(FNC1)
		}
		b.WriteString(e.AI + e.Value)
		separate = !dictionary[e.AI].predefined
	}
	return b.String()
}

func (l Link) path() []Element { return append([]Element{l.Key}, l.Qualifiers...) }

func ais(elements []Element) (ais []string) {
	for _, e := range elements {
		ais = append(ais, e.AI)
	}
	return ais
}

func list(elements []Element) string { return "(" + strings.Join(ais(elements), ") (") + ")" }

// escape writes a value as a path segment. It escapes all characters except the unreserved ones
// of RFC 3986, so that a value has one spelling.
func escape(value string) string {
	var b strings.Builder
	for i := range len(value) {
		if c := value[i]; c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
