package format

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// headerRule writes a value of the header.
type headerRule struct {
	theirs    []step
	value     func(Header) string // "": none
	converter converter
}

var headerValues = map[string]func(Header) string{
	"status": func(h Header) string { return h.Status },
	"updatedAt": func(h Header) string {
		if h.UpdatedAt.IsZero() {
			return ""
		}
		return h.UpdatedAt.UTC().Format(time.RFC3339)
	},
}

func parseHeader(model *ruleset.DataModel) (rules []headerRule, err error) {
	for _, path := range slices.Sorted(maps.Keys(model.Header)) {
		name, conversion, _ := strings.Cut(model.Header[path], " | ")
		r := headerRule{value: headerValues[name]}
		var errs [2]error
		r.theirs, errs[0] = parsePath(path)
		r.converter, errs[1] = newConverter(conversion)
		if err := errors.Join(errs[:]...); err != nil || r.value == nil {
			return nil, fmt.Errorf("header %q of %s is not a value of the header: %w", path, model.Name, err)
		}
		rules = append(rules, r)
	}
	return rules, nil
}

// constant is a member that is written into each object that has others.
type constant struct {
	object []step
	name   string
	value  any
}

func parseConstants(model *ruleset.DataModel) (constants []constant, err error) {
	for _, path := range slices.Sorted(maps.Keys(model.Constants)) {
		steps, err := parsePath(path)
		if err != nil || steps[len(steps)-1].array {
			return nil, fmt.Errorf("constant %q of %s is not a member: %w", path, model.Name, err)
		}
		last := len(steps) - 1
		constants = append(constants, constant{steps[:last], steps[last].name, model.Constants[path]})
	}
	return constants, nil
}

func (c *constant) write(document any) {
	for _, m := range find(document, c.object) {
		if object, _ := m.value.(map[string]any); len(object) > 0 && object[c.name] == nil {
			object[c.name] = clone(c.value)
		}
	}
}

// complete writes the header and the constants of a document that has other members.
func (m *Mapping) complete(document any, header Header) any {
	object, _ := document.(map[string]any)
	if len(object) == 0 {
		return document
	}
	for _, r := range m.header {
		if v, err := r.converter.encode(r.value(header)); err == nil && v != "" {
			document = set(document, r.theirs, nil, v, positions{})
		}
	}
	for i := range m.constants {
		m.constants[i].write(document)
	}
	return document
}

// explainHeader sets the reason why the header of a document is not imported.
func (m *Mapping) explainHeader(document any, why Reasons) {
	for _, r := range m.header {
		for _, found := range find(document, r.theirs) {
			why[found.pointer] = "is set by the service"
		}
	}
}
