package ruleset

import (
	"iter"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Document is the data of a passport as the catalogue sees it: a tree of
// values, each at its place of the catalogue. It is read-only once read, but
// for what Mark says of its values.
type Document struct {
	Rules  *RuleSet
	text   string
	values []value
	first  []int32 // by the id of a place: the first value there, 0 for none
	wrong  []Violation
}

// value is one value of a document. The zeroth is data itself; as nothing
// refers to that, 0 stands for none.
type value struct {
	place              *place // nil for what the catalogue does not know
	name               string // of a member; "" of an item
	index              int32  // of an item
	parent, next, down int32  // down is the first member or item
	last, same         int32  // the last of those; the next value at the same place
	start, end         int32  // in the text
	kind               jsontext.Kind
	number             float64
	marked             bool
}

// Value is a value of a document, or the absence of one.
type Value struct {
	doc *Document
	at  int32 // -1: absent
}

// Violation is what the catalogue finds wrong with one field.
type Violation struct {
	Path      string // JSON Pointer from the root of the body
	Code      string
	Message   string
	Attribute *Attribute // nil for what the catalogue does not know
	Duty      Duty       // that is not done, if one is
	Order     int        // of its place in the catalogue
	Warning   bool       // nothing is wrong with it yet
}

// Root returns data itself.
func (d *Document) Root() Value { return Value{d, 0} }

// At returns the first value at a path of the catalogue. It is absent where
// there is none, or where the catalogue does not know the path.
func (d *Document) At(path string) Value {
	p := d.Rules.byPath[path]
	if p == nil || d.first[p.id] == 0 {
		return Value{d, -1}
	}
	return Value{d, d.first[p.id]}
}

// All returns the values at a path of the catalogue: more than one where it
// leads through an array.
func (d *Document) All(path string) iter.Seq[Value] {
	return func(yield func(Value) bool) {
		for v := d.At(path); v.at > 0 && yield(v); {
			if v.at = d.values[v.at].same; v.at == 0 {
				return
			}
		}
	}
}

// AllSound tells whether nothing is wrong with the values at a path that leads
// through an array, and with the items of the array that it ends in.
func (d *Document) AllSound(path string) bool {
	p := d.Rules.byPath[strings.TrimSuffix(path, "[]")]
	if p == nil {
		return false
	}
	items := strings.HasSuffix(path, "[]")
	for at := d.first[p.id]; at != 0; at = d.values[at].same {
		if d.values[at].marked {
			return false
		}
		for item := d.values[at].down; items && item != 0; item = d.values[item].next {
			if d.values[item].marked {
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

func (v Value) get() *value { return &v.doc.values[v.at] }

// Here tells whether the value is there.
func (v Value) Here() bool { return v.at >= 0 }

// Sound tells whether the value is there and nothing is wrong with it.
func (v Value) Sound() bool { return v.at >= 0 && !v.get().marked }

// Mark notes that something is wrong with the value.
func (v Value) Mark() {
	if v.at >= 0 {
		v.get().marked = true
	}
}

// Attribute returns the attribute the value is at, nil where there is none.
func (v Value) Attribute() *Attribute {
	if v.at < 0 || v.get().place == nil {
		return nil
	}
	return v.get().place.attribute
}

// Order counts the places of the catalogue. What the catalogue does not know
// comes with what it is in.
func (v Value) Order() int {
	for ; v.at > 0; v = v.Parent() {
		if p := v.get().place; p != nil {
			return p.id
		}
	}
	return 0
}

// Is tells whether the value is a sound text and the one given.
func (v Value) Is(text string) bool { t, ok := v.Text(); return ok && t == text }

// Text returns a text, if the value is a sound one.
func (v Value) Text() (string, bool) {
	if !v.Sound() || v.get().kind != '"' {
		return "", false
	}
	return unquote(v.raw()), true
}

// Number returns a number, if the value is a sound one.
func (v Value) Number() (float64, bool) {
	if !v.Sound() || v.get().kind != '0' {
		return 0, false
	}
	return v.get().number, true
}

// True tells whether the value is a sound true.
func (v Value) True() bool { return v.Sound() && v.get().kind == 't' }

// False tells whether the value is a sound false.
func (v Value) False() bool { return v.Sound() && v.get().kind == 'f' }

// Len returns how many members or items the value has.
func (v Value) Len() (n int) {
	for range v.Items() {
		n++
	}
	return n
}

// Items returns the items of an array, or the members of an object.
func (v Value) Items() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		if v.at < 0 {
			return
		}
		for at := v.get().down; at != 0; at = v.doc.values[at].next {
			if !yield(Value{v.doc, at}) {
				return
			}
		}
	}
}

// Member returns a member of an object.
func (v Value) Member(name string) Value {
	for m := range v.Items() {
		if m.get().name == name {
			return m
		}
	}
	return Value{v.doc, -1}
}

// Parent returns what the value is in.
func (v Value) Parent() Value { return Value{v.doc, v.get().parent} }

// Name returns the name of a member.
func (v Value) Name() string { return v.get().name }

// Path returns the JSON Pointer of the value from the root of the body.
func (v Value) Path() string { return string(v.appendPath(make([]byte, 0, 80))) }

func (v Value) appendPath(path []byte) []byte {
	if v.at <= 0 {
		return append(path, "/data"...)
	}
	path = append(v.Parent().appendPath(path), '/')
	if v.Parent().get().kind == '[' {
		return strconv.AppendInt(path, int64(v.get().index), 10)
	}
	return append(path, escape(v.get().name)...)
}

func escape(name string) string {
	if !strings.ContainsAny(name, "~/") {
		return name
	}
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

// Raw returns the value as it was written.
func (v Value) Raw() string { return v.raw() }

func (v Value) raw() string { return v.doc.text[v.get().start:v.get().end] }

// unquote returns the text of a JSON string. Most need no work.
func unquote(raw string) string {
	if !strings.Contains(raw, `\`) {
		return raw[1 : len(raw)-1]
	}
	text, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		panic("ruleset: data was not checked: " + err.Error())
	}
	return string(text)
}
