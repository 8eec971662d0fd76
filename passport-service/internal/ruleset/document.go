package ruleset

import (
	"iter"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

// Document is the data of a passport as the catalogue sees it: a tree of values,
// each at its node of the catalogue. A request reads its data once; structure
// check, duties, rules, canonical form, indexes, events and comparisons work on
// the document. Reading it is safe for concurrent use.
type Document struct {
	Rules      *RuleSet
	text       string
	values     []value
	invalid    []bool  // by value
	first      []int32 // by the position of a node: the first value there, 0 for none
	violations []Violation
	canonical  bool // the text is
}

// value is one value of a document. The zeroth is data itself; as nothing
// refers to that, 0 stands for none.
type value struct {
	node               *Node  // nil for what the catalogue does not know
	name               string // of a member; "" of an item
	index              int32  // of an item
	parent, next, down int32  // down is the first member or item
	last, same         int32  // the last of those; the next value at the same node
	start, end         int32  // in the text
	kind               jsontext.Kind
	number             float64
}

// Violation is something wrong with the structure of one field.
type Violation struct {
	Path      string // JSON Pointer from the root of the body
	Code      string
	Message   string
	Attribute *Attribute // nil for what the catalogue does not know
	Position  int        // of its node
}

// Violations returns everything that is wrong with the structure: unknown
// members, JSON types, allowed values, bounds, sizes. There are at most 1,000.
func (d *Document) Violations() []Violation { return d.violations }

// Details returns the violations as a problem shows them.
func (d *Document) Details() (details []fault.Detail) {
	for _, v := range d.violations {
		details = append(details, fault.Detail{Path: v.Path, Code: v.Code, Message: v.Message})
	}
	return details
}

// Clone returns a copy that can be changed without changing the original.
func (d *Document) Clone() *Document {
	c := *d
	c.values, c.invalid, c.first = slices.Clone(d.values), slices.Clone(d.invalid), slices.Clone(d.first)
	return &c
}

// Raw returns data as it was written.
func (d *Document) Raw() wire.Value { return wire.Value(d.Root().raw()) }

// Text returns the text at a path of the catalogue, valid or not, or "" where
// there is none.
func (d *Document) Text(path string) string {
	if v := d.First(path); v.Exists() && v.get().kind == '"' {
		return unquote(v.raw())
	}
	return ""
}

// SetText sets the text of an attribute of a section. It does nothing where
// data has no such section.
func (d *Document) SetText(path, text string) {
	node, section := d.Rules.byPath[path], d.First(path[:strings.IndexByte(path, '.')])
	if node == nil || !section.IsObject() {
		return
	}
	v := d.First(path)
	if !v.Exists() {
		v = Value{d, d.add(section.at, node, node.Name, 0)}
		d.first[node.Position] = v.at
	}
	start := len(d.text)
	d.text += quote(text)
	v.get().kind, v.get().start, v.get().end = '"', int32(start), int32(len(d.text))
	d.invalid[v.at], d.canonical = false, false
}

// add adds a value below another.
func (d *Document) add(parent int32, n *Node, name string, index int32) int32 {
	at := int32(len(d.values))
	d.values = append(d.values, value{node: n, name: name, index: index, parent: parent})
	d.invalid = append(d.invalid, false)
	if up := &d.values[parent]; up.down == 0 {
		up.down, up.last = at, at
	} else {
		d.values[up.last].next, up.last = at, at
	}
	return at
}

// Root returns data itself.
func (d *Document) Root() Value { return Value{d, 0} }

// First returns the first value at a path of the catalogue. It is absent where
// there is none, or where the catalogue does not know the path.
func (d *Document) First(path string) Value {
	n := d.Rules.byPath[path]
	if n == nil || d.first[n.Position] == 0 {
		return Absent
	}
	return Value{d, d.first[n.Position]}
}

// All returns the values at a path of the catalogue: more than one where it
// leads through an array.
func (d *Document) All(path string) iter.Seq[Value] {
	return func(yield func(Value) bool) {
		for v := d.First(path); v.at > 0 && yield(v); {
			if v.at = d.values[v.at].same; v.at == 0 {
				return
			}
		}
	}
}

// AllValid reports whether all values at a path that leads through an array are
// valid, with the items of the array that it ends in.
func (d *Document) AllValid(path string) bool {
	n := d.Rules.byPath[strings.TrimSuffix(path, "[]")]
	if n == nil {
		return false
	}
	items := strings.HasSuffix(path, "[]")
	for at := d.first[n.Position]; at != 0; at = d.values[at].same {
		if d.invalid[at] {
			return false
		}
		for item := d.values[at].down; items && item != 0; item = d.values[item].next {
			if d.invalid[item] {
				return false
			}
		}
	}
	return true
}

// Values returns all values but data itself, in the order of the text.
func (d *Document) Values() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		for at := 1; at < len(d.values) && yield(Value{d, int32(at)}); at++ {
		}
	}
}
