package format

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/fault"
)

// rule maps a path of the catalogue to a path of a format.
type rule struct {
	ours, theirs []step
	converter    converter
	mode         mode
}

// mode defines when a rule applies: it is the first character of a path.
type mode byte

const (
	always   mode = 0
	readOnly mode = '-' // read, but not written
	repeated mode = '+' // also written, into objects that other rules have written
)

// Mapping is a model that is defined by the catalogue: it has all rules of a format, in their order.
type Mapping struct {
	rules     []rule
	constants []constant
	header    []headerRule
}

// NewMapping parses the mapping of a format. An attribute has one path, or several that are separated by
// semicolons. The error joins all errors.
func NewMapping(rules *ruleset.RuleSet, name string) (*Mapping, error) {
	m := &Mapping{}
	var errs []error
	for _, a := range rules.Attributes() {
		for _, text := range Targets(&a, name) {
			r, err := parseRule(&a, text)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s, %s: %w", a.Path, name, err))
			}
			m.rules = append(m.rules, r)
		}
	}
	if about := rules.Format(name); about != nil {
		var err error
		m.constants, err = parseConstants(about)
		errs = append(errs, err)
		m.header, err = parseHeader(about)
		errs = append(errs, err)
	}
	return m, errors.Join(errs...)
}

// Targets returns the paths of a format, with converters, that correspond to an attribute.
func Targets(a *ruleset.Attribute, name string) (targets []string) {
	for text := range strings.SplitSeq(a.Mapping[name], ";") {
		if text = strings.TrimSpace(text); text != "" {
			targets = append(targets, text)
		}
	}
	return targets
}

func parseRule(a *ruleset.Attribute, text string) (r rule, err error) {
	if c := mode(text[0]); c == readOnly || c == repeated {
		r.mode, text = c, text[1:]
	}
	path, converter, _ := strings.Cut(text, "|")
	ours := a.Path
	if strings.HasPrefix(path, "[") { // instead of the last [] of the attribute
		i, j := strings.LastIndex(ours, "[]"), strings.IndexByte(path, ']')+1
		if i < 0 || j == 0 {
			return r, fmt.Errorf("%q selects items, but the attribute has none", path)
		}
		ours, path = ours[:i]+path[:j]+ours[i+len("[]"):], path[j:]
	}
	if a.Type == ruleset.Strings && !strings.HasPrefix(strings.TrimSpace(converter), "join") {
		ours += "[]"
	}
	var errs [3]error
	r.ours, errs[0] = parsePath(ours)
	r.theirs, errs[1] = parsePath(strings.TrimSpace(path))
	r.converter, errs[2] = newConverter(strings.TrimSpace(converter))
	return r, errors.Join(errs[:]...)
}

// Encode implements Model.
func (m *Mapping) Encode(ours any, header Header) (any, Reasons) {
	var theirs any = map[string]any{}
	why := Reasons{}
	for _, mode := range []mode{always, repeated} {
		for i := range m.rules {
			if r := &m.rules[i]; r.mode == mode {
				theirs = r.encode(ours, theirs, why)
			}
		}
	}
	theirs = prune(theirs)
	return m.complete(theirs, header), why
}

// encode sets the values of a rule in theirs, and returns it.
func (r *rule) encode(ours, theirs any, why Reasons) any {
	n := numbers(r.theirs)
	matches := find(ours, r.ours)
	parents := r.theirs[:len(r.theirs)-1]
	found := positions{}
	var written map[string]bool
	if r.mode == repeated {
		written = places(theirs, parents)
	}
	for i, v := range matches {
		if r.mode == repeated && !written[place(v.indexes, parents)] {
			continue
		}
		if i+1 < len(matches) && len(v.indexes) > n && slices.Equal(v.indexes[:n], matches[i+1].indexes[:n]) {
			why["/data"+v.pointer] = "only the last item is converted"
			continue
		}
		value, err := r.converter.encode(v.value)
		if err != nil {
			why["/data"+v.pointer] = err.Error()
			continue
		}
		theirs = set(theirs, r.theirs, fit(v.indexes, r.theirs), clone(value), found)
	}
	return theirs
}

// places returns the locations of the values at a path.
func places(v any, steps []step) map[string]bool {
	all := map[string]bool{}
	for _, m := range find(v, steps) {
		all[place(m.indexes, steps)] = true
	}
	return all
}

// place returns the indexes for the numbered arrays of a path, as text.
func place(indexes []int, steps []step) string {
	full := make([]int, numbers(steps))
	copy(full, indexes)
	return fmt.Sprint(full)
}

// Decode implements Model.
func (m *Mapping) Decode(theirs any) (any, Reasons) {
	var ours any = map[string]any{}
	why := Reasons{}
	for i := range m.rules {
		ours = m.rules[i].decode(ours, theirs, why)
	}
	m.explainHeader(theirs, why)
	return prune(ours), why
}

// decode sets the values of a rule in ours, and returns it. A value that another rule has set stays.
func (r *rule) decode(ours, theirs any, why Reasons) any {
	found := positions{}
	var isSet map[string]bool
	if r.mode != always {
		isSet = places(ours, r.ours)
	}
	for _, v := range find(theirs, r.theirs) {
		if hasMore(v.indexes, numbers(r.ours)) {
			why[v.pointer] = "only the first item is converted"
			continue
		}
		value, err := r.converter.decode(v.value)
		if err != nil {
			why[v.pointer] = err.Error()
			continue
		}
		if !isSet[place(v.indexes, r.ours)] {
			ours = set(ours, r.ours, fit(v.indexes, r.ours), clone(value), found)
		}
	}
	return ours
}

// clone copies objects and arrays, so that two trees share none.
func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		c := make(map[string]any, len(v))
		for name, child := range v {
			c[name] = clone(child)
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i, item := range v {
			c[i] = clone(item)
		}
		return c
	}
	return v
}

// hasMore reports whether a value is not in the first items of the arrays that the other side does not have.
func hasMore(indexes []int, n int) bool {
	for _, i := range indexes[min(n, len(indexes)):] {
		if i > 0 {
			return true
		}
	}
	return false
}

// fit returns the indexes for the numbered arrays of a path.
func fit(indexes []int, steps []step) []int { return indexes[:min(len(indexes), numbers(steps))] }

// prune removes objects and arrays without values.
func prune(v any) any {
	if pruned, ok := pruneChild(v); ok {
		return pruned
	}
	return map[string]any{}
}

func pruneChild(v any) (any, bool) {
	switch v := v.(type) {
	case map[string]any:
		for name, child := range v {
			if child, ok := pruneChild(child); ok {
				v[name] = child
			} else {
				delete(v, name)
			}
		}
		return v, len(v) > 0
	case []any:
		kept := v[:0]
		for _, item := range v {
			if item, ok := pruneChild(item); ok {
				kept = append(kept, item)
			}
		}
		return kept, len(kept) > 0
	}
	return v, v != nil
}

// parse parses JSON, and keeps numbers as they are written.
func parse(text []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	err := dec.Decode(&v)
	if err == nil {
		if _, err = dec.Token(); err == io.EOF {
			return v, nil
		}
		err = errors.New("expected the end of the document")
	}
	return nil, fault.New(fault.Malformed, "the document is not valid JSON").With(fault.Detail{Code: "syntax", Message: err.Error()})
}
