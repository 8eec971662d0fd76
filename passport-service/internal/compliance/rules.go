package compliance

import "slices"

// Rules returns all rules in the order of evaluation: rules of a single field
// first. The rule sets describe them.
func Rules() []Rule {
	return slices.Concat(
		formatRules, identityRules, namespaceRules(), addressRules, categoryRules, dateRules, labelRules, footprintRules, materialRules, circularityRules, performanceRules, batteryConditionRules, lifecycleRules,
	)
}
