package compliance

import "slices"

// Rules returns all rules in the order of evaluation: rules of a single field
// first. The rule sets describe them.
func Rules() []Rule {
	return slices.Concat(
		formats, identity, categories, dates, labels, footprint, materials, circularity, performance, condition, lifecycle,
	)
}
