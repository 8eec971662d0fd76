package ruleset

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/battery-passport/suite/pkg/wire"
)

// Limits of stored data in addition to those of the catalogue.
const (
	maxText      = 10_000 // characters
	maxItems     = 1_000  // of an array, or texts by language
	maxDigits    = 15     // significant ones: a double holds them all
	minMagnitude = 1e-9
	maxMagnitude = 1e15
	maxDetails   = 1_000 // that are reported
)

// Parse reads data, which is one valid JSON value, and checks its structure: each
// field by itself. What is missing, and what one field says of another, is not
// part of it.
func (rs *RuleSet) Parse(data wire.Value) *Document {
	return rs.ParseNext(jsontext.NewDecoder(bytes.NewBuffer(data), jsontext.AllowDuplicateNames(true)), string(data))
}

// ParseCanonical is Read for data that is in the form of RFC 8785, as stored data is.
func (rs *RuleSet) ParseCanonical(data wire.Value) *Document {
	d := rs.Parse(data)
	d.canonical = true
	return d
}

// ParseNext is Read for the next value of a decoder, which reads text.
func (rs *RuleSet) ParseNext(dec *jsontext.Decoder, text string) *Document {
	d := &Document{Rules: rs, text: text, values: make([]value, 1, 1+len(text)/24), invalid: make([]bool, 1, 1+len(text)/24), first: make([]int32, len(rs.byPath)+1)}
	r := reader{d, dec, make([]int32, len(rs.byPath)+1)}
	r.value(0, rs.root)
	return d
}

// reader reads the values of a document, and checks each.
type reader struct {
	doc  *Document
	dec  *jsontext.Decoder
	last []int32 // by the position of a node: the last value at it
}

// report records what is wrong with a value.
func (r reader) report(at int32, code, format string, args ...any) {
	r.doc.invalid[at] = true
	if len(r.doc.violations) < maxDetails {
		v := Value{r.doc, at}
		r.doc.violations = append(r.doc.violations, Violation{Path: v.Path(), Code: code, Message: fmt.Sprintf(format, args...), Attribute: v.Attribute(), Position: v.Position()})
	}
}

// must panics where the data is not what was promised.
func must[T any](v T, err error) T {
	if err != nil {
		panic(fmt.Sprintf("ruleset: data was not checked: %v", err))
	}
	return v
}

// index makes a value the last at its node.
func (r reader) index(at int32, p *Node) {
	if last := r.last[p.Position]; last != 0 {
		r.doc.values[last].same = at
	} else {
		r.doc.first[p.Position] = at
	}
	r.last[p.Position] = at
}

// scalar reads a value that is none of objects and arrays, or passes one over.
func (r reader) scalar(at int32) {
	raw := must(r.dec.ReadValue())
	end := r.dec.InputOffset()
	v := &r.doc.values[at]
	v.kind, v.start, v.end = raw.Kind(), int32(end)-int32(len(raw)), int32(end)
}

// expect reads the beginning of a value of a kind; another is passed over.
func (r reader) expect(at int32, kind jsontext.Kind, what string) bool {
	got := r.dec.PeekKind()
	if got == kind || kind == 't' && got == 'f' {
		if kind == '{' || kind == '[' {
			must(r.dec.ReadToken())
			r.doc.values[at].kind, r.doc.values[at].start = kind, int32(r.dec.InputOffset())-1
		} else {
			r.scalar(at)
		}
		return true
	}
	r.scalar(at)
	r.report(at, "type", "has to be %s, and is %s", what, kinds[got])
	return false
}

// end reads the end of an object or an array.
func (r reader) end(at int32) {
	must(r.dec.ReadToken())
	r.doc.values[at].end = int32(r.dec.InputOffset())
}

var kinds = map[jsontext.Kind]string{
	'n': "null", 't': "a boolean", 'f': "a boolean", '"': "a text", '0': "a number", '{': "an object", '[': "an array",
}

func (r reader) value(at int32, p *Node) {
	r.doc.values[at].node = p
	r.index(at, p)
	a := p.Attribute
	if a == nil {
		r.object(at, p)
		return
	}
	switch a.Type {
	case String:
		r.text(at, a)
	case Number, Integer:
		r.number(at, a)
	case Boolean:
		r.expect(at, 't', "true or false")
	case Object:
		r.object(at, p)
	case Objects:
		r.array(at, func(item int32) { r.object(item, p) })
	case Strings:
		r.array(at, func(item int32) { r.text(item, a) })
	case Languages:
		r.languages(at, a)
	}
}

