package ruleset

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/battery-passport/suite/pkg/wire"
)

// Canonicalize converts the text of the document to the form of RFC 8785 and
// returns it. A document with violations stays unchanged.
func (d *Document) Canonicalize() wire.Value {
	if d.canonical || len(d.violations) > 0 {
		return d.Raw()
	}
	c := canonicalizer{d, make([]byte, 0, len(d.text))}
	c.value(0)
	d.text, d.canonical = string(c.out), true
	return c.out
}

// canonicalizer writes the canonical text and moves the nodes to their offsets
// in it.
type canonicalizer struct {
	doc *Document
	out []byte
}

func (c *canonicalizer) value(id int32) {
	n, start := &c.doc.nodes[id], len(c.out)
	switch raw := c.doc.text[n.start:n.end]; {
	case n.kind == '{':
		c.doc.sortMembers(n)
		c.children(n, '{', '}')
	case n.kind == '[':
		c.children(n, '[', ']')
	case n.kind == '0':
		c.out = append(c.out, formatNumber(n.number)...)
	case n.kind == '"' && strings.Contains(raw, `\`):
		c.out = append(c.out, quote(unquote(raw))...)
	default:
		c.out = append(c.out, raw...)
	}
	n.start, n.end = int32(start), int32(len(c.out))
}

func (c *canonicalizer) children(n *node, open, end byte) {
	c.out = append(c.out, open)
	for id := n.firstChild; id != 0; id = c.doc.nodes[id].nextSibling {
		if id != n.firstChild {
			c.out = append(c.out, ',')
		}
		if open == '{' {
			c.out = append(appendQuoted(c.out, c.doc.nodes[id].name), ':')
		}
		c.value(id)
	}
	c.out = append(c.out, end)
}

// sortMembers sorts the members of an object as RFC 8785 requires.
func (d *Document) sortMembers(object *node) {
	var members []int32
	for id := object.firstChild; id != 0; id = d.nodes[id].nextSibling {
		members = append(members, id)
	}
	if len(members) < 2 {
		return
	}
	slices.SortFunc(members, func(a, b int32) int { return compareUTF16(d.nodes[a].name, d.nodes[b].name) })
	object.firstChild, object.lastChild = members[0], members[len(members)-1]
	for i, id := range members[1:] {
		d.nodes[members[i]].nextSibling = id
	}
	d.nodes[object.lastChild].nextSibling = 0
}

// compareUTF16 compares by UTF-16 code units: a character above U+FFFF, which is
// a surrogate pair, sorts before U+E000 to U+FFFF.
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

// formatNumber returns the shortest text that parses to the same double
// (RFC 8785).
func formatNumber(f float64) string {
	if f == 0 {
		return "0" // -0 is written as 0
	}
	return jsontext.Float(f).String()
}

func quote(text string) string { return string(appendQuoted(nil, text)) }

func appendQuoted(out []byte, text string) []byte { return must(jsontext.AppendQuote(out, text)) }

// Merge applies a merge patch (RFC 7396), which must be one valid JSON value, and
// returns the result. A null that would remove an unknown member that d does not have stays in the
// result, so that it is reported.
func (d *Document) Merge(patch wire.Value) wire.Value {
	m := merger{jsontext.NewDecoder(bytes.NewBuffer(patch), jsontext.AllowDuplicateNames(true)), make([]byte, 0, len(d.text)+len(patch))}
	m.value(d.Root(), d.Rules.root)
	return m.out
}

type merger struct {
	dec *jsontext.Decoder
	out []byte
}

// value merges the next value of the patch into a target, which may be absent. The field is nil if
// it is not known.
func (m *merger) value(target Value, f *Field) {
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
		var field *Field
		if f != nil {
			field = f.members[name]
		}
		isMisspelt := field == nil && f != nil && f.members != nil && !target.Member(name).Exists()
		if m.dec.PeekKind() == 'n' && !isMisspelt {
			must(m.dec.ReadValue())
			continue
		}
		m.name(begin, name)
		m.value(target.Member(name), field)
	}
	must(m.dec.ReadToken())
	for member := range target.Children() {
		if !slices.Contains(patched, member.Name()) {
			m.name(begin, member.Name())
			m.out = append(m.out, member.Raw()...)
		}
	}
	m.out = append(m.out, '}')
}

// name writes the name of a member. The members of its object start at begin.
func (m *merger) name(begin int, name string) {
	if len(m.out) > begin {
		m.out = append(m.out, ',')
	}
	m.out = append(appendQuoted(m.out, name), ':')
}

// ChangedPaths returns the paths at which two canonical documents differ, such as
// data.section.attribute. A changed array is one path.
func ChangedPaths(before, after *Document) []string {
	return appendChanged(nil, "data", before.Root(), after.Root())
}

func appendChanged(paths []string, path string, before, after Value) []string {
	if before.Raw() == after.Raw() && before.Exists() == after.Exists() {
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

// MemberNames returns the sorted names of the members of two objects.
func MemberNames(a, b Value) (names []string) {
	for _, v := range []Value{a, b} {
		for m := range v.Children() {
			names = append(names, m.Name())
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
