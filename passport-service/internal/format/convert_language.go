package format

import (
	"errors"
	"maps"
	"slices"
)

// undetermined writes a text as one whose language is unknown (und in BCP 47).
func undetermined(v any) (any, error) { return map[string]any{"und": v}, nil }

// anyLanguage reads the text of an unknown language, the English one, or the first one.
func anyLanguage(v any) (any, error) {
	byLanguage, _ := v.(map[string]any)
	for _, language := range append([]string{"und", "en"}, slices.Sorted(maps.Keys(byLanguage))...) {
		if text, ok := byLanguage[language]; ok {
			return text, nil
		}
	}
	return nil, errors.New("has no text")
}
