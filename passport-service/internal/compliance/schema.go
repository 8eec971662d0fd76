package compliance

import (
	"maps"
	"slices"

	"github.com/battery-passport/suite/passport-service/internal/jsonschema"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// SchemaParams selects a schema.
type SchemaParams struct {
	Category string // such as EV; "": any
	Complete bool   // for data that can be published, not for drafts
	On       ruleset.Date
}

// Schemas returns the schema of data and of all objects in it, by name, with references to
// #/$defs. Data that the engine accepts has the schema; not all other data violates it,
// because JSON Schema cannot calculate and does not know other passports.
func (e *Engine) Schemas(p SchemaParams) map[string]jsonschema.Schema {
	defs := e.Rules.Definitions(p.Complete, e.fieldSchemas).All
	data := defs["Data"]
	var all []jsonschema.Schema
	if p.Category != "" {
		all = append(all, jsonschema.Within(category, e.Rules.Allowed(category, p.Category)))
	}
	if p.Complete {
		for i := range e.table {
			if s := e.table[i].Schema; s != nil {
				all = append(all, s(e.Rules))
			}
		}
		all = append(all, e.dutySchemas(p)...)
	}
	if len(all) > 0 {
		data["allOf"] = all
	}
	return defs
}

func (e *Engine) fieldSchemas(a ruleset.Attribute) (all []jsonschema.Schema) {
	for _, rule := range e.fields[a.Path] {
		if rule.FieldSchema == nil {
			continue
		}
		if s := rule.FieldSchema(a); s != nil {
			all = append(all, s)
		}
	}
	return all
}

// dutySchemas returns the schemas of the duties that not every battery has: those of each
// category and, within it, of each sub-category.
func (e *Engine) dutySchemas(p SchemaParams) []jsonschema.Schema {
	all := newDuties(e.Rules).members().schemas()
	inCategory := map[string][]ruleset.Category{}
	for _, c := range columns {
		inCategory[c.category] = append(inCategory[c.category], c.column)
	}
	for _, c := range columns {
		common := inCategory[c.category]
		if p.Category != "" && c.category != p.Category {
			continue
		}
		when := func() jsonschema.Schema { return jsonschema.At(category, e.Rules.Allowed(category, c.category)) }
		if c.column == common[0] {
			all = append(all, newDuties(e.Rules).add(p.On, nil, common...).schema(when())...)
		}
		if len(common) > 1 {
			sub := jsonschema.Merge(when(), jsonschema.At(subCategory, e.Rules.Allowed(subCategory, c.subCategory)))
			all = append(all, newDuties(e.Rules).add(p.On, common, c.column).schema(sub)...)
		}
	}
	return all
}

// duties collects schemas of data for duties, by the condition under which they apply.
type duties struct {
	rules           *ruleset.RuleSet
	always          jsonschema.Schema
	ifYes, unlessNo map[string]jsonschema.Schema
}

func newDuties(rs *ruleset.RuleSet) duties {
	return duties{rs, jsonschema.Schema{}, map[string]jsonschema.Schema{}, map[string]jsonschema.Schema{}}
}

// members adds the members that a condition requires for all categories.
func (d duties) members() duties {
	for _, a := range d.rules.Attributes() {
		if a.RequiredFor == nil && a.ConditionRule != "" {
			merge(d.ifYes, a.ConditionRule, jsonschema.Required(a.Path, nonBlank(a)))
		}
	}
	return d
}

// add adds the duties that are the same in all columns, except those that are the same in all
// columns of others too, and those that every battery has.
func (d duties) add(on ruleset.Date, others []ruleset.Category, columns ...ruleset.Category) duties {
	for _, a := range d.rules.Attributes() {
		duty, same := commonDuty(a, on, columns)
		if _, known := commonDuty(a, on, others); !same || known || d.rules.Field(a.Path).AlwaysRequired() {
			continue
		}
		required := jsonschema.Required(a.Path, nonBlank(a))
		switch {
		case duty == ruleset.NotApplicable:
			jsonschema.Merge(d.always, jsonschema.Forbidden(a.Path))
		case duty == ruleset.Mandatory && a.ConditionRule == "":
			jsonschema.Merge(d.always, required)
		case duty == ruleset.Mandatory:
			merge(d.unlessNo, a.ConditionRule, required)
		case duty == ruleset.Conditional && a.ConditionRule != "":
			merge(d.ifYes, a.ConditionRule, required)
		}
	}
	return d
}

// commonDuty returns the duty of an attribute, if it is the same in all columns.
func commonDuty(a ruleset.Attribute, on ruleset.Date, columns []ruleset.Category) (ruleset.Duty, bool) {
	if a.RequiredFor == nil || len(columns) == 0 {
		return "", false
	}
	duty := dutyIn(&a, columns[0], on)
	return duty, !slices.ContainsFunc(columns, func(c ruleset.Category) bool { return dutyIn(&a, c, on) != duty })
}

func merge(all map[string]jsonschema.Schema, condition string, s jsonschema.Schema) {
	if all[condition] == nil {
		all[condition] = jsonschema.Schema{}
	}
	jsonschema.Merge(all[condition], s)
}

// schemas returns a schema for each condition.
func (d duties) schemas() (all []jsonschema.Schema) {
	if len(d.always) > 0 {
		all = append(all, d.always)
	}
	for _, name := range slices.Sorted(maps.Keys(d.unlessNo)) {
		all = append(all, jsonschema.Unless(conditions[name].no(d.rules), d.unlessNo[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(d.ifYes)) {
		all = append(all, jsonschema.If(conditions[name].yes(d.rules), d.ifYes[name]))
	}
	return all
}

// schema returns the schema of data that has all schemas if it has another one.
func (d duties) schema(when jsonschema.Schema) []jsonschema.Schema {
	if all := d.schemas(); len(all) > 0 {
		return []jsonschema.Schema{jsonschema.If(when, jsonschema.All(all...))}
	}
	return nil
}

// nonBlank is the schema of a value that states something.
func nonBlank(a ruleset.Attribute) jsonschema.Schema {
	switch {
	case a.Type == ruleset.String && a.AllowedValues == nil:
		return jsonschema.Matching(ruleset.Visible)
	case a.Type == ruleset.Localized:
		return jsonschema.Schema{"type": "object", "minProperties": 1}
	}
	return jsonschema.Schema{}
}

// DutiesSince returns the day from which the duties of a day apply: that on which one of them
// became mandatory, "" if none has since the rule set applies.
func (e *Engine) DutiesSince(on ruleset.Date) (since ruleset.Date) {
	for _, a := range e.Rules.Attributes() {
		for _, from := range a.AppliesFrom {
			if from != nil && *from <= on && *from > since {
				since = *from
			}
		}
	}
	return since
}
