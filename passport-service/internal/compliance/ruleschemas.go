package compliance

import (
	"maps"
	"slices"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/jsonschema"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// whenCategory is the schema of data that has a schema if the battery has a category.
func whenCategory(name string, then jsonschema.Schema) func(*ruleset.RuleSet) jsonschema.Schema {
	return func(rs *ruleset.RuleSet) jsonschema.Schema {
		return jsonschema.If(jsonschema.At(category, rs.Allowed(category, name)), then)
	}
}

// whenStatus is the schema of data that has all schemas if the battery has one of the statuses.
func whenStatus(statuses []string, then ...jsonschema.Schema) func(*ruleset.RuleSet) jsonschema.Schema {
	return func(rs *ruleset.RuleSet) jsonschema.Schema {
		return jsonschema.If(statusIn(rs, statuses...), jsonschema.All(then...))
	}
}

// within is the schema of data whose value at a path, if there is one, has a schema.
func within(path string, s jsonschema.Schema) func(*ruleset.RuleSet) jsonschema.Schema {
	return func(*ruleset.RuleSet) jsonschema.Schema { return jsonschema.Within(path, s) }
}

// havingAny is the schema of objects that have one of the members.
func havingAny(names ...string) jsonschema.Schema {
	var all []jsonschema.Schema
	for _, name := range names {
		all = append(all, jsonschema.Having(name))
	}
	return jsonschema.Any(all...)
}

// eachStatus is the schema of data that has a schema for its status.
func eachStatus(then func(rs *ruleset.RuleSet, status string) jsonschema.Schema) func(*ruleset.RuleSet) jsonschema.Schema {
	return func(rs *ruleset.RuleSet) jsonschema.Schema {
		var all []jsonschema.Schema
		for _, name := range slices.Sorted(maps.Keys(roles)) {
			all = append(all, whenStatus([]string{name}, then(rs, name))(rs))
		}
		return jsonschema.All(all...)
	}
}

// creditSchema allows a negative carbon footprint at the end of life only.
func creditSchema(rs *ruleset.RuleSet) jsonschema.Schema {
	return jsonschema.Within(stages+"[]", jsonschema.Any(jsonschema.Within("stage", rs.Allowed(stages+"[].stage", "endOfLifeRecycling")),
		jsonschema.Within("carbonFootprintPerKwh", jsonschema.Number("minimum", 0))))
}

// symbolsSchema requires the symbol of each heavy metal above its limit, and no other.
func symbolsSchema(rs *ruleset.RuleSet) jsonschema.Schema {
	var all []jsonschema.Schema
	for _, metal := range heavyMetals {
		symbol := jsonschema.Containing(rs.Allowed(metalSymbols, metal.symbol))
		s := jsonschema.If(jsonschema.At(metal.content, jsonschema.Number("exclusiveMinimum", metal.limit)), jsonschema.At(metalSymbols, symbol))
		s["else"] = jsonschema.Within(metalSymbols, jsonschema.Not(symbol))
		all = append(all, s)
	}
	return jsonschema.All(all...)
}

// meaningsSchema requires the meaning of the symbol for separate collection.
func meaningsSchema(*ruleset.RuleSet) jsonschema.Schema {
	return jsonschema.Within(labelMeanings, jsonschema.Containing(jsonschema.At("symbol", jsonschema.Matching(jsonschema.FoldCase("separateCollection")))))
}

// partsSchema requires a material for each part.
func partsSchema(rs *ruleset.RuleSet) jsonschema.Schema {
	var all []jsonschema.Schema
	for _, part := range mandatoryParts {
		all = append(all, jsonschema.Containing(jsonschema.At("component", rs.Allowed(composition+"[].component", part))))
	}
	return jsonschema.Within(composition, jsonschema.All(all...))
}

// notExcluded is the schema of substances that are not excluded.
func notExcluded(*ruleset.RuleSet) jsonschema.Schema {
	excluded := jsonschema.OneOf(slices.Sorted(maps.Keys(excludedSubstances))...)
	return jsonschema.Merge(jsonschema.Within(hazardousSubstances+"[].casNumber", jsonschema.Not(excluded)),
		jsonschema.Within(hazardousSubstances+"[].ecNumber", jsonschema.Not(excluded)))
}

// noFade requires that a new battery has not aged: its values are those of entry 0.
func noFade(rs *ruleset.RuleSet) jsonschema.Schema {
	var all []jsonschema.Schema
	for _, f := range fades {
		limit := f.tolerance * (1 + 2e-9) // as in near
		fade := jsonschema.Schema{"type": "number", "minimum": -limit, "maximum": limit}
		all = append(all, jsonschema.If(jsonschema.Having(f.value), jsonschema.Within(f.fade, fade)))
	}
	placing := jsonschema.At("event", rs.Allowed(declaredPerformance+"[].event", "placingOnMarket"))
	return jsonschema.Unless(statusIn(rs, "repurposed"), jsonschema.Within(declaredPerformance+"[]", jsonschema.If(placing, jsonschema.All(all...))))
}

// dateSchema requires a day or time that exists. Months are in the pattern already.
func dateSchema(a ruleset.Attribute) jsonschema.Schema {
	switch {
	case !a.Matches("2027-02-18"):
		return jsonschema.Schema{"type": "string", "format": "date-time"}
	case !a.Matches("2027-02"):
		return jsonschema.Schema{"type": "string", "format": "date"}
	}
	return nil
}

func countrySchema(ruleset.Attribute) jsonschema.Schema {
	return jsonschema.OneOf(strings.Fields(countries)...)
}

// criticalMaterialSchema accepts the names of all critical raw materials, in any case, with
// any other characters between their words, and with a grade.
func criticalMaterialSchema(ruleset.Attribute) jsonschema.Schema {
	pattern := strings.TrimSuffix(strings.TrimPrefix(jsonschema.FoldCase(slices.Sorted(maps.Keys(canonicalMaterials))...), "^"), "$")
	grades := strings.TrimSuffix(strings.TrimPrefix(jsonschema.FoldCase(" battery grade", " metallurgy grade"), "^"), "$")
	const between = "[^A-Za-z]"
	return jsonschema.Any(jsonschema.OneOf(criticalRawMaterials...),
		jsonschema.Matching("^"+between+"*"+strings.ReplaceAll(pattern+grades+"*", " ", between+"+")+between+"*$"))
}

// Patterns of numbers with a check digit. A pattern cannot add digits, but it can count the odd
// ones: their number is even in a correct number. So it finds half of the wrong digits.
const (
	evenDigits = "(?:[02468]|[13579][02468]*[13579])*"
	// casParity counts every second digit, from the last one: that is how CAS numbers weigh them.
	casParity = `^\d?(?:(?:[02468]|[13579](?:(?:-\d|-|\d)[02468])*(?:-\d|-|\d)[13579])(?:-\d|-|\d|$))+$`
	linkStart = "/01/"
	linkEnd   = "/21/[^/]+$"
)

// gtinSchema checks a GTIN, by itself or in the usual form of a GS1 Digital Link.
func gtinSchema(a ruleset.Attribute) jsonschema.Schema {
	switch a.Path {
	case gtin:
		return jsonschema.Matching("^" + evenDigits + "$")
	case identifier:
		return jsonschema.If(jsonschema.Matching(linkStart+`\d{14}`+linkEnd), jsonschema.Matching(linkStart+evenDigits+linkEnd))
	}
	return nil
}

func casSchema(a ruleset.Attribute) jsonschema.Schema {
	if strings.HasSuffix(a.Path, ".casNumber") {
		return jsonschema.Matching(casParity)
	}
	return nil
}
