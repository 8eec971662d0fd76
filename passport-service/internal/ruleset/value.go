package ruleset

import (
	"iter"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Value is a value of a document. It may be absent.
type Value struct {
	doc *Document
	id  int32 // index of the node; -1: absent
}

// Absent is a value that does not exist.
var Absent = Value{id: -1}

func (v Value) node() *node { return &v.doc.nodes[v.id] }

// Exists reports whether the document has the value.
func (v Value) Exists() bool { return v.id >= 0 }

// Valid reports whether the value exists and has no error.
func (v Value) Valid() bool { return v.id >= 0 && !v.doc.invalid[v.id] }

// Invalidate records that the value has an error.
func (v Value) Invalidate() {
	if v.id >= 0 {
		v.doc.invalid[v.id] = true
	}
}

// Field returns the field of the value, or nil for an absent or unknown one.
func (v Value) Field() *Field {
	if v.id < 0 {
		return nil
	}
	return v.node().field
}

// Attribute returns the attribute of the value, or nil if it has none.
func (v Value) Attribute() *Attribute {
	if f := v.Field(); f != nil {
		return f.Attribute
	}
	return nil
}

// Position returns the position of the field in the catalogue. An unknown member
// has the position of its container.
func (v Value) Position() int {
	for ; v.id > 0; v = v.Parent() {
		if f := v.node().field; f != nil {
			return f.Position
		}
	}
	return 0
}

// IsObject reports whether the value is an object.
func (v Value) IsObject() bool { return v.id >= 0 && v.node().kind == '{' }

// IsArray reports whether the value is an array.
func (v Value) IsArray() bool { return v.id >= 0 && v.node().kind == '[' }

// Is reports whether the value is valid and equal to a string.
func (v Value) Is(text string) bool { t, ok := v.Text(); return ok && t == text }

// Text returns the string, if the value is a valid one.
func (v Value) Text() (string, bool) {
	if !v.Valid() {
		return "", false
	}
	return v.AnyText()
}

// AnyText returns the string, if the value is one, even if it is not valid.
func (v Value) AnyText() (string, bool) {
	if v.id < 0 || v.node().kind != '"' {
		return "", false
	}
	return unquote(v.Raw()), true
}

// Number returns the number, if the value is a valid one.
func (v Value) Number() (float64, bool) {
	if !v.Valid() || v.node().kind != '0' {
		return 0, false
	}
	return v.node().number, true
}

// True reports whether the value is valid and true.
func (v Value) True() bool { return v.Valid() && v.node().kind == 't' }

// False reports whether the value is valid and false.
func (v Value) False() bool { return v.Valid() && v.node().kind == 'f' }

// Len returns the number of children.
func (v Value) Len() (n int) {
	for range v.Children() {
		n++
	}
	return n
}

// Children returns the items of an array or the members of an object.
func (v Value) Children() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		if v.id < 0 {
			return
		}
		for id := v.node().firstChild; id != 0; id = v.doc.nodes[id].nextSibling {
			if !yield(Value{v.doc, id}) {
				return
			}
		}
	}
}

// Member returns the member of an object with a name.
func (v Value) Member(name string) Value {
	for m := range v.Children() {
		if m.node().name == name {
			return m
		}
	}
	return Absent
}

// Parent returns the object or array that contains the value.
func (v Value) Parent() Value { return Value{v.doc, v.node().parent} }

// Name returns the name of a member.
func (v Value) Name() string { return v.node().name }

// Path returns the JSON Pointer from the root of the body.
func (v Value) Path() string { return string(v.appendPath(make([]byte, 0, 80))) }

func (v Value) appendPath(path []byte) []byte {
	if v.id <= 0 {
		return append(path, "/data"...)
	}
	path = append(v.Parent().appendPath(path), '/')
	if v.Parent().node().kind == '[' {
		return strconv.AppendInt(path, int64(v.node().index), 10)
	}
	return append(path, EscapePointer(v.node().name)...)
}

// EscapePointer escapes the name of a member for a JSON Pointer.
func EscapePointer(name string) string {
	if !strings.ContainsAny(name, "~/") {
		return name
	}
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

// maxShown limits the characters of a name in messages.
const maxShown = 200

var plainName = regexp.MustCompile(`^[\pL\pM\pN_.\-\[\]]+$`)

// FieldName returns the name of the field at a JSON Pointer as messages show it,
// without its section: materials[0].massKg. Names with other characters are quoted.
func FieldName(path string) string {
	steps := strings.Split(strings.TrimPrefix(path, "/data/"), "/")
	name := path[strings.LastIndexByte(path, '/')+1:] // data itself, or a section
	if len(steps) > 1 {
		name = steps[1]
		for _, step := range steps[2:] {
			if step != "" && strings.Trim(step, "0123456789") == "" {
				name += "[" + step + "]"
			} else {
				name += "." + step
			}
		}
	}
	if name = unescapePointer.Replace(name); utf8.RuneCountInString(name) > maxShown {
		name = string([]rune(name)[:maxShown]) + "…"
	}
	if !plainName.MatchString(name) {
		name = strconv.Quote(name)
	}
	return name
}

var unescapePointer = strings.NewReplacer("~1", "/", "~0", "~")

// Raw returns the JSON text of the value, "" for an absent one.
func (v Value) Raw() string {
	if v.id < 0 {
		return ""
	}
	return v.doc.text[v.node().start:v.node().end]
}

// ControlCharacter returns the first control character of a text, or -1. Control characters are
// invisible and not allowed in XML. Tabs and line breaks count as white space.
func ControlCharacter(text string) rune {
	for _, r := range text {
		if (r < ' ' && r != '\t' && r != '\n' && r != '\r') || r >= 0x7f && r < 0xa0 || r == 0xfffe || r == 0xffff {
			return r
		}
	}
	return -1
}

// unquote returns the text of a JSON string.
func unquote(raw string) string {
	if !strings.Contains(raw, `\`) {
		return raw[1 : len(raw)-1]
	}
	text, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		panic("ruleset: invalid JSON: " + err.Error())
	}
	return string(text)
}