func (r reader) object(at int32, p *Node) {
	if !r.expect(at, '{', "an object") {
		return
	}
	for r.dec.PeekKind() != '}' {
		raw := must(r.dec.ReadValue())
		member := p.members[string(raw[1:len(raw)-1])]
		if member == nil && bytes.IndexByte(raw, '\\') > 0 {
			member = p.members[unquote(string(raw))]
		}
		if member != nil {
			r.value(r.doc.add(at, member, member.Name, 0), member)
			continue
		}
		unknown := r.doc.add(at, nil, unquote(string(raw)), 0)
		r.scalar(unknown)
		r.report(unknown, "unknownField", "is not in the catalogue")
	}
	r.end(at)
}

// array reads the items of an array. Those that are too many are not looked at:
// a body has room for 300,000.
func (r reader) array(at int32, read func(item int32)) {
	if !r.expect(at, '[', "an array") {
		return
	}
	count := int32(0)
	for ; r.dec.PeekKind() != ']'; count++ {
		if count >= maxItems {
			must(r.dec.ReadValue())
			continue
		}
		read(r.doc.add(at, r.doc.values[at].node, "", count))
	}
	r.end(at)
	if count > maxItems {
		r.report(at, "range", "has %d items, and may have %d", count, maxItems)
	}
}

func (r reader) text(at int32, a *Attribute) {
	if !r.expect(at, '"', "a text") {
		return
	}
	text, _ := Value{r.doc, at}.Text()
	if n := utf8.RuneCountInString(text); n > maxText {
		r.report(at, "range", "has %d characters, and may have %d", n, maxText)
		return
	}
	if a.AllowedValues == nil {
		return
	}
	for _, allowed := range a.AllowedValues {
		if text == allowed {
			return
		}
	}
	r.report(at, "enum", "is %s, and has to be one of %s", strconv.Quote(text), strings.Join(a.AllowedValues, ", "))
}

func (r reader) languages(at int32, a *Attribute) {
	if !r.expect(at, '{', "an object of texts by language") {
		return
	}
	count := 0
	for ; r.dec.PeekKind() != '}'; count++ {
		key := unquote(string(must(r.dec.ReadValue())))
		text := r.doc.add(at, r.doc.values[at].node, key, 0)
		if strings.ContainsAny(key, ".\x00") || strings.HasPrefix(key, "$") {
			r.text(text, a)
			r.report(text, "format", "a name may not hold a dot or NUL, nor begin with $")
			continue
		}
		r.text(text, a)
	}
	r.end(at)
	if count > maxItems {
		r.report(at, "range", "has %d members, and may have %d", count, maxItems)
	}
}

func (r reader) number(at int32, a *Attribute) {
	if !r.expect(at, '0', "a number") {
		return
	}
	literal := Value{r.doc, at}.raw()
	value, err := strconv.ParseFloat(literal, 64)
	r.doc.values[at].number = value
	magnitude := math.Abs(value)
	digits := significant(literal)
	switch {
	case err != nil || magnitude > maxMagnitude || digits > 0 && magnitude < minMagnitude:
		r.report(at, "range", "has to be 0, or of a magnitude from 1e-9 to 1e15")
		return
	case digits > maxDigits:
		r.report(at, "range", "has %d significant digits, and may have %d", digits, maxDigits)
		return
	case a.Type == Integer && value != math.Trunc(value):
		r.report(at, "type", "has to be a whole number, and is %v", value)
		return
	}
	if a.Minimum != nil && value < *a.Minimum {
		r.report(at, "range", "is %s, and has to be at least %v", a.measure(value), *a.Minimum)
	}
	if a.ExclusiveMin != nil && value <= *a.ExclusiveMin {
		r.report(at, "range", "is %s, and has to be above %v", a.measure(value), *a.ExclusiveMin)
	}
	if a.Maximum != nil && value > *a.Maximum {
		r.report(at, "range", "is %s, and has to be at most %v", a.measure(value), *a.Maximum)
	}
}

// measure is a number with its unit.
func (a *Attribute) measure(value float64) string {
	return strings.TrimSpace(strconv.FormatFloat(value, 'g', -1, 64) + " " + a.Unit)
}

// significant counts the significant digits of a JSON number, 0 for zero.
func significant(literal string) (n int) {
	zeros := 0 // that count if another digit follows
	for _, c := range []byte(literal) {
		switch {
		case c == 'e' || c == 'E':
			return n
		case c == '0' && n > 0:
			zeros++
		case '1' <= c && c <= '9':
			n += zeros + 1
			zeros = 0
		}
	}
	return n
}
