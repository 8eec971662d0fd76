package ruleset

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/battery-passport/suite/pkg/wire"
)

// Canonicalize puts the text of the document into the form of RFC 8785, and
// returns it. A document with violations stays as it was written.
func (d *Document) Canonicalize() wire.Value {
	if d.canonical || len(d.violations) > 0 {
		return d.Raw()
	}
	c := canonicalizer{d, make([]byte, 0, len(d.text))}
	c.value(0)
	d.text, d.canonical = string(c.out), true
	return c.out
}

// canonicalizer writes values, and moves each to its place in what is written.
type canonicalizer struct {
	doc *Document
	out []byte
}

func (c *canonicalizer) value(at int32) {
	v, start := &c.doc.values[at], len(c.out)
	switch raw := c.doc.text[v.start:v.end]; {
	case v.kind == '{':
		c.doc.sortMembers(v)
		c.items(v, '{', '}')
	case v.kind == '[':
		c.items(v, '[', ']')
	case v.kind == '0':
		c.out = append(c.out, number(v.number)...)
	case v.kind == '"' && strings.Contains(raw, `\`):
		c.out = append(c.out, quote(unquote(raw))...)
	default:
		c.out = append(c.out, raw...)
	}
	v.start, v.end = int32(start), int32(len(c.out))
}

func (c *canonicalizer) items(v *value, open, end byte) {
	c.out = append(c.out, open)
	for at := v.down; at != 0; at = c.doc.values[at].next {
		if at != v.down {
			c.out = append(c.out, ',')
		}
		if open == '{' {
			c.out = append(appendQuoted(c.out, c.doc.values[at].name), ':')
		}
		c.value(at)
	}
	c.out = append(c.out, end)
}

// sortMembers puts the members of an object into the order of RFC 8785.
func (d *Document) sortMembers(object *value) {
	var members []int32
	for at := object.down; at != 0; at = d.values[at].next {
		members = append(members, at)
	}
	if len(members) < 2 {
		return
	}
	slices.SortFunc(members, func(a, b int32) int { return compareUTF16(d.values[a].name, d.values[b].name) })
	object.down, object.last = members[0], members[len(members)-1]
	for i, at := range members[1:] {
		d.values[members[i]].next = at
	}
	d.values[object.last].next = 0
}

// compareUTF16 compares by UTF-16 code units: a character beyond U+FFFF, which
// is a pair of surrogates, comes before U+E000 to U+FFFF.
func compareUTF16(a, b string) int {
	for i := range min(len(a), len(b)) {
		x, y := a[i], b[i]
		switch {
		case x == y:
		case x >= 0xee && y >= 0xee && (x >= 0xf0) != (y >= 0xf0):
			return cmp.Compare(y, x)
		default:
			return cmp.Compare(x, y)
		}
	}
	return cmp.Compare(len(a), len(b))
}

// number writes a number in the shortest form that is read as the same double.
func number(f float64) string {
	if f == 0 {
		return "0" // and not -0
	}
	return jsontext.Float(f).String()
}

func quote(text string) string { return string(appendQuoted(nil, text)) }

func appendQuoted(out []byte, text string) []byte { return must(jsontext.AppendQuote(out, text)) }

// Merge applies a merge patch (RFC 7396), which is one valid JSON value, and
// returns the result.
func (d *Document) Merge(patch wire.Value) wire.Value {
	m := merger{jsontext.NewDecoder(bytes.NewBuffer(patch), jsontext.AllowDuplicateNames(true)), make([]byte, 0, len(d.text)+len(patch))}
	m.value(d.Root())
	return m.out
}

type merger struct {
	dec *jsontext.Decoder
	out []byte
}

// value merges the next value of the patch into the target, which may be absent.
func (m *merger) value(target Value) {
	if m.dec.PeekKind() != '{' {
		m.out = append(m.out, must(m.dec.ReadValue())...)
		return
	}
	if !target.IsObject() {
		target = Absent
	}
	must(m.dec.ReadToken())
	m.out = append(m.out, '{')
	begin := len(m.out)
	var patched []string
	for m.dec.PeekKind() != '}' {
		name := unquote(string(must(m.dec.ReadValue())))
		patched = append(patched, name)
		if m.dec.PeekKind() == 'n' {
			must(m.dec.ReadValue())
			continue
		}
		m.name(begin, name)
		m.value(target.Member(name))
	}
	must(m.dec.ReadToken())
	for member := range target.Children() {
		if !slices.Contains(patched, member.Name()) {
			m.name(begin, member.Name())
			m.out = append(m.out, member.raw()...)
		}
	}
	m.out = append(m.out, '}')
}

// name writes the name of a member of the object that begins at an offset.
func (m *merger) name(begin int, name string) {
	if len(m.out) > begin {
		m.out = append(m.out, ',')
	}
	m.out = append(appendQuoted(m.out, name), ':')
}

// ChangedPaths returns the paths at which two canonical documents differ, as
// data.section.attribute. It goes into objects, and not into arrays.
func ChangedPaths(before, after *Document) []string {
	return appendChanged(nil, "data", before.Root(), after.Root())
}

func appendChanged(paths []string, path string, before, after Value) []string {
	if before.raw() == after.raw() && before.Exists() == after.Exists() {
		return paths
	}
	names := MemberNames(before, after)
	if len(names) == 0 || before.Exists() && !before.IsObject() || after.Exists() && !after.IsObject() {
		return append(paths, path)
	}
	for _, name := range names {
		paths = appendChanged(paths, path+"."+name, before.Member(name), after.Member(name))
	}
	return paths
}

// MemberNames returns the names of the members of two objects, sorted.
func MemberNames(a, b Value) (names []string) {
	for _, v := range []Value{a, b} {
		for m := range v.Children() {
			names = append(names, m.Name())
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
