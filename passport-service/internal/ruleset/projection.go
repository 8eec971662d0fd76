package ruleset

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/battery-passport/suite/pkg/wire"
)

// Project returns the part of data, which is canonical, that those may read who
// have the classes. What the catalogue does not know is in no class. An object
// of which nothing is left goes too: that it was there may tell.
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

// Reads tells whether those who have the classes may read what is at a path of
// the catalogue.
func (rs *RuleSet) CanRead(path string, classes Classes) bool {
	p := rs.byPath[path]
	return p != nil && p.classes&classes != 0
}

type projector struct {
	dec     *jsontext.Decoder
	classes Classes
	out     []byte
}

// object writes what is left of the object that comes, and tells whether that
// is anything.
func (p *projector) object(at *Node) bool {
	must(p.dec.ReadToken())
	begin := len(p.out)
	p.out = append(p.out, '{')
	for p.dec.PeekKind() != '}' {
		before := len(p.out)
		if before > begin+1 {
			p.out = append(p.out, ',')
		}
		name := must(p.dec.ReadValue())
		member := at.members[string(name[1:len(name)-1])]
		p.out = append(append(p.out, name...), ':')
		if !p.member(member) {
			p.out = p.out[:before]
		}
	}
	must(p.dec.ReadToken())
	if len(p.out) == begin+1 {
		p.out = p.out[:begin]
		return false
	}
	p.out = append(p.out, '}')
	return true
}

func (p *projector) member(at *Node) bool {
	switch {
	case at == nil || at.classes&p.classes == 0 || at.Attribute != nil && !p.classes.Has(at.Attribute.Access):
		must(p.dec.ReadValue())
		return false
	case at.classes&^p.classes == 0 || at.members == nil:
		p.out = append(p.out, must(p.dec.ReadValue())...)
	case p.dec.PeekKind() == '{':
		return p.object(at)
	case p.dec.PeekKind() == '[':
		p.array(at)
	default: // no passport is stored with it
		must(p.dec.ReadValue())
		return false
	}
	return true
}

// array writes as many objects as there are, each as far as it may be read.
func (p *projector) array(at *Node) {
	must(p.dec.ReadToken())
	p.out = append(p.out, '[')
	for first := true; p.dec.PeekKind() != ']'; first = false {
		if !first {
			p.out = append(p.out, ',')
		}
		if p.dec.PeekKind() != '{' {
			must(p.dec.ReadValue())
			p.out = append(p.out, "null"...)
		} else if !p.object(at) {
			p.out = append(p.out, "{}"...)
		}
	}
	must(p.dec.ReadToken())
	p.out = append(p.out, ']')
}
