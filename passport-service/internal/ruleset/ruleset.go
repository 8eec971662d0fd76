// Package ruleset defines the catalogue of battery passport attributes: types, limits, duties
// and access classes. The catalogue is data: a new attribute needs a new entry in a JSON file,
// but no change in Go.
package ruleset

import (
	"slices"
	"strings"
	"time"

	"github.com/battery-passport/suite/pkg/wire"
)

// Type is the JSON type of an attribute.
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
	Localized Type = "object<lang,string>" // a string per language code
)

// IsNumber reports whether values of the type are numbers.
func (t Type) IsNumber() bool { return t == Number || t == Integer }

// Duty states whether an attribute must be given.
type Duty string

// The duties, with the codes of the catalogue.
const (
	Mandatory     Duty = "M"
	Conditional   Duty = "C" // mandatory under a condition
	Recommended   Duty = "R"
	Optional      Duty = "O"
	Later         Duty = "L" // mandatory from a later date
	NotApplicable Duty = "X" // not allowed
)

// Category is a battery category with its own duties: a column of the
// catalogue.
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
	Path           string             `json:"path"` // such as generalInformation.batteryModel.id; [] follows an array
	Kind           string             `json:"kind"` // attribute or member
	Section        string             `json:"section"`
	Level          string             `json:"level"` // model, batch or item: which batteries share the value
	Type           Type               `json:"type"`
	Unit           string             `json:"unit"`
	Format         string             `json:"format"` // in words: follows "must be" for a string, the type for a number, and "each" for an array of strings
	Note           string             `json:"note"`
	Access         Access             `json:"access"`
	LegalReference string             `json:"legalReference"`
	Cardinality    string             `json:"cardinality"` // such as 1, 0..1, 3..n; of a member: inside its container
	RequiredFor    map[Category]Duty  `json:"requiredFor"` // nil: the cardinality decides
	ConditionRule  string             `json:"conditionRule"`
	AppliesFrom    map[Category]*Date `json:"appliesFrom"`   // for Later; nil: the legal act does not apply yet
	AllowedValues  []string           `json:"allowedValues"` // of a string or of each item; requests may have them in any letter case
	Spellings      map[string]string  `json:"spellings"`     // other spellings that requests may have: the allowed value of each
	NamedAfter     map[string]string  `json:"namedAfter"`    // paths of the attributes whose labels are the names of values, by value
	Pattern        string             `json:"pattern"`       // of a string or of each item
	Minimum        *float64           `json:"minimum"`
	ExclusiveMin   *float64           `json:"exclusiveMinimum"`
	Maximum        *float64           `json:"maximum"`
	Rules          []string           `json:"rules"` // ids
	Example        any                `json:"example"`
	Mapping        map[string]string  `json:"mapping"`    // where other data models have it, by format
	SchemaName     string             `json:"schemaName"` // of an object, as a type; "": derived from its name
}

// Rule describes a rule. Package compliance implements it.
type Rule struct {
	ID       string `json:"id"`
	Severity string `json:"severity"` // error or warning; others are not checked in a passport
	Code     string `json:"code"`     // several are separated by " / "
	Text     string `json:"text"`
}

// DataModel is another data model that the catalogue maps attributes to.
type DataModel struct {
	Name     string `json:"name"` // in Attribute.Mapping and as a format of imports and exports
	Title    string `json:"title"`
	Document string `json:"document"` // description of a document
	Mapping  string `json:"mapping"`  // in Attribute.Mapping; "": Name
	Aspects  bool   `json:"aspects"`  // a document has a member for each aspect; an aspect alone can be read, too
	Whole    bool   `json:"whole"`    // a document has all attributes under their own names; the mapping is for others
	// Paths have the syntax of package format.
	Constants    map[string]any    `json:"constants"`    // members with the same value in each document, by path
	Header       map[string]string `json:"header"`       // status or updatedAt, and its converter, by path
	Required     map[string]string `json:"required"`     // names of required members, by the path of their object
	RecognisedBy []string          `json:"recognisedBy"` // paths that only documents of this model have
}

// Format returns another data model by its name, or nil.
func (rs *RuleSet) Format(name string) *DataModel {
	for i := range rs.Formats {
		if rs.Formats[i].Name == name {
			return &rs.Formats[i]
		}
	}
	return nil
}

// RuleSet is a catalogue with its indexes. It is read-only.
type RuleSet struct {
	Name          string
	EffectiveFrom Date
	File          wire.Value // as it was loaded
	Formats       []DataModel
	attributes    []Attribute
	conditions    map[string]string
	rules         map[string]Rule
	byPath        map[string]*Field
	root          *Field // data; its children are the sections
	names         []name // of the fields, for suggestions
}

// Attribute returns the attribute at a path of the catalogue.
func (rs *RuleSet) Attribute(path string) (Attribute, bool) {
	if f := rs.byPath[path]; f != nil && f.Attribute != nil {
		return *f.Attribute, true
	}
	return Attribute{}, false
}

// Has reports whether the catalogue has a path. The path of the items of an array
// ends in [].
func (rs *RuleSet) Has(path string) bool { return rs.byPath[strings.TrimSuffix(path, "[]")] != nil }

// Field returns the field at a path of the catalogue, or nil.
func (rs *RuleSet) Field(path string) *Field { return rs.byPath[path] }

// Attributes returns all attributes in the order of the catalogue.
func (rs *RuleSet) Attributes() []Attribute { return slices.Clone(rs.attributes) }

// Rule returns the rule with an id.
func (rs *RuleSet) Rule(id string) (Rule, bool) {
	r, ok := rs.rules[id]
	return r, ok
}

// Condition returns the text of a condition, "" for an unknown one.
func (rs *RuleSet) Condition(name string) string { return rs.conditions[name] }

// Rules returns the ids of all rules, sorted.
func (rs *RuleSet) Rules() []string {
	ids := make([]string, 0, len(rs.rules))
	for id := range rs.rules {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// Sections returns the sections in the order of the catalogue.
func (rs *RuleSet) Sections() []*Field { return rs.root.Children }

// Date is a calendar day in UTC, such as 2027-02-18.
type Date string

// DateOf returns the day of a time.
func DateOf(t time.Time) Date { return Date(t.UTC().Format(time.DateOnly)) }

// ParseDate parses a date. It fails for a day that does not exist.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	return DateOf(t), err
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Date) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDate(string(text))
	return err
}
