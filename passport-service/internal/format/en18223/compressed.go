package en18223

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// compress returns a copy of data in which each text in several languages is a list of values with their language. It
// drops values whose JSON type is not that of their field.
func compress(data map[string]any, fields []*ruleset.Field) map[string]any {
	return convert(data, fields, func(v any) (any, bool) {
		texts, ok := v.(map[string]any)
		list := []any{}
		for _, language := range slices.Sorted(maps.Keys(texts)) {
			list = append(list, map[string]any{"language": language, "value": texts[language]})
		}
		return list, ok
	})
}

// expand is the inverse of compress. It also drops members that the catalogue does not have, and keeps texts that are an
// object with a text for each language.
func expand(content map[string]any, fields []*ruleset.Field) map[string]any {
	return convert(content, fields, func(v any) (any, bool) {
		if texts, ok := v.(map[string]any); ok {
			return texts, true
		}
		list, ok := v.([]any)
		texts := map[string]any{}
		for _, item := range list {
			text, _ := item.(map[string]any)
			if language, ok := text["language"].(string); ok {
				texts[language] = text["value"]
			}
		}
		return texts, ok
	})
}

// convert copies the members that the catalogue has, with converted texts.
func convert(object map[string]any, fields []*ruleset.Field, texts func(any) (any, bool)) map[string]any {
	c := map[string]any{}
	for _, f := range fields {
		if v, ok := convertField(object[f.Name], f, texts); ok {
			c[f.Name] = v
		}
	}
	return c
}

// convertField returns false for a value that is not an object, a list or a scalar as its field.
func convertField(v any, f *ruleset.Field, texts func(any) (any, bool)) (any, bool) {
	if f.Attribute == nil { // a section
		return convertItem(v, f, texts)
	}
	switch f.Attribute.Type {
	case ruleset.Localized:
		return texts(v)
	case ruleset.Objects, ruleset.Strings:
		list, ok := v.([]any)
		items := make([]any, len(list))
		for i := range list {
			item, isItem := convertItem(list[i], f, texts)
			items[i], ok = item, ok && isItem
		}
		return items, ok
	}
	return convertItem(v, f, texts)
}

// convertItem converts a value that is not a list.
func convertItem(v any, f *ruleset.Field, texts func(any) (any, bool)) (any, bool) {
	object, isObject := v.(map[string]any)
	switch {
	case f.Children != nil:
		return convert(object, f.Children, texts), isObject
	case isObject: // a related resource
		v = object["url"]
	}
	switch v.(type) {
	case string, bool, json.Number:
		return v, true
	}
	return nil, false
}
