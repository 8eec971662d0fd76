package ruleset

import (
	"iter"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

// Document is the data of a passport, parsed into a tree of values. Each value refers to the
// field of the catalogue that describes it. Data is parsed once per request: structure check,
// duties, rules, canonical form, indexes and comparisons use the document. Concurrent reads are
// safe.
type Document struct {
	Rules      *RuleSet
	text       string  // the JSON text that the nodes refer to
	nodes      []node  // nodes[0] is data itself
	invalid    []bool  // by node
	first      []int32 // by Field.Position: the first node of the field, 0 for none
	violations []Violation
	canonical  bool // text is in the canonical form
}

// node is a value in the tree. It refers to others by their index in
// Document.nodes. 0 means none, because no link refers to the root.
type node struct {
	field                 *Field // nil for an unknown member
	name                  string // of a member; "" for an item of an array
	index                 int32  // of an item of an array
	parent                int32
	firstChild, lastChild int32
	nextSibling           int32
	nextOfField           int32 // the next node of the same field
	start, end            int32 // byte offsets in the text
	kind                  jsontext.Kind
	number                float64
}

// Violation is an error in the structure of one field.
type Violation struct {
	Path      string // JSON Pointer from the root of the body
	Code      string
	Message   string     // a sentence that starts with the name of the field
	Attribute *Attribute // nil for an unknown member or a section
	Position  int        // of the field in the catalogue
}

// Violations returns all errors in the structure, at most 1,000: unknown
// members, wrong JSON types, values that are not allowed, bounds and sizes.
func (d *Document) Violations() []Violation { return d.violations }

// Details returns the violations as details of a problem.
func (d *Document) Details() (details []fault.Detail) {
	for _, v := range d.violations {
		details = append(details, fault.Detail{Path: v.Path, Code: v.Code, Message: v.Message})
	}
	return details
}

// Clone returns a copy that can be changed without changing the original.
func (d *Document) Clone() *Document {
	c := *d
	c.nodes, c.invalid, c.first = slices.Clone(d.nodes), slices.Clone(d.invalid), slices.Clone(d.first)
	return &c
}

// Raw returns the JSON text of data.
func (d *Document) Raw() wire.Value { return wire.Value(d.Root().Raw()) }

// Text returns the string at a path of the catalogue, even if it is invalid, or
// "" for an absent one.
func (d *Document) Text(path string) string {
	if v := d.First(path); v.Exists() && v.node().kind == '"' {
		return unquote(v.Raw())
	}
	return ""
}

// SetText sets the string of an attribute of a section. It does nothing if the section is
// missing.
func (d *Document) SetText(path, text string) {
	field, section := d.Rules.byPath[path], d.First(path[:strings.IndexByte(path, '.')])
	if field == nil || !section.IsObject() {
		return
	}
	v := d.First(path)
	if !v.Exists() {
		v = Value{d, d.add(section.id, field, field.Name, 0)}
		d.first[field.Position] = v.id
	}
	start := len(d.text)
	d.text += quote(text)
	v.node().kind, v.node().start, v.node().end = '"', int32(start), int32(len(d.text))
	d.invalid[v.id], d.canonical = false, false
}

// add appends a child to a node and returns its index.
func (d *Document) add(parent int32, f *Field, name string, index int32) int32 {
	id := int32(len(d.nodes))
	d.nodes = append(d.nodes, node{field: f, name: name, index: index, parent: parent})
	d.invalid = append(d.invalid, false)
	if p := &d.nodes[parent]; p.firstChild == 0 {
		p.firstChild, p.lastChild = id, id
	} else {
		d.nodes[p.lastChild].nextSibling, p.lastChild = id, id
	}
	return id
}

// Root returns data itself.
func (d *Document) Root() Value { return Value{d, 0} }

// First returns the first value at a path of the catalogue, which may be absent.
// It is always absent for a path that the catalogue does not have.
func (d *Document) First(path string) Value {
	f := d.Rules.byPath[path]
	if f == nil || d.first[f.Position] == 0 {
		return Absent
	}
	return Value{d, d.first[f.Position]}
}

// All returns the values at a path of the catalogue. A path through an array
// may have more than one.
func (d *Document) All(path string) iter.Seq[Value] {
	return func(yield func(Value) bool) {
		for v := d.First(path); v.id > 0 && yield(v); {
			if v.id = d.nodes[v.id].nextOfField; v.id == 0 {
				return
			}
		}
	}
}

// AllValid reports whether all values at a path are valid. If the path ends in
// [], it also checks the items of the arrays.
func (d *Document) AllValid(path string) bool {
	f := d.Rules.byPath[strings.TrimSuffix(path, "[]")]
	if f == nil {
		return false
	}
	items := strings.HasSuffix(path, "[]")
	for id := d.first[f.Position]; id != 0; id = d.nodes[id].nextOfField {
		if d.invalid[id] {
			return false
		}
		for item := d.nodes[id].firstChild; items && item != 0; item = d.nodes[item].nextSibling {
			if d.invalid[item] {
				return false
			}
		}
	}
	return true
}

// Values returns all values except the root, in the order of the text.
func (d *Document) Values() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		for id := 1; id < len(d.nodes) && yield(Value{d, int32(id)}); id++ {
		}
	}
}
