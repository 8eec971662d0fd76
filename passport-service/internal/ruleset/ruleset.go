// Package ruleset is the catalogue of what a battery passport may hold. It is
// data: a field is an entry in a file, and nothing about a single field is
// written in Go.
package ruleset

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

//go:embed bp-2027-02.json
var bp202702 []byte

// Current returns the rule set that is in effect.
var Current = sync.OnceValue(func() *RuleSet {
	rs, err := Load(bp202702)
	if err != nil {
		panic(fmt.Sprintf("embedded rule set: %v", err)) // a test loads it
	}
	return rs
})

// Type is what JSON an attribute takes.
type Type string

// The types.
const (
	String    Type = "string"
	Number    Type = "number"
	Integer   Type = "integer"
	Boolean   Type = "boolean"
	Object    Type = "object"
	Objects   Type = "array<object>"
	Strings   Type = "array<string>"
	Languages Type = "object<lang,string>" // a text per language; its keys are free
)

// Access is the class of those who may read an attribute.
type Access string

// The classes, by the points of Annex XIII of Regulation (EU) 2023/1542.
const (
	Public                         Access = "public"                         // point 1
	LegitimateInterestAndAuthority Access = "legitimateInterestAndAuthority" // point 2
	Authority                      Access = "authority"                      // point 3
	LegitimateInterest             Access = "legitimateInterest"             // point 4
)

// Attribute is one entry of the catalogue.
type Attribute struct {
	Path             string   `json:"path"` // in data, as generalInformation.batteryModel.id; [] after an array
	Section          string   `json:"section"`
	Type             Type     `json:"type"`
	Unit             string   `json:"unit"`
	Access           Access   `json:"access"`
	LegalReference   string   `json:"legalReference"`
	AllowedValues    []string `json:"allowedValues"` // of a string, or of each in an array
	Minimum          *float64 `json:"minimum"`
	ExclusiveMinimum *float64 `json:"exclusiveMinimum"`
	Maximum          *float64 `json:"maximum"`
}

// RuleSet is a catalogue with its index. It is read-only.
type RuleSet struct {
	Name       string
	attributes []Attribute
	byPath     map[string]*Attribute
	root       *node // of data; its members are the sections
}

// node is a place in data.
type node struct {
	attribute *Attribute // nil for data itself and the sections
	members   map[string]*node
}

// Attribute returns the attribute at a path of the catalogue.
func (rs *RuleSet) Attribute(path string) (Attribute, bool) {
	a, ok := rs.byPath[path]
	if !ok {
		return Attribute{}, false
	}
	return *a, true
}

// Attributes returns all attributes in the order of the catalogue.
func (rs *RuleSet) Attributes() []Attribute { return slices.Clone(rs.attributes) }

// Load reads a catalogue. It reports everything that is wrong with it.
func Load(data []byte) (*RuleSet, error) {
	var file struct {
		Profile    string      `json:"profile"`
		Attributes []Attribute `json:"attributes"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	rs := &RuleSet{
		Name: file.Profile, attributes: file.Attributes, byPath: map[string]*Attribute{}, root: &node{members: map[string]*node{}},
	}
	var errs []error
	if rs.Name == "" || len(rs.attributes) == 0 {
		errs = append(errs, errors.New("a rule set needs a profile and attributes"))
	}
	for i := range rs.attributes {
		a := &rs.attributes[i]
		if err := errors.Join(a.check(), rs.add(a)); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", a.Path, err))
		}
	}
	return rs, errors.Join(errs...)
}

var (
	types   = []Type{String, Number, Integer, Boolean, Object, Objects, Strings, Languages}
	classes = []Access{Public, LegitimateInterestAndAuthority, Authority, LegitimateInterest}
)

func (a *Attribute) check() error {
	var errs []error
	if !slices.Contains(types, a.Type) {
		errs = append(errs, fmt.Errorf("type %q is not known", a.Type))
	}
	if !slices.Contains(classes, a.Access) {
		errs = append(errs, fmt.Errorf("access %q is not known", a.Access))
	}
	if section, _, ok := strings.Cut(a.Path, "."); !ok || section != a.Section {
		errs = append(errs, fmt.Errorf("is not in its section %q", a.Section))
	}
	if a.AllowedValues != nil && a.Type != String && a.Type != Strings {
		errs = append(errs, errors.New("has allowed values and is no string"))
	}
	if (a.Minimum != nil || a.ExclusiveMinimum != nil || a.Maximum != nil) && a.Type != Number && a.Type != Integer {
		errs = append(errs, errors.New("has bounds and is no number"))
	}
	return errors.Join(errs...)
}

// add puts an attribute into the index. A container comes before its members.
func (rs *RuleSet) add(a *Attribute) error {
	if rs.byPath[a.Path] != nil {
		return errors.New("is there twice")
	}
	rs.byPath[a.Path] = a
	steps := strings.Split(a.Path, ".")
	at := rs.root
	for i, step := range steps[:len(steps)-1] {
		name, inArray := strings.CutSuffix(step, "[]")
		next := at.members[name]
		if next == nil && i == 0 {
			next = &node{members: map[string]*node{}}
			at.members[name] = next
		}
		if next == nil || next.members == nil || i > 0 && (next.attribute.Type == Objects) != inArray {
			return fmt.Errorf("%s is no container", strings.Join(steps[:i+1], "."))
		}
		at = next
	}
	n := &node{attribute: a}
	if a.Type == Object || a.Type == Objects {
		n.members = map[string]*node{}
	}
	at.members[steps[len(steps)-1]] = n
	return nil
}
