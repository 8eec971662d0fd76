package ruleset

import (
	"fmt"
	"strings"
)

// form is one of the forms of the data in the OpenAPI document.
type form struct {
	suffix   string // of the names of its schemas
	closed   bool   // unknown members are not allowed
	nullable bool   // null removes a member
}

var (
	output = form{}                                              // of a response: members may be added
	input  = form{suffix: "Input", closed: true}                 // of a create or replace
	patch  = form{suffix: "Patch", closed: true, nullable: true} // a merge patch
)

// Schemas returns the schemas of the OpenAPI document for data, for each section and for
// each object in it, such as Data, GeneralInformation and PostalAddress. Each has three
// forms: DataInput is for requests, DataPatch for merge patches. They require no member,
// because a draft may be incomplete.
func (rs *RuleSet) Schemas() map[string]map[string]any {
	all := map[string]map[string]any{}
	for _, form := range []form{output, input, patch} {
		form.add(all, rs.root)
	}
	return all
}

// add adds the schemas of an object and of all objects in it. Objects with the same name
// have the same members and share a schema.
func (form form) add(all map[string]map[string]any, f *Field) {
	name := f.SchemaName() + form.suffix
	if all[name] != nil {
		f.generalize(all[name])
		return
	}
	members := map[string]any{}
	for _, m := range f.Children {
		members[m.Name] = form.member(m)
	}
	s := map[string]any{"type": "object", "description": f.describe(), "properties": members}
	if form.closed {
		s["additionalProperties"] = false
	}
	all[name] = s
	for _, m := range f.Children {
		switch {
		case m.members == nil:
		case form.nullable && m.isArray(): // a merge patch replaces an array
			input.add(all, m)
		default:
			form.add(all, m)
		}
	}
}

// generalize removes descriptions that do not apply to f from a schema that other objects
// share with it. The members that refer to the schema have the specific ones.
func (f *Field) generalize(shared map[string]any) {
	if shared["description"] != f.describe() {
		shared["description"] = inWords(f.SchemaName())
	}
	for _, m := range f.Children {
		s := shared["properties"].(map[string]any)[m.Name].(map[string]any)
		if s["description"] == m.describe() {
			continue
		}
		s["description"] = m.Attribute.labelWithFormat()
		if s["x-legal-reference"] != m.Attribute.LegalReference {
			delete(s, "x-legal-reference")
		}
	}
}

// member returns the schema of a member of an object.
func (form form) member(f *Field) map[string]any {
	s := map[string]any{"description": f.describe()}
	switch a := f.Attribute; {
	case f.isArray():
		item := a.scalar()
		if a.Type == Objects {
			of := form
			if form.nullable {
				of = input
			}
			item = of.reference(f)
		}
		s["type"], s["items"] = form.typeOf("array"), item
	case f.members != nil && form.nullable:
		s["anyOf"] = []any{form.reference(f), map[string]any{"type": "null"}}
	case f.members != nil:
		s["$ref"] = form.reference(f)["$ref"]
	case a.Type == Localized:
		s["type"], s["additionalProperties"] = form.typeOf("object"), map[string]any{"type": form.typeOf("string")}
	default:
		for key, value := range a.scalar() {
			s[key] = value
		}
		s["type"] = form.typeOf(string(a.Type))
		if form.nullable && a.AllowedValues != nil {
			s["enum"] = append(anys(a.AllowedValues), nil)
		}
	}
	if f.Attribute != nil && !form.nullable {
		f.Attribute.annotate(s)
	}
	return s
}

func (form form) reference(f *Field) map[string]any {
	return map[string]any{"$ref": "#/components/schemas/" + f.SchemaName() + form.suffix}
}

// typeOf returns the value of the keyword type.
func (form form) typeOf(name string) any {
	if form.nullable {
		return []any{name, "null"}
	}
	return name
}

// annotate adds the properties of the attribute that JSON Schema does not have.
func (a *Attribute) annotate(s map[string]any) {
	s["x-access"] = a.Access
	if a.RequiredFor != nil {
		s["x-required-for"] = a.RequiredFor
	}
	if a.Unit != "" {
		s["x-unit"] = a.Unit
	}
	if a.hasLegalReference() {
		s["x-legal-reference"] = a.LegalReference
	}
}

// scalar returns the schema of a single value: a string, a number or a boolean. A pattern
// is not added, because a draft may violate it.
func (a *Attribute) scalar() map[string]any {
	s := map[string]any{"type": string(a.Type)}
	switch a.Type {
	case Strings, Objects:
		s["type"] = string(String)
	case Number:
		s["format"] = "double"
	case Integer:
		s["format"] = "int64"
	}
	for name, limit := range map[string]*float64{"minimum": a.Minimum, "exclusiveMinimum": a.ExclusiveMin, "maximum": a.Maximum} {
		if limit != nil {
			s[name] = *limit
		}
	}
	if a.AllowedValues != nil {
		s["enum"] = anys(a.AllowedValues)
	}
	if a.Example != nil {
		s["examples"] = []any{a.Example}
	}
	return s
}

func anys[T any](values []T) []any {
	all := make([]any, len(values))
	for i, v := range values {
		all[i] = v
	}
	return all
}

func (f *Field) isArray() bool {
	return f.Attribute != nil && (f.Attribute.Type == Objects || f.Attribute.Type == Strings)
}

// SchemaName returns the name of an object as a type: Data, GeneralInformation or, for the
// items of materials, Material.
func (f *Field) SchemaName() string {
	switch {
	case f.Name == "":
		return "Data"
	case f.Attribute != nil && f.Attribute.SchemaName != "":
		return f.Attribute.SchemaName
	case f.isArray():
		return title(strings.TrimSuffix(f.Name, "s"))
	}
	return title(f.Name)
}

func title(name string) string { return strings.ToUpper(name[:1]) + name[1:] }

// describe returns the description of a field in a schema.
func (f *Field) describe() string {
	switch {
	case f.Name == "":
		return "attributes of a battery passport; GET /api/passports/rulesets/{id}/attributes describes each"
	case f.Attribute == nil:
		return fmt.Sprintf("attributes of the section %s", inWords(f.Name))
	}
	return f.Attribute.describe()
}
