package format

import "github.com/battery-passport/suite/pkg/fault"

// Limits of a document. They bound the work of a conversion.
const (
	maxItems  = 1000   // of an array
	maxValues = 20_000 // with objects and arrays
)

// checkSize fails with fault.TooLarge if a document has too many values.
func checkSize(document any) error {
	values, items := count(document)
	switch {
	case items > maxItems:
		return fault.New(fault.TooLarge, "a document must not have more than %d items in an array, got %d", maxItems, items)
	case values > maxValues:
		return fault.New(fault.TooLarge, "a document must not have more than %d values, got %d", maxValues, values)
	}
	return nil
}

// count returns the number of values and the length of the longest array.
func count(v any) (values, items int) {
	values = 1
	add := func(child any) {
		n, longest := count(child)
		values, items = values+n, max(items, longest)
	}
	switch v := v.(type) {
	case map[string]any:
		for _, child := range v {
			add(child)
		}
	case []any:
		items = len(v)
		for _, child := range v {
			add(child)
		}
	}
	return values, items
}
