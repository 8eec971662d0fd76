package ruleset

import (
	"iter"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Value is a value of a document, or the absence of one.
type Value struct {
	doc *Document
	at  int32 // -1: absent
}

// Absent is the absence of a value.
var Absent = Value{at: -1}

func (v Value) get() *value { return &v.doc.values[v.at] }

// Exists reports whether the value is there.
func (v Value) Exists() bool { return v.at >= 0 }

// Valid reports whether the value is there and nothing is wrong with it.
func (v Value) Valid() bool { return v.at >= 0 && !v.doc.invalid[v.at] }

// Invalidate records that something is wrong with the value.
func (v Value) Invalidate() {
	if v.at >= 0 {
		v.doc.invalid[v.at] = true
	}
}

// Node returns the node that the value is at, nil where there is none.
func (v Value) Node() *Node {
	if v.at < 0 {
		return nil
	}
	return v.get().node
}

// Attribute returns the attribute that the value is at, nil where there is none.
func (v Value) Attribute() *Attribute {
	if n := v.Node(); n != nil {
		return n.Attribute
	}
	return nil
}

// Position returns the position of the node, for what the catalogue does not
// know that of its container.
func (v Value) Position() int {
	for ; v.at > 0; v = v.Parent() {
		if n := v.get().node; n != nil {
			return n.Position
		}
	}
	return 0
}

// IsObject reports whether the value is an object.
func (v Value) IsObject() bool { return v.at >= 0 && v.get().kind == '{' }

// IsArray reports whether the value is an array.
func (v Value) IsArray() bool { return v.at >= 0 && v.get().kind == '[' }

// Is reports whether the value is a valid text and the one given.
func (v Value) Is(text string) bool { t, ok := v.Text(); return ok && t == text }

// Text returns a text, if the value is a valid one.
func (v Value) Text() (string, bool) {
	if !v.Valid() || v.get().kind != '"' {
		return "", false
	}
	return unquote(v.raw()), true
}

// Number returns a number, if the value is a valid one.
func (v Value) Number() (float64, bool) {
	if !v.Valid() || v.get().kind != '0' {
		return 0, false
	}
	return v.get().number, true
}

// True reports whether the value is a valid true.
func (v Value) True() bool { return v.Valid() && v.get().kind == 't' }

// False reports whether the value is a valid false.
func (v Value) False() bool { return v.Valid() && v.get().kind == 'f' }

// Len returns how many members or items the value has.
func (v Value) Len() (n int) {
	for range v.Children() {
		n++
	}
	return n
}

// Children returns the items of an array, or the members of an object.
func (v Value) Children() iter.Seq[Value] {
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
	for m := range v.Children() {
		if m.get().name == name {
			return m
		}
	}
	return Absent
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
	return append(path, EscapePointer(v.get().name)...)
}

// EscapePointer escapes the name of a member for a JSON Pointer.
func EscapePointer(name string) string {
	if !strings.ContainsAny(name, "~/") {
		return name
	}
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

// Raw returns the value as it was written, "" for an absent one.
func (v Value) Raw() string { return v.raw() }

func (v Value) raw() string {
	if v.at < 0 {
		return ""
	}
	return v.doc.text[v.get().start:v.get().end]
}

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
