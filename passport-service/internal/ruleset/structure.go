package ruleset

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/battery-passport/suite/pkg/wire"
)

// Limits of stored data in addition to those of the catalogue.
const (
	maxText       = 10_000 // characters
	maxItems      = 1_000  // of an array, or languages of a localized string
	maxDigits     = 17     // significant digits: as many as the shortest form of a double can have
	minMagnitude  = 1e-9
	maxMagnitude  = 1e15
	maxViolations = 1_000
)

// Parse parses data, which must be one valid JSON value, and checks the structure
// of each field by itself. It does not check which fields are missing, or whether
// fields are consistent with each other.
func (rs *RuleSet) Parse(data wire.Value) *Document {
	return rs.ParseNext(jsontext.NewDecoder(bytes.NewBuffer(data), jsontext.AllowDuplicateNames(true)), string(data))
}

// ParseCanonical is Parse for stored data, which is in the form of RFC 8785.
func (rs *RuleSet) ParseCanonical(data wire.Value) *Document {
	d := rs.Parse(data)
	d.canonical = true
	return d
}

// ParseNext is Parse for the next value of a decoder. The text is the whole input
// of the decoder.
func (rs *RuleSet) ParseNext(dec *jsontext.Decoder, text string) *Document {
	fields, size := len(rs.byPath)+1, 1+len(text)/24 // one value per 24 bytes is a good guess
	d := &Document{Rules: rs, text: text, nodes: make([]node, 1, size), invalid: make([]bool, 1, size), first: make([]int32, fields)}
	p := parser{d, dec, make([]int32, fields)}
	p.value(0, rs.root)
	return d
}

// parser adds the values of a decoder to a document and checks each.
type parser struct {
	doc  *Document
	dec  *jsontext.Decoder
	last []int32 // by Field.Position: the last node of the field
}

// report records a violation. The message continues the name of the field.
func (p parser) report(id int32, code, format string, args ...any) {
	p.doc.invalid[id] = true
	if len(p.doc.violations) < maxViolations {
		v := Value{p.doc, id}
		message := FieldName(v.Path()) + " " + fmt.Sprintf(format, args...)
		p.doc.violations = append(p.doc.violations, Violation{Path: v.Path(), Code: code, Message: message, Attribute: v.Attribute(), Position: v.Position()})
	}
}

// must panics if data is not valid JSON, which the caller promised.
func must[T any](v T, err error) T {
	if err != nil {
		panic(fmt.Sprintf("ruleset: invalid JSON: %v", err))
	}
	return v
}

// index appends a node to the nodes of its field.
func (p parser) index(id int32, f *Field) {
	if last := p.last[f.Position]; last != 0 {
		p.doc.nodes[last].nextOfField = id
	} else {
		p.doc.first[f.Position] = id
	}
	p.last[f.Position] = id
}

// readValue reads a whole value into a node without looking into it.
func (p parser) readValue(id int32) {
	raw := must(p.dec.ReadValue())
	end := p.dec.InputOffset()
	n := &p.doc.nodes[id]
	n.kind, n.start, n.end = raw.Kind(), int32(end)-int32(len(raw)), int32(end)
}

// expect reads a scalar, or the start of an object or array, of the given kind.
// For a value of another kind it reports a violation and returns false.
func (p parser) expect(id int32, kind jsontext.Kind, want string) bool {
	got := p.dec.PeekKind()
	if got == kind || kind == 't' && got == 'f' {
		if kind == '{' || kind == '[' {
			must(p.dec.ReadToken())
			p.doc.nodes[id].kind, p.doc.nodes[id].start = kind, int32(p.dec.InputOffset())-1
		} else {
			p.readValue(id)
		}
		return true
	}
	p.readValue(id)
	p.report(id, "type", "must be %s, got %s", want, kinds[got])
	return false
}

// end reads the end of an object or array.
func (p parser) end(id int32) {
	must(p.dec.ReadToken())
	p.doc.nodes[id].end = int32(p.dec.InputOffset())
}

var kinds = map[jsontext.Kind]string{
	'n': "null", 't': "true", 'f': "false", '"': "a string", '0': "a number", '{': "an object", '[': "an array",
}

func (p parser) value(id int32, f *Field) {
	p.doc.nodes[id].field = f
	p.index(id, f)
	a := f.Attribute
	if a == nil {
		p.object(id, f)
		return
	}
	switch a.Type {
	case String:
		p.text(id, a)
	case Number, Integer:
		p.number(id, a)
	case Boolean:
		p.expect(id, 't', a.typeName())
	case Object:
		p.object(id, f)
	case Objects:
		p.array(id, a, func(item int32) { p.object(item, f) })
	case Strings:
		p.array(id, a, func(item int32) { p.text(item, a) })
	case Localized:
		p.localized(id, a)
	}
}

