package ruleset

import "fmt"

// Schema returns the JSON Schema (2020-12) of data, as the OpenAPI document
// shows it. Nothing is required in it: a draft may lack anything.
func (rs *RuleSet) Schema() map[string]any {
	sections := map[string]any{}
	for _, s := range rs.root.Children {
		sections[s.Name] = map[string]any{"type": "object", "additionalProperties": false, "properties": properties(s)}
	}
	return map[string]any{
		"type": "object", "additionalProperties": false, "properties": sections,
		"description": fmt.Sprintf("the battery passport body, by the rule set %s; GET /api/passports/rulesets/%s/attributes has the whole catalogue", rs.Name, rs.Name),
	}
}

func properties(p *Node) map[string]any {
	all := map[string]any{}
	for _, m := range p.Children {
		all[m.Name] = m.schema()
	}
	return all
}

func (p *Node) schema() map[string]any {
	a := p.Attribute
	s := map[string]any{"description": a.describe(), "x-access": a.Access}
	if a.RequiredFor != nil {
		s["x-required-for"] = a.RequiredFor
	}
	if a.Unit != "" {
		s["x-unit"] = a.Unit
	}
	switch a.Type {
	case Object:
		s["type"], s["additionalProperties"], s["properties"] = "object", false, properties(p)
	case Objects:
		s["type"] = "array"
		s["items"] = map[string]any{"type": "object", "additionalProperties": false, "properties": properties(p)}
	case Strings:
		s["type"], s["items"] = "array", a.limits(map[string]any{"type": "string"})
	case Languages:
		s["type"], s["additionalProperties"] = "object", map[string]any{"type": "string"}
	default:
		s["type"] = string(a.Type)
		a.limits(s)
	}
	return s
}

// limits adds those of a single value. A pattern is none: a draft may break it.
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

func (a *Attribute) describe() string {
	text := a.Label()
	if a.Unit != "" {
		text += ", in " + a.Unit
	}
	if a.Format != "" && a.AllowedValues == nil {
		text += ": " + a.Format
	}
	if a.Note != "" {
		text += ". " + a.Note
	}
	if a.LegalReference != "" && a.LegalReference != "—" {
		text += " (" + a.LegalReference + ")"
	}
	return text
}
