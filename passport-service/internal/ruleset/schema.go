package ruleset

import "fmt"

// Schema returns the JSON Schema (2020-12) of data for the OpenAPI document. It
// requires no member, because a draft may be incomplete.
func (rs *RuleSet) Schema() map[string]any {
	sections := map[string]any{}
	for _, s := range rs.root.Children {
		sections[s.Name] = map[string]any{
			"type": "object", "description": "section " + inWords(s.Name), "additionalProperties": false, "properties": properties(s),
		}
	}
	return map[string]any{
		"type": "object", "additionalProperties": false, "properties": sections,
		"description": fmt.Sprintf("data of a battery passport by rule set %s; GET /api/passports/rulesets/%s/attributes returns the whole catalogue", rs.Name, rs.Name),
	}
}

func properties(f *Field) map[string]any {
	all := map[string]any{}
	for _, m := range f.Children {
		all[m.Name] = m.schema()
	}
	return all
}

func (f *Field) schema() map[string]any {
	a := f.Attribute
	s := map[string]any{"description": a.describe(), "x-access": a.Access}
	if a.RequiredFor != nil {
		s["x-required-for"] = a.RequiredFor
	}
	if a.Unit != "" {
		s["x-unit"] = a.Unit
	}
	switch a.Type {
	case Object:
		s["type"], s["additionalProperties"], s["properties"] = "object", false, properties(f)
	case Objects:
		s["type"] = "array"
		s["items"] = map[string]any{"type": "object", "additionalProperties": false, "properties": properties(f)}
	case Strings:
		s["type"], s["items"] = "array", a.limits(map[string]any{"type": "string"})
	case Localized:
		s["type"], s["additionalProperties"] = "object", map[string]any{"type": "string"}
	default:
		s["type"] = string(a.Type)
		a.limits(s)
	}
	return s
}

// limits adds the limits of a single value to its schema. A pattern is not
// added, because a draft may violate it.
func (a *Attribute) limits(s map[string]any) map[string]any {
	for name, limit := range map[string]*float64{"minimum": a.Minimum, "exclusiveMinimum": a.ExclusiveMin, "maximum": a.Maximum} {
		if limit != nil {
			s[name] = *limit
		}
	}
	if a.AllowedValues != nil {
		s["enum"] = a.AllowedValues
	}
	if a.Example != nil {
		s["examples"] = []any{a.Example}
	}
	return s
}
