package compliance

import "slices"

// Rules returns the table of the rules, as they are run: those of one field
// first. Their texts are in the rule sets.
func Rules() []Rule {
	return slices.Concat(
		formats, identity, categories, dates, labels, footprint, materials, circularity, performance, condition, lifecycle,
	)
}
