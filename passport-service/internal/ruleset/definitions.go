package ruleset

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/jsonschema"
)

// Definitions are the schemas of data and of the objects in it, by name, with references to
// #/$defs.
type Definitions struct {
	All      map[string]jsonschema.Schema
	complete bool
	rules    func(Attribute) []jsonschema.Schema
}

// Definitions returns the schemas of data as it is stored or, if it must be complete, as it is
// published: with patterns, numbers of items, the members that every battery must have, and
// the schemas that rules adds for a text.
func (rs *RuleSet) Definitions(complete bool, rules func(Attribute) []jsonschema.Schema) Definitions {
	d := Definitions{map[string]jsonschema.Schema{}, complete, rules}
	d.add(rs.root)
	return d
}

// add adds the schema of an object and returns a reference to it. Objects that differ only in
// their descriptions share a schema. Others with the same name get the name of their path.
func (d Definitions) add(f *Field) jsonschema.Schema {
	s, name := d.object(f), f.SchemaName()
	if known := d.All[name]; known != nil && !reflect.DeepEqual(withoutNotes(known), withoutNotes(s)) {
		name = ""
		for step := range strings.SplitSeq(f.Attribute.Path, ".") {
			name += title(strings.TrimSuffix(step, "[]"))
		}
	}
	if d.All[name] == nil {
		d.All[name] = s
	}
	return jsonschema.Schema{"$ref": "#/$defs/" + name}
}

// withoutNotes returns a copy of the schema of an object without descriptions and examples of
// its members.
func withoutNotes(s jsonschema.Schema) jsonschema.Schema {
	s, members := maps.Clone(s), jsonschema.Schema{}
	for name, member := range s["properties"].(jsonschema.Schema) {
		m := maps.Clone(member.(jsonschema.Schema))
		delete(m, "description")
		delete(m, "examples")
		members[name] = m
	}
	s["properties"] = members
	return s
}

func (d Definitions) object(f *Field) jsonschema.Schema {
	members, required := jsonschema.Schema{}, []string{}
	for _, m := range f.Children {
		if members[m.Name] = d.member(m); m.AlwaysRequired() {
			required = append(required, m.Name)
		}
	}
	s := jsonschema.Schema{"type": "object", "properties": members, "additionalProperties": false}
	if f.Attribute == nil {
		s["description"] = f.describe()
	}
	if d.complete && len(required) > 0 {
		s["required"] = required
	}
	return s
}

// AlwaysRequired reports whether every battery must have the member, if it has its container.
func (f *Field) AlwaysRequired() bool {
	a := f.Attribute
	switch {
	case a == nil: // a section
		return slices.ContainsFunc(f.Children, (*Field).AlwaysRequired)
	case a.ConditionRule != "":
		return false
	case a.RequiredFor == nil:
		return f.Required
	}
	return !slices.ContainsFunc(categories, func(c Category) bool { return a.RequiredFor[c] != Mandatory })
}

func (d Definitions) member(f *Field) jsonschema.Schema {
	var s jsonschema.Schema
	switch a := f.Attribute; {
	case f.isArray():
		s = jsonschema.Schema{"type": "array"}
		if a.Type == Strings {
			s["items"] = d.text(a, true)
		} else {
			s["items"] = d.add(f)
		}
		if d.complete {
			maps.Copy(s, f.count())
		}
	case f.members != nil:
		s = d.add(f)
	case a.Type == Localized:
		s = jsonschema.Schema{"type": "object", "additionalProperties": jsonschema.Schema{"type": "string"}}
		if d.complete && f.AlwaysRequired() {
			s["minProperties"] = 1
		}
	case a.Type == String:
		s = d.text(a, f.AlwaysRequired())
	default:
		s = a.scalar()
		delete(s, "format") // double and int64 are formats of OpenAPI
	}
	s["description"] = f.describe()
	return s
}

// count returns the limits of the number of items.
func (f *Field) count() jsonschema.Schema {
	switch {
	case f.MinItems == f.MaxItems && f.MinItems > 0: // or none
		return jsonschema.Any(jsonschema.Schema{"maxItems": 0}, jsonschema.Schema{"minItems": f.MinItems, "maxItems": f.MaxItems})
	case f.MaxItems >= 0:
		return jsonschema.Schema{"minItems": max(f.MinItems, 0), "maxItems": f.MaxItems}
	case f.MinItems > 0:
		return jsonschema.Schema{"minItems": f.MinItems}
	}
	return jsonschema.Schema{}
}

// blank matches all texts without a Visible character, and no text that has ASCII characters
// other than white space. An optional text may be blank: it gets a warning.
const blank = "^[^!-~]*$"

// Visible is a pattern of texts that are not blank.
const Visible = `\S`

// text returns the schema of a text. If it is required, it must not be blank.
func (d Definitions) text(a *Attribute, required bool) jsonschema.Schema {
	s := a.scalar()
	if a.AllowedValues != nil {
		delete(s, "enum")
		return jsonschema.Merge(s, a.allowed(a.AllowedValues...))
	}
	if !d.complete {
		return s
	}
	switch pattern := portable(a.Pattern); {
	case pattern != "" && required:
		s["pattern"] = pattern
	case pattern != "":
		s["pattern"] = blank + "|" + pattern
	case required:
		s["pattern"] = Visible
	}
	rules := d.rules(*a)
	if len(rules) > 0 && !required {
		rules = []jsonschema.Schema{jsonschema.Any(jsonschema.Matching(blank), jsonschema.All(rules...))}
	}
	if len(rules) > 0 {
		s["allOf"] = rules
	}
	return s
}

// allowed returns the schema of some of the allowed values, in the spellings that are
// accepted.
func (a *Attribute) allowed(values ...string) jsonschema.Schema {
	spellings := slices.Clone(values)
	for _, spelling := range slices.Sorted(maps.Keys(a.Spellings)) {
		if slices.Contains(values, a.Spellings[spelling]) {
			spellings = append(spellings, spelling)
		}
	}
	return jsonschema.Any(jsonschema.OneOf(values...), jsonschema.Matching(jsonschema.FoldCase(spellings...)))
}

// Allowed returns the schema of some of the allowed values of the attribute at a path.
func (rs *RuleSet) Allowed(path string, values ...string) jsonschema.Schema {
	return rs.byPath[path].Attribute.allowed(values...)
}

// portable returns a pattern in the syntax that all validators have. They do not agree on
// classes of Unicode, which become all characters but ASCII, and its letters and digits.
func portable(pattern string) string {
	return strings.NewReplacer(`\pL`, "A-Za-z\u00a0-\U0010fffd", `\pM`, "", `\pN`, "0-9").Replace(pattern)
}

// Matches reports whether a text matches the pattern of the attribute.
func (a *Attribute) Matches(text string) bool { return regexp.MustCompile(a.Pattern).MatchString(text) }
