package format

import (
	"encoding/json"

	"github.com/battery-passport/suite/pkg/fault"
)

// Limits of a document. They bound the work of a conversion.
const (
	maxItems  = 1000    // of an array
	maxValues = 20_000  // with objects and arrays
	maxParts  = 8 << 20 // bytes of all documents of Split: several may have the same parts
)

// checkSize fails with fault.TooLarge if a document has too many values.
func checkSize(document any) error {
	values, items := count(document)
	switch {
	case items > maxItems:
		return errItems(items)
	case values > maxValues:
		return fault.New(fault.TooLarge, "a document must not have more than %d values, got %d", maxValues, values)
	}
	return nil
}

func errItems(n int) error {
	return fault.New(fault.TooLarge, "a document must not have more than %d items in an array, got %d", maxItems, n)
}

// marshalParts returns the texts of the parts of a document. It fails with fault.TooLarge.
func marshalParts(parts []any) ([][]byte, error) {
	texts, size := make([][]byte, len(parts)), 0
	for i, part := range parts {
		text, err := json.Marshal(part)
		if err != nil {
			return nil, err
		}
		if size += len(text); size > maxParts {
			return nil, fault.New(fault.TooLarge, "the %d passports of a document must not have more than %d bytes together", len(parts), maxParts)
		}
		texts[i] = text
	}
	return texts, nil
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
