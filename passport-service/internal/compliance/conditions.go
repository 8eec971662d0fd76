package compliance

import (
	"slices"

	"github.com/battery-passport/suite/passport-service/internal/jsonschema"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// truth is the value of a condition. It is unknown if the field that decides it is
// missing or invalid.
type truth int

const (
	unknown truth = iota
	no
	yes
)

// condition decides whether a conditional duty applies.
type condition struct {
	truth func(*ruleset.Document) truth
	// yes and no return the schemas of complete data for which the condition is true or false.
	yes, no func(*ruleset.RuleSet) jsonschema.Schema
}

const isNonCycle = "performanceAndDurability.isNonCycleApplication"

// conditions are all conditions. The catalogue describes them (conditionRules).
var conditions = map[string]condition{
	"rechargeable": flagged(isRechargeable),
	"cycleApplication": {
		func(d *ruleset.Document) truth {
			if flag(d, isNonCycle) == yes {
				return no
			}
			return flag(d, isRechargeable)
		},
		func(*ruleset.RuleSet) jsonschema.Schema {
			return jsonschema.Merge(jsonschema.At(isNonCycle, jsonschema.Flag(false)), jsonschema.At(isRechargeable, jsonschema.Flag(true)))
		},
		func(*ruleset.RuleSet) jsonschema.Schema {
			return jsonschema.Any(jsonschema.At(isNonCycle, jsonschema.Flag(true)), jsonschema.At(isRechargeable, jsonschema.Flag(false)))
		},
	},
	"hasBatteryManagementSystem": flagged("generalInformation.hasBatteryManagementSystem"),
	"secondLifeWithPredecessor":  withStatus("repurposed", "remanufactured"),
	"statusRemanufactured":       withStatus("remanufactured"),
	"statusWaste":                withStatus("waste"),
	"notExempt":                  unless(func(d *ruleset.Document) bool { return d.First(isExempt).True() }, func(*ruleset.RuleSet) jsonschema.Schema { return jsonschema.At(isExempt, jsonschema.Flag(true)) }),
	"firstLife":                  unless(secondLife, inSecondLife),
}

const isExempt = "supplyChainDueDiligence.isExempt"

// flagged is the condition that an attribute is true.
func flagged(path string) condition {
	is := func(value bool) func(*ruleset.RuleSet) jsonschema.Schema {
		return func(*ruleset.RuleSet) jsonschema.Schema { return jsonschema.At(path, jsonschema.Flag(value)) }
	}
	return condition{func(d *ruleset.Document) truth { return flag(d, path) }, is(true), is(false)}
}

// withStatus is the condition that the battery has one of the statuses.
func withStatus(statuses ...string) condition {
	has := func(rs *ruleset.RuleSet) jsonschema.Schema { return statusIn(rs, statuses...) }
	return condition{
		func(d *ruleset.Document) truth { return truthOf(hasStatus(d, statuses...)) },
		has,
		func(rs *ruleset.RuleSet) jsonschema.Schema { return jsonschema.Not(has(rs)) },
	}
}

// unless is the condition that something is not the case, which a schema describes.
func unless(is func(*ruleset.Document) bool, s func(*ruleset.RuleSet) jsonschema.Schema) condition {
	return condition{
		func(d *ruleset.Document) truth { return truthOf(!is(d)) },
		func(rs *ruleset.RuleSet) jsonschema.Schema { return jsonschema.Not(s(rs)) },
		s,
	}
}

func statusIn(rs *ruleset.RuleSet, statuses ...string) jsonschema.Schema {
	return jsonschema.At(status, rs.Allowed(status, statuses...))
}

func truthOf(is bool) truth {
	if is {
		return yes
	}
	return no
}

func flag(d *ruleset.Document, path string) truth {
	v := d.First(path)
	if !v.Valid() {
		return unknown
	}
	return truthOf(v.True())
}

func hasStatus(d *ruleset.Document, statuses ...string) bool {
	return slices.ContainsFunc(statuses, d.First(status).Is)
}

// secondLife reports whether the battery was prepared for re-use, repurposed or
// remanufactured from a battery that was on the market (Articles 7(5), 8(4)).
func secondLife(d *ruleset.Document) bool {
	return hasStatus(d, "repurposed", "remanufactured") || hasStatus(d, "re-used") && d.First(predecessors).Len() > 0
}

// inSecondLife is the schema of data for which secondLife is true.
func inSecondLife(rs *ruleset.RuleSet) jsonschema.Schema {
	return jsonschema.Any(statusIn(rs, "repurposed", "remanufactured"),
		jsonschema.All(statusIn(rs, "re-used"), jsonschema.At(predecessors, jsonschema.Schema{"type": "array", "minItems": 1})))
}

// columns are the columns of duties in the catalogue, by category and sub-category.
var columns = []struct {
	category, subCategory string
	column                ruleset.Category
}{{"EV", "", ruleset.EV}, {"LMT", "", ruleset.LMT}, {"Industrial", "otherIndustrial", ruleset.Industrial}, {"Industrial", "stationaryStorage", ruleset.Stationary}}

// categoriesOf returns the columns of the battery: both industrial ones if the
// sub-category is missing, none without a category.
func categoriesOf(d *ruleset.Document) (all []ruleset.Category) {
	for _, c := range columns {
		switch {
		case !d.First(category).Is(c.category):
		case c.subCategory != "" && d.First(subCategory).Is(c.subCategory):
			return []ruleset.Category{c.column}
		default:
			all = append(all, c.column)
		}
	}
	return all
}
