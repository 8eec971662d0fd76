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

// place is a place in data that the catalogue knows.
type place struct {
	id        int        // counts the places in the order of the catalogue, from 1 on
	name      string     // of the member
	attribute *Attribute // nil for data itself and the sections
	pattern   *regexp.Regexp
	least     int // items of an array; -1 where the catalogue does not count
	most      int // -1: any number
	required  bool
	members   map[string]*place
	order     []*place
	classes   Classes // of all attributes at it and below
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
		rules: map[string]Rule{}, byPath: map[string]*place{}, root: &place{members: map[string]*place{}},
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
	rs.at = make([]*place, len(rs.byPath)+1)
	for _, p := range rs.byPath {
		rs.at[p.id] = p
	}
	rs.root.sum()
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
	if a.ConditionRule != "" && conditions[a.ConditionRule] == nil {
		wrong("condition %q is not known", a.ConditionRule)
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
	p, err := newPlace(a)
	rs.byPath[a.Path] = p
	steps := strings.Split(a.Path, ".")
	at := rs.root
	for i, step := range steps[:len(steps)-1] {
		name, inArray := strings.CutSuffix(step, "[]")
		next := at.members[name]
		if next == nil && i == 0 {
			next = &place{name: name, members: map[string]*place{}}
			rs.byPath[name] = next
			at.put(next, len(rs.byPath)-1)
		}
		if next == nil || next.members == nil || i > 0 && (next.attribute.Type == Objects) != inArray {
			return fmt.Errorf("%s is no container", strings.Join(steps[:i+1], "."))
		}
		at = next
	}
	p.name = steps[len(steps)-1]
	at.put(p, len(rs.byPath))
	return err
}

func (p *place) put(member *place, id int) {
	member.id = id
	p.members[member.name] = member
	p.order = append(p.order, member)
}

func newPlace(a *Attribute) (*place, error) {
	p := &place{attribute: a, least: -1, most: -1}
	if a.Type == Object || a.Type == Objects {
		p.members = map[string]*place{}
	}
	var errs []error
	if a.Pattern != "" {
		var err error
		if p.pattern, err = regexp.Compile(a.Pattern); err != nil {
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
func (p *place) count(cardinality string) error {
	p.required = strings.HasPrefix(cardinality, "1")
	if a := p.attribute; a.Type != Objects && a.Type != Strings || cardinality == "" {
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
	p.least, err = strconv.Atoi(least)
	if most != "n" && err == nil {
		p.most, err = strconv.Atoi(most)
	}
	if !ok || err != nil {
		return fmt.Errorf("cardinality %q cannot be read", cardinality)
	}
	return nil
}

// sum sets the classes of the places.
func (p *place) sum() Classes {
	if p.attribute != nil {
		p.classes = p.attribute.Access.class()
	}
	for _, m := range p.order {
		p.classes |= m.sum()
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
