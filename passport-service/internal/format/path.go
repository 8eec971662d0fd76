package format

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// condition selects the items of an array, or the objects, in which a member has a value. With an
// empty value, the member must exist.
type condition struct {
	name, value string // a name can have dots: the member of a member
	not         bool   // another value, or none
}

func (c *condition) steps() (steps []step) {
	for name := range strings.SplitSeq(c.name, ".") {
		steps = append(steps, step{name: name})
	}
	return steps
}

// step is one member in a path.
type step struct {
	name  string
	array bool        // the member is an array; without conditions, the items are numbered
	all   bool        // with conditions, the items that meet them are numbered
	where []condition // all must hold
}

// numbered reports whether a path goes through all items of the array.
func (s *step) numbered() bool {
	return s.array && (s.all || !slices.ContainsFunc(s.where, func(c condition) bool { return c.value != "" }))
}

// parsePath parses a path such as a.b[].c, a[kind=x].b, a[?kind].b, a[*kind!=x,unit=kg] or a{unit=kg}.b.
func parsePath(text string) ([]step, error) {
	var steps []step
	for rest := text; rest != ""; {
		end := strings.IndexAny(rest, ".[{")
		if end < 0 {
			end = len(rest)
		}
		s := step{name: rest[:end]}
		if rest = rest[end:]; s.name == "" {
			return nil, fmt.Errorf("path %q has an empty name", text)
		}
		if rest != "" && rest[0] != '.' {
			closing := map[byte]byte{'[': ']', '{': '}'}[rest[0]]
			s.array = rest[0] == '['
			inner, after, ok := strings.Cut(rest[1:], string(closing))
			if !ok {
				return nil, fmt.Errorf("path %q has no %q", text, closing)
			}
			if rest = after; inner != "" {
				inner, s.all = strings.CutPrefix(inner, "*")
				var err error
				if s.where, err = parseConditions(inner); err != nil {
					return nil, fmt.Errorf("path %q: %w", text, err)
				}
			}
		}
		rest = strings.TrimPrefix(rest, ".")
		steps = append(steps, s)
	}
	return steps, nil
}

func parseConditions(text string) (conditions []condition, err error) {
	for part := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(part, "=")
		exists, isExists := strings.CutPrefix(part, "?")
		switch {
		case isExists:
			conditions = append(conditions, condition{name: exists})
		case ok:
			name, not := strings.CutSuffix(name, "!")
			conditions = append(conditions, condition{name, value, not})
		default:
			return nil, fmt.Errorf("%q is not a condition", part)
		}
	}
	return conditions, nil
}

func numbers(steps []step) (n int) {
	for i := range steps {
		if steps[i].numbered() {
			n++
		}
	}
	return n
}

// match is a value at a path.
type match struct {
	value   any
	indexes []int // of the items of its numbered arrays
	pointer string
}

// find returns all values at a path.
func find(v any, steps []step) []match { return appendMatches(nil, match{value: v}, steps) }

func appendMatches(all []match, at match, steps []step) []match {
	if len(steps) == 0 {
		return append(all, at)
	}
	s := &steps[0]
	object, _ := at.value.(map[string]any)
	value, ok := object[s.name]
	if !ok {
		return all
	}
	at.value, at.pointer = value, at.pointer+"/"+escape(s.name)
	if !s.array {
		if !s.holds(value) {
			return all
		}
		return appendMatches(all, at, steps[1:])
	}
	items, _ := value.([]any)
	n := 0
	for i, item := range items {
		if !s.holds(item) {
			continue
		}
		next := match{item, at.indexes, fmt.Sprint(at.pointer, "/", i)}
		if s.numbered() {
			next.indexes = append(append([]int(nil), at.indexes...), n)
			n++
		}
		all = appendMatches(all, next, steps[1:])
		if !s.numbered() {
			break // the first that matches
		}
	}
	return all
}

// holds reports whether a value meets all conditions.
func (s *step) holds(v any) bool {
	for _, c := range s.where {
		matches := find(v, c.steps())
		ok := len(matches) == 1 && (c.value == "" || literal(matches[0].value) == c.value || equal(matches[0].value, c.scalar()))
		if ok == c.not {
			return false
		}
	}
	return true
}

// satisfy sets the members that the conditions require, and returns v.
func (s *step) satisfy(v any) any {
	for _, c := range s.where {
		if c.value != "" && !c.not {
			v = set(v, c.steps(), nil, c.scalar(), positions{})
		}
	}
	return v
}

var isNumber = regexp.MustCompile(`^-?\d+(\.\d+)?$`)

// scalar returns the value that the member must have.
func (c *condition) scalar() any {
	if isNumber.MatchString(c.value) {
		return json.Number(c.value)
	}
	return scalar(c.value)
}

// set stores a value at a path below v, and returns v. Numbered arrays use the indexes; those without
// an index use 0. found has the positions of earlier calls with the same steps.
func set(v any, steps []step, indexes []int, value any, found positions) any {
	if len(steps) == 0 {
		return value
	}
	object, ok := v.(map[string]any)
	if !ok {
		object = map[string]any{}
	}
	s := &steps[0]
	if !s.array {
		object[s.name] = set(s.satisfy(object[s.name]), steps[1:], indexes, value, found)
		return object
	}
	items, _ := object[s.name].([]any)
	i := 0
	if s.numbered() && len(indexes) > 0 {
		i, indexes = indexes[0], indexes[1:]
	}
	if s.all || !s.numbered() {
		i = found.position(object, s, items, i)
	}
	for len(items) <= i {
		items = append(items, s.satisfy(map[string]any{}))
	}
	items[i] = set(s.satisfy(items[i]), steps[1:], indexes, value, found)
	object[s.name] = items
	return object
}

// positions remembers the items that meet the conditions of a step, so that each is checked once for all values of a
// path. The key is the step and the identity of the object that has the array.
type positions map[positionsKey]*matching

type positionsKey struct {
	step   *step
	object uintptr
}

type matching struct {
	at      []int // positions of items
	checked int   // items
}

// position returns the position of the nth item that meets the conditions, or that of the next item to add.
func (p positions) position(object map[string]any, s *step, items []any, n int) int {
	key := positionsKey{s, reflect.ValueOf(object).Pointer()}
	m := p[key]
	if m == nil {
		m = &matching{}
		p[key] = m
	}
	for ; m.checked < len(items) && len(m.at) <= n; m.checked++ {
		if s.holds(items[m.checked]) {
			m.at = append(m.at, m.checked)
		}
	}
	if n < len(m.at) {
		return m.at[n]
	}
	return len(items) + n - len(m.at)
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

func escape(name string) string { return pointerEscapes.Replace(name) }
