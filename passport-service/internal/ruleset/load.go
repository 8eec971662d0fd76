package ruleset

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Node is a place in data that the catalogue describes: data itself, a section,
// or an attribute. It is read-only.
type Node struct {
	Name      string
	Attribute *Attribute     // nil for data itself and the sections
	Children  []*Node        // in the order of the catalogue
	Position  int            // in the order of the catalogue, from 1 on; 0 for data itself
	Pattern   *regexp.Regexp // of a text; nil: any
	MinItems  int            // of an array; -1: any number
	MaxItems  int            // of an array; -1: any number
	Required  bool           // inside its container

	members map[string]*Node // the children by name; nil where there can be none
	classes Classes          // of all attributes at it and below
}

// Load reads a catalogue. It reports everything that is wrong with it.
func Load(data []byte) (*RuleSet, error) {
	var file struct {
		Profile       string      `json:"profile"`
		EffectiveFrom Date        `json:"effectiveFrom"`
		Attributes    []Attribute `json:"attributes"`
		Rules         []Rule      `json:"rules"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	rs := &RuleSet{
		Name: file.Profile, EffectiveFrom: file.EffectiveFrom, File: data, attributes: file.Attributes,
		rules: map[string]Rule{}, byPath: map[string]*Node{}, root: &Node{members: map[string]*Node{}},
	}
	var errs []error
	if rs.Name == "" || len(rs.attributes) == 0 {
		errs = append(errs, errors.New("a rule set needs a profile and attributes"))
	}
	if rs.EffectiveFrom == "" {
		errs = append(errs, errors.New("a rule set needs the date effectiveFrom"))
	}
	for _, r := range file.Rules {
		rs.rules[r.ID] = r
	}
	for i := range rs.attributes {
		a := &rs.attributes[i]
		if err := errors.Join(a.check(rs), rs.add(a)); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", a.Path, err))
		}
	}
	rs.root.collectClasses()
	return rs, errors.Join(errs...)
}

var (
	types      = []Type{String, Number, Integer, Boolean, Object, Objects, Strings, Languages}
	duties     = []Duty{Mandatory, Conditional, Recommended, Optional, Later, NotApplicable}
	categories = []Category{EV, LMT, Industrial, Stationary}
)

func (a *Attribute) check(rs *RuleSet) error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !slices.Contains(types, a.Type) {
		wrong("type %q is not known", a.Type)
	}
	if a.Access.class() == 0 {
		wrong("access %q is not known", a.Access)
	}
	if section, _, ok := strings.Cut(a.Path, "."); !ok || section != a.Section {
		wrong("is not in its section %q", a.Section)
	}
	if (a.AllowedValues != nil || a.Pattern != "") && a.Type != String && a.Type != Strings {
		wrong("has allowed values or a pattern and is no string")
	}
	if (a.Minimum != nil || a.ExclusiveMin != nil || a.Maximum != nil) && a.Type != Number && a.Type != Integer {
		wrong("has bounds and is no number")
	}
	for _, c := range categories {
		if d, ok := a.RequiredFor[c]; a.RequiredFor != nil && (!ok || !slices.Contains(duties, d)) {
			wrong("duty %q for %s is not known", d, c)
		}
	}
	for _, id := range a.Rules {
		if _, ok := rs.rules[id]; !ok {
			wrong("rule %q is not in the rule set", id)
		}
	}
	return errors.Join(errs...)
}

// add puts an attribute into the index. A container comes before its members.
func (rs *RuleSet) add(a *Attribute) error {
	if rs.byPath[a.Path] != nil {
		return errors.New("is there twice")
	}
	p, err := newNode(a)
	rs.byPath[a.Path] = p
	steps := strings.Split(a.Path, ".")
	at := rs.root
	for i, step := range steps[:len(steps)-1] {
		name, inArray := strings.CutSuffix(step, "[]")
		next := at.members[name]
		if next == nil && i == 0 {
			next = &Node{Name: name, members: map[string]*Node{}}
			rs.byPath[name] = next
			at.put(next, len(rs.byPath)-1)
		}
		if next == nil || next.members == nil || i > 0 && (next.Attribute.Type == Objects) != inArray {
			return fmt.Errorf("%s is no container", strings.Join(steps[:i+1], "."))
		}
		at = next
	}
	p.Name = steps[len(steps)-1]
	at.put(p, len(rs.byPath))
	return err
}

func (p *Node) put(member *Node, id int) {
	member.Position = id
	p.members[member.Name] = member
	p.Children = append(p.Children, member)
}

func newNode(a *Attribute) (*Node, error) {
	p := &Node{Attribute: a, MinItems: -1, MaxItems: -1}
	if a.Type == Object || a.Type == Objects {
		p.members = map[string]*Node{}
	}
	var errs []error
	if a.Pattern != "" {
		var err error
		if p.Pattern, err = regexp.Compile(a.Pattern); err != nil {
			errs = append(errs, err)
		}
	}
	if err := p.count(a.Cardinality); err != nil {
		errs = append(errs, err)
	}
	return p, errors.Join(errs...)
}

// count reads a cardinality, as "1", "0..1", "3..n" and, of arrays, "0 or 4"
// and "1 (0..n items)".
func (p *Node) count(cardinality string) error {
	p.Required = strings.HasPrefix(cardinality, "1")
	if a := p.Attribute; a.Type != Objects && a.Type != Strings || cardinality == "" {
		return nil
	}
	items := cardinality
	if _, inner, ok := strings.Cut(cardinality, "("); ok {
		items = strings.TrimSuffix(inner, " items)")
	}
	if _, n, ok := strings.Cut(items, " or "); ok {
		items = n + ".." + n
	}
	if items == "0..1" || items == "1" { // of the array itself
		return nil
	}
	least, most, ok := strings.Cut(items, "..")
	var err error
	p.MinItems, err = strconv.Atoi(least)
	if most != "n" && err == nil {
		p.MaxItems, err = strconv.Atoi(most)
	}
	if !ok || err != nil {
		return fmt.Errorf("cardinality %q cannot be read", cardinality)
	}
	return nil
}

// collectClasses sets the classes of the node and of all below it.
func (p *Node) collectClasses() Classes {
	if p.Attribute != nil {
		p.classes = p.Attribute.Access.class()
	}
	for _, m := range p.Children {
		p.classes |= m.collectClasses()
	}
	return p.classes
}

// units end the names of attributes that have one.
var units = []string{"PercentPerMonth", "Percent", "Kwh", "Ah", "Kg", "Ohm", "V", "W", "C"}

// Label is the name of an attribute in words, without its unit, as "rated
// capacity".
func (a *Attribute) Label() string {
	name := a.Path[strings.LastIndexByte(a.Path, '.')+1:]
	for _, unit := range units {
		if short, ok := strings.CutSuffix(name, unit); ok && short != "" && a.Unit != "" {
			name = short
			break
		}
	}
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
