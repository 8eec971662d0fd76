// Package ruleset is the catalogue of what a battery passport holds: types,
// limits, duties, who may read what. It is data: a field is an entry in a file,
// and nothing about a single field is written in Go.
package ruleset

import (
	"slices"
	"strings"
	"time"

	"github.com/battery-passport/suite/pkg/wire"
)

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

// Duty says whether an attribute has to be there.
type Duty string

// The duties, as the catalogue has them.
const (
	Mandatory     Duty = "M"
	Conditional   Duty = "C" // mandatory under a condition
	Recommended   Duty = "R"
	Optional      Duty = "O"
	Later         Duty = "L" // mandatory from a date on
	NotApplicable Duty = "X" // refused
)

// Category is a column of the catalogue: a kind of battery that has duties of
// its own.
type Category string

// The categories, of Article 3(1)(11) and (13) to (15) of Regulation (EU) 2023/1542.
const (
	EV         Category = "EV"
	LMT        Category = "LMT"
	Industrial Category = "industrialOther"
	Stationary Category = "industrialStationaryStorage"
)

// Attribute is one entry of the catalogue.
type Attribute struct {
	Path           string             `json:"path"` // in data, as generalInformation.batteryModel.id; [] after an array
	Kind           string             `json:"kind"` // attribute, or member of one
	Section        string             `json:"section"`
	Type           Type               `json:"type"`
	Unit           string             `json:"unit"`
	Format         string             `json:"format"` // in words
	Note           string             `json:"note"`
	Access         Access             `json:"access"`
	LegalReference string             `json:"legalReference"`
	Cardinality    string             `json:"cardinality"` // as 1, 0..1, 3..n: of a member inside its container
	RequiredFor    map[Category]Duty  `json:"requiredFor"` // none: the member follows its container
	ConditionRule  string             `json:"conditionRule"`
	AppliesFrom    map[Category]*Date `json:"appliesFrom"`   // of Later; nil waits for an act
	AllowedValues  []string           `json:"allowedValues"` // of a string, or of each in an array
	Pattern        string             `json:"pattern"`       // of a string, or of each in an array
	Minimum        *float64           `json:"minimum"`
	ExclusiveMin   *float64           `json:"exclusiveMinimum"`
	Maximum        *float64           `json:"maximum"`
	Rules          []string           `json:"rules"` // ids
	Example        any                `json:"example"`
}

// Rule is what the catalogue says of a rule; what it does is written in Go.
type Rule struct {
	ID       string `json:"id"`
	Severity string `json:"severity"` // error, warning; others are no rules of a passport's data
	Code     string `json:"code"`     // several are divided by " / "
	Text     string `json:"text"`
}

// RuleSet is a catalogue with its index. It is read-only.
type RuleSet struct {
	Name          string
	EffectiveFrom Date
	File          wire.Value // as it was loaded
	attributes    []Attribute
	rules         map[string]Rule
	byPath        map[string]*Node
	root          *Node // data; its children are the sections
}

// Attribute returns the attribute at a path of the catalogue.
func (rs *RuleSet) Attribute(path string) (Attribute, bool) {
	if p := rs.byPath[path]; p != nil && p.Attribute != nil {
		return *p.Attribute, true
	}
	return Attribute{}, false
}

// Has tells whether the catalogue has a path; [] ends that of an array's items.
func (rs *RuleSet) Has(path string) bool { return rs.byPath[strings.TrimSuffix(path, "[]")] != nil }

// Node returns the node at a path of the catalogue, or nil.
func (rs *RuleSet) Node(path string) *Node { return rs.byPath[path] }

// Attributes returns all attributes in the order of the catalogue.
func (rs *RuleSet) Attributes() []Attribute { return slices.Clone(rs.attributes) }

// Rule returns the rule with an id.
func (rs *RuleSet) Rule(id string) (Rule, bool) {
	r, ok := rs.rules[id]
	return r, ok
}

// Rules returns the ids of all rules, in order.
func (rs *RuleSet) Rules() []string {
	ids := make([]string, 0, len(rs.rules))
	for id := range rs.rules {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// Sections returns the sections in the order of the catalogue.
func (rs *RuleSet) Sections() []*Node { return rs.root.Children }

// Date is a day in UTC, as 2027-02-18.
type Date string

// DateOf returns the day of a moment.
func DateOf(t time.Time) Date { return Date(t.UTC().Format(time.DateOnly)) }

// ParseDate reads a day. It fails when the calendar does not have it.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	return DateOf(t), err
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Date) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDate(string(text))
	return err
}
