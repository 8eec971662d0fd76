// Package jsonschema builds JSON Schemas (2020-12). Each schema states the type of its value,
// so that the strict mode of Ajv accepts it.
package jsonschema

import (
	"regexp"
	"slices"
	"strings"
)

// Schema is a JSON Schema.
type Schema = map[string]any

// Within returns the schema of an object in which the values at a path, if there are any,
// have a schema. A step with [] is an array: a.b[].c.
func Within(path string, s Schema) Schema {
	return nest(path, s, func(int, int) bool { return false })
}

// At is Within for an object that must have the value. The path has no arrays.
func At(path string, s Schema) Schema {
	return nest(path, s, func(int, int) bool { return true })
}

// Required returns the schema of an object with sections: a member of a section must exist, and
// a member of another container if its container exists.
func Required(path string, s Schema) Schema {
	return nest(path, s, func(step, last int) bool { return step == last || last == 1 })
}

// Forbidden returns the schema of an object without values at a path.
func Forbidden(path string) Schema {
	container, name := path[:strings.LastIndexByte(path, '.')], path[strings.LastIndexByte(path, '.')+1:]
	return Within(container, Schema{"type": "object", "properties": Schema{name: false}})
}

func nest(path string, s Schema, required func(step, last int) bool) Schema {
	steps := strings.Split(path, ".")
	for i, step := range slices.Backward(steps) {
		name, inArray := strings.CutSuffix(step, "[]")
		if inArray {
			s = Schema{"type": "array", "items": s}
		}
		var value any = s
		if len(s) == 0 {
			value = true
		}
		s = Schema{"type": "object", "properties": Schema{name: value}}
		if required(i, len(steps)-1) {
			s["required"] = []string{name}
		}
	}
	return s
}

// Merge adds the keywords of other schemas to a schema, which it changes and returns. It joins
// members and required members; other keywords must not differ.
func Merge(into Schema, others ...Schema) Schema {
	for _, other := range others {
		for key, value := range other {
			into[key] = merged(into[key], value)
		}
	}
	return into
}

func merged(a, b any) any {
	if a == nil || a == true {
		return b
	}
	switch b := b.(type) {
	case bool:
		if b {
			return a
		}
	case Schema:
		if a, ok := a.(Schema); ok {
			return Merge(a, b)
		}
	case []string:
		names := append(slices.Clone(a.([]string)), b...)
		slices.Sort(names)
		return slices.Compact(names)
	}
	return b
}

// If returns the schema of values that have the second schema if they have the first.
func If(condition, then Schema) Schema { return Schema{"if": condition, "then": then} }

// Unless returns the schema of values that have the second schema if they do not have the
// first.
func Unless(condition, then Schema) Schema { return Schema{"if": condition, "else": then} }

// Any returns the schema of values that have one of the schemas.
func Any(schemas ...Schema) Schema { return Schema{"anyOf": schemas} }

// All returns the schema of values that have all schemas.
func All(schemas ...Schema) Schema { return Schema{"allOf": schemas} }

// Not returns the schema of values that do not have the schema.
func Not(s Schema) Schema { return Schema{"not": s} }

// OneOf returns the schema of texts that are one of the values.
func OneOf(values ...string) Schema { return Schema{"type": "string", "enum": values} }

// Matching returns the schema of texts that match a pattern.
func Matching(pattern string) Schema { return Schema{"type": "string", "pattern": pattern} }

// Flag returns the schema of true or false.
func Flag(value bool) Schema { return Schema{"type": "boolean", "const": value} }

// Number returns the schema of numbers with a bound, such as minimum or exclusiveMinimum.
func Number(bound string, limit float64) Schema { return Schema{"type": "number", bound: limit} }

// Containing returns the schema of arrays that contain an item with the schema.
func Containing(item Schema) Schema { return Schema{"type": "array", "contains": item} }

// Having returns the schema of objects with a member.
func Having(name string) Schema {
	return Schema{"type": "object", "properties": Schema{name: true}, "required": []string{name}}
}

// FoldCase returns a pattern for texts, in any case of their letters.
func FoldCase(texts ...string) string {
	var b strings.Builder
	b.WriteString("^(?:")
	for i, text := range texts {
		if i > 0 {
			b.WriteByte('|')
		}
		for _, r := range text {
			if lower, upper := strings.ToLower(string(r)), strings.ToUpper(string(r)); lower != upper {
				b.WriteString("[" + upper + lower + "]")
			} else {
				b.WriteString(regexp.QuoteMeta(string(r)))
			}
		}
	}
	return b.String() + ")$"
}
