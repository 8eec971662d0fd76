package ruleset

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/battery-passport/suite/pkg/wire"
)

// Limits of stored data in addition to those of the catalogue.
const (
	maxText        = 10_000 // characters
	maxItems       = 1_000  // of an array, or languages of a localized string
	maxDigits      = 17     // significant digits: as many as the shortest form of a double can have
	minMagnitude   = 1e-9
	maxMagnitude   = 1e15
	maxViolations  = 1_000
	maxSuggestions = 20 // unknown fields with a suggestion: each costs time
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

// report records a violation. The message follows the name of the field.
func (p parser) report(id int32, code, format string, args ...any) {
	p.doc.invalid[id] = true
	if len(p.doc.violations) < maxViolations {
		v := Value{p.doc, id}
		message := FieldName(v.Path()) + " " + fmt.Sprintf(format, args...)
		p.doc.violations = append(p.doc.violations, Violation{Path: v.Path(), Code: code, Message: message, Attribute: v.Attribute(), Position: v.Position()})
	}
}

// must panics if data is not valid JSON, which the caller guarantees.
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
	p.report(id, "type", "must be %s, got %s", want, describeWrong(Value{p.doc, id}, kind))
	return false
}

// end reads the end of an object or array.
func (p parser) end(id int32) {
	must(p.dec.ReadToken())
	p.doc.nodes[id].end = int32(p.dec.InputOffset())
}

var kinds = map[jsontext.Kind]string{
	'n': "null", 't': "true", 'f': "false", '{': "an object", '[': "an array",
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
		p.report(unknown, "unknownField", "is unknown: rule set %s has no such field%s", p.doc.Rules.Name, p.suggest(p.doc.nodes[unknown].name, f))
	}
	p.end(id)
}

// suggest returns the end of a message with the field that an unknown member of f may mean.
func (p parser) suggest(name string, f *Field) string {
	if len(p.doc.violations) >= maxSuggestions {
		return ""
	}
	path := p.doc.Rules.Nearest(name, f)
	if path == "" {
		return ""
	}
	if member := path[strings.LastIndexByte(path, '.')+1:]; f.members[member] != nil && p.doc.Rules.byPath[path] == f.members[member] {
		path = member
	}
	return fmt.Sprintf("; did you mean %s?", path)
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
