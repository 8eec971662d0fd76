package ruleset

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Field is an element of the catalogue's tree: data itself, a section, or an
// attribute. It is read-only.
type Field struct {
	Name      string
	Attribute *Attribute     // nil for data itself and the sections
	Children  []*Field       // in the order of the catalogue
	Position  int            // in the catalogue, starting at 1; 0 for data itself
	Pattern   *regexp.Regexp // of a string; nil: any
	MinItems  int            // of an array; -1: no limit
	MaxItems  int            // of an array; -1: no limit
	Required  bool           // inside its container

	members map[string]*Field // the children by name; nil for a scalar
	classes Classes           // of its attribute and of all below it
}

// Load parses a catalogue. The error joins all errors in the file.
func Load(data []byte) (*RuleSet, error) {
	var file struct {
		Profile       string            `json:"profile"`
		EffectiveFrom Date              `json:"effectiveFrom"`
		Formats       []DataModel       `json:"formats"`
		Attributes    []Attribute       `json:"attributes"`
		Rules         []Rule            `json:"rules"`
		Conditions    map[string]string `json:"conditionRules"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	rs := &RuleSet{
		Name: file.Profile, EffectiveFrom: file.EffectiveFrom, File: data, Formats: file.Formats, attributes: file.Attributes, conditions: file.Conditions,
		rules: map[string]Rule{}, byPath: map[string]*Field{}, root: &Field{members: map[string]*Field{}},
	}
	var errs []error
	if rs.Name == "" || len(rs.attributes) == 0 {
		errs = append(errs, errors.New("profile or attributes are missing"))
	}
	if rs.EffectiveFrom == "" {
		errs = append(errs, errors.New("effectiveFrom is missing"))
	}
	for i := range rs.Formats {
		rs.Formats[i].Mapping = cmp.Or(rs.Formats[i].Mapping, rs.Formats[i].Name)
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
	rs.indexNames(rs.root)
	return rs, errors.Join(append(errs, rs.checkNames()...)...)
}

// checkNames returns an error for each value with the name of an attribute that does not exist.
func (rs *RuleSet) checkNames() (errs []error) {
	for _, a := range rs.attributes {
		for value, path := range a.NamedAfter {
			if rs.byPath[path] == nil {
				errs = append(errs, fmt.Errorf("%s: the value %s is named after %q, which is unknown", a.Path, value, path))
			}
		}
	}
	return errs
}

var (
	types      = []Type{String, Number, Integer, Boolean, Object, Objects, Strings, Localized}
	duties     = []Duty{Mandatory, Conditional, Recommended, Optional, Later, NotApplicable}
	categories = []Category{EV, LMT, Industrial, Stationary}
)

func (a *Attribute) check(rs *RuleSet) error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !slices.Contains(types, a.Type) {
		wrong("type %q is unknown", a.Type)
	}
	if a.Access.class() == 0 {
		wrong("access %q is unknown", a.Access)
	}
	if section, _, ok := strings.Cut(a.Path, "."); !ok || section != a.Section {
		wrong("path must start with the section %q", a.Section)
	}
	if (a.AllowedValues != nil || a.Pattern != "") && a.Type != String && a.Type != Strings {
		wrong("allowedValues and pattern are only allowed for strings")
	}
	a.checkSpellings(wrong)
	if (a.Minimum != nil || a.ExclusiveMin != nil || a.Maximum != nil) && a.Type != Number && a.Type != Integer {
		wrong("bounds are only allowed for numbers")
	}
	for _, c := range categories {
		if d, ok := a.RequiredFor[c]; a.RequiredFor != nil && (!ok || !slices.Contains(duties, d)) {
			wrong("duty %q for %s is unknown", d, c)
		}
	}
	for _, id := range a.Rules {
		if _, ok := rs.rules[id]; !ok {
			wrong("rule %q is unknown", id)
		}
	}
	return errors.Join(errs...)
}

// checkSpellings calls wrong for each allowed value or spelling that has two meanings, as the case
// of letters does not count.
func (a *Attribute) checkSpellings(wrong func(format string, args ...any)) {
	meanings := map[string]string{} // by text in lower case
	for _, value := range a.AllowedValues {
		if other, ok := meanings[strings.ToLower(value)]; ok {
			wrong("the allowed values %q and %q differ in case only", other, value)
		}
		meanings[strings.ToLower(value)] = value
	}
	for spelling, value := range a.Spellings {
		if !slices.Contains(a.AllowedValues, value) {
			wrong("%q is a spelling of %q, which is not an allowed value", spelling, value)
		}
		if other, ok := meanings[strings.ToLower(spelling)]; ok && other != value {
			wrong("%q is a spelling of both %q and %q", spelling, other, value)
		}
		meanings[strings.ToLower(spelling)] = value
	}
}

// add inserts an attribute into the tree. Its container must be there already.
func (rs *RuleSet) add(a *Attribute) error {
	if rs.byPath[a.Path] != nil {
		return errors.New("path already exists")
	}
	f, err := newField(a)
	rs.byPath[a.Path] = f
	steps := strings.Split(a.Path, ".")
	container := rs.root
	for i, step := range steps[:len(steps)-1] {
		name, inArray := strings.CutSuffix(step, "[]")
		next := container.members[name]
		if next == nil && i == 0 {
			next = &Field{Name: name, members: map[string]*Field{}}
			rs.byPath[name] = next
			container.append(next, len(rs.byPath)-1)
		}
		if next == nil || next.members == nil || i > 0 && (next.Attribute.Type == Objects) != inArray {
			return fmt.Errorf("container %s not found: it must come first, with [] if it is an array of objects", strings.Join(steps[:i+1], "."))
		}
		container = next
	}
	f.Name = steps[len(steps)-1]
	container.append(f, len(rs.byPath))
	return err
}

func (f *Field) append(child *Field, position int) {
	child.Position = position
	f.members[child.Name] = child
	f.Children = append(f.Children, child)
}

func newField(a *Attribute) (*Field, error) {
	f := &Field{Attribute: a, MinItems: -1, MaxItems: -1}
	if a.Type == Object || a.Type == Objects {
		f.members = map[string]*Field{}
	}
	err := f.setCardinality(a.Cardinality)
	if a.Pattern != "" {
		var invalid error
		f.Pattern, invalid = regexp.Compile(a.Pattern)
		err = errors.Join(invalid, err)
	}
	return f, err
}

// setCardinality parses a cardinality such as "1", "0..1" and "3..n". An array
// may also have "0 or 4" or "1 (0..n items)".
func (f *Field) setCardinality(cardinality string) error {
	f.Required = strings.HasPrefix(cardinality, "1")
	if a := f.Attribute; a.Type != Objects && a.Type != Strings || cardinality == "" {
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
	low, high, ok := strings.Cut(items, "..")
	var err error
	f.MinItems, err = strconv.Atoi(low)
	if high != "n" && err == nil {
		f.MaxItems, err = strconv.Atoi(high)
	}
	if !ok || err != nil {
		return fmt.Errorf("cardinality %q is not valid", cardinality)
	}
	return nil
}

// collectClasses sets the access classes of the field and of all below it.
func (f *Field) collectClasses() Classes {
	if f.Attribute != nil {
		f.classes = f.Attribute.Access.class()
	}
	for _, child := range f.Children {
		f.classes |= child.collectClasses()
	}
	return f.classes
}