func (p parser) object(id int32, f *Field) {
	if !p.expect(id, '{', "an object") {
		return
	}
	for p.dec.PeekKind() != '}' {
		raw := must(p.dec.ReadValue())
		member := f.members[string(raw[1:len(raw)-1])]
		if member == nil && bytes.IndexByte(raw, '\\') > 0 {
			member = f.members[unquote(string(raw))]
		}
		if member != nil {
			p.value(p.doc.add(id, member, member.Name, 0), member)
			continue
		}
		unknown := p.doc.add(id, nil, unquote(string(raw)), 0)
		p.readValue(unknown)
		p.report(unknown, "unknownField", "is unknown: rule set %s has no such field", p.doc.Rules.Name)
	}
	p.end(id)
}

// array reads an array. It skips items beyond the limit: a request body has room
// for 300,000.
func (p parser) array(id int32, a *Attribute, read func(item int32)) {
	if !p.expect(id, '[', a.typeName()) {
		return
	}
	count := int32(0)
	for ; p.dec.PeekKind() != ']'; count++ {
		if count >= maxItems {
			must(p.dec.ReadValue())
			continue
		}
		read(p.doc.add(id, p.doc.nodes[id].field, "", count))
	}
	p.end(id)
	if count > maxItems {
		p.report(id, "range", "must have at most %d entries, got %d", maxItems, count)
	}
}

// text reads the string of an attribute, or of an item or a language of it.
func (p parser) text(id int32, a *Attribute) {
	if !p.expect(id, '"', "a string") {
		return
	}
	text, _ := Value{p.doc, id}.Text()
	if n := utf8.RuneCountInString(text); n > maxText {
		p.report(id, "range", "must have at most %d characters, got %d", maxText, n)
		return
	}
	if a.AllowedValues == nil || slices.Contains(a.AllowedValues, text) {
		return
	}
	allowed, ok := a.canonical(text)
	if !ok {
		p.report(id, "enum", "must be %s, got %q", OneOf(a.AllowedValues), text)
		return
	}
	n := &p.doc.nodes[id]
	n.start = int32(len(p.doc.text))
	p.doc.text += quote(allowed)
	n.end = int32(len(p.doc.text))
}

// canonical returns the allowed value that a text means.
func (a *Attribute) canonical(text string) (string, bool) {
	for _, allowed := range a.AllowedValues {
		if strings.EqualFold(allowed, text) {
			return allowed, true
		}
	}
	for spelling, allowed := range a.Spellings {
		if strings.EqualFold(spelling, text) {
			return allowed, true
		}
	}
	return "", false
}

func (p parser) localized(id int32, a *Attribute) {
	if !p.expect(id, '{', a.typeName()) {
		return
	}
	count := 0
	for ; p.dec.PeekKind() != '}'; count++ {
		key := unquote(string(must(p.dec.ReadValue())))
		text := p.doc.add(id, p.doc.nodes[id].field, key, 0)
		p.text(text, a)
		if strings.ContainsAny(key, ".\x00") || strings.HasPrefix(key, "$") {
			p.report(text, "format", "must have a language code as its name: a dot, a NUL and a leading $ are not allowed")
		}
	}
	p.end(id)
	if count > maxItems {
		p.report(id, "range", "must have at most %d languages, got %d", maxItems, count)
	}
}

func (p parser) number(id int32, a *Attribute) {
	if !p.expect(id, '0', a.typeName()) {
		return
	}
	literal := Value{p.doc, id}.Raw()
	value, err := strconv.ParseFloat(literal, 64)
	p.doc.nodes[id].number = value
	magnitude := math.Abs(value)
	digits := significantDigits(literal)
	switch {
	case err != nil || magnitude > maxMagnitude || digits > 0 && magnitude < minMagnitude:
		p.report(id, "range", "must be 0 or have a magnitude from 1e-9 to 1e15, got %.24s", literal)
		return
	case digits > maxDigits:
		p.report(id, "range", "must have at most %d significant digits, got %d", maxDigits, digits)
		return
	case a.Type == Integer && value != math.Trunc(value):
		p.report(id, "type", "must be an integer, got %s", a.Quantity(value))
		return
	}
	if a.Minimum != nil && value < *a.Minimum {
		p.report(id, "range", "must be at least %s, got %s", formatNumber(*a.Minimum), a.Quantity(value))
	}
	if a.ExclusiveMin != nil && value <= *a.ExclusiveMin {
		p.report(id, "range", "must be greater than %s, got %s", formatNumber(*a.ExclusiveMin), a.Quantity(value))
	}
	if a.Maximum != nil && value > *a.Maximum {
		p.report(id, "range", "must be at most %s, got %s", formatNumber(*a.Maximum), a.Quantity(value))
	}
}

// significantDigits counts the significant digits of a JSON number, 0 for zero.
func significantDigits(literal string) (n int) {
	zeros := 0 // they count if another digit follows
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
