package ruleset

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/battery-passport/suite/pkg/wire"
)

// Project returns the part of canonical data that the classes may read. Unknown
// members are removed. So are objects without a readable member: an empty one
// would reveal that it exists.
func (rs *RuleSet) Project(data wire.Value, classes Classes) wire.Value {
	if classes == AllClasses {
		return data
	}
	p := projector{jsontext.NewDecoder(bytes.NewBuffer(data), jsontext.AllowDuplicateNames(true)), classes, make([]byte, 0, len(data))}
	if !p.object(rs.root) {
		return wire.Value("{}")
	}
	return p.out
}

// CanRead reports whether the classes may read any part of the value at a path of
// the catalogue.
func (rs *RuleSet) CanRead(path string, classes Classes) bool {
	f := rs.byPath[path]
	return f != nil && f.classes&classes != 0
}

type projector struct {
	dec     *jsontext.Decoder
	classes Classes
	out     []byte
}

// object copies the readable members of the next object. It reports whether it
// has any.
func (p *projector) object(f *Field) bool {
	must(p.dec.ReadToken())
	start := len(p.out)
	p.out = append(p.out, '{')
	for p.dec.PeekKind() != '}' {
		end := len(p.out)
		if end > start+1 {
			p.out = append(p.out, ',')
		}
		name := must(p.dec.ReadValue())
		member := f.members[string(name[1:len(name)-1])]
		p.out = append(append(p.out, name...), ':')
		if !p.value(member) {
			p.out = p.out[:end]
		}
	}
	must(p.dec.ReadToken())
	if len(p.out) == start+1 {
		p.out = p.out[:start]
		return false
	}
	p.out = append(p.out, '}')
	return true
}

// value copies the readable part of the next value. It reports whether there is
// any.
func (p *projector) value(f *Field) bool {
	switch {
	case f == nil || f.classes&p.classes == 0 || f.Attribute != nil && !p.classes.Has(f.Attribute.Access):
		must(p.dec.ReadValue())
		return false
	case f.classes&^p.classes == 0 || f.members == nil:
		p.out = append(p.out, must(p.dec.ReadValue())...)
	case p.dec.PeekKind() == '{':
		return p.object(f)
	case p.dec.PeekKind() == '[':
		p.array(f)
	default: // a scalar in place of a container, which is never stored
		must(p.dec.ReadValue())
		return false
	}
	return true
}

// array copies the readable part of each object of the next array. The number of
// items stays the same.
func (p *projector) array(f *Field) {
	must(p.dec.ReadToken())
	p.out = append(p.out, '[')
	for first := true; p.dec.PeekKind() != ']'; first = false {
		if !first {
			p.out = append(p.out, ',')
		}
		if p.dec.PeekKind() != '{' {
			must(p.dec.ReadValue())
			p.out = append(p.out, "null"...)
		} else if !p.object(f) {
			p.out = append(p.out, "{}"...)
		}
	}
	must(p.dec.ReadToken())
	p.out = append(p.out, ']')
}
