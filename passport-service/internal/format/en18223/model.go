// Package en18223 converts passports to and from the JSON of EN 18223: a header, and the data in compressed
// or full representation.
package en18223

import (
	"maps"
	"strings"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/format"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// Options select one of the ways to write a document. All are read.
type Options struct {
	Full        bool // the data as elements with their types
	LastUpdated bool // lastUpdated, item and active as in openEPCIS, instead of lastUpdate, Item and Active as in IDTA-01001 3.2
}

type model struct {
	Options
	header    *format.Mapping
	constants map[string]any
	content   string   // content specification: the rule set
	others    []string // rule sets of earlier or later documents
	fields    []*ruleset.Field
}

// NewModel returns a model. The mapping and the constants in the catalogue are those of the header.
func NewModel(rules *ruleset.RuleSet, f *ruleset.DataModel, o Options) (format.Model, error) {
	header, err := format.NewMapping(rules, f.Mapping)
	m := &model{Options: o, header: header, constants: f.Constants, content: rules.Name, fields: rules.Sections()}
	for _, other := range ruleset.Embedded() {
		m.others = append(m.others, other.Name)
	}
	return m, err
}

// For returns a model that writes as the document is written: with the name of its rule set,
// in its representation and with its spelling of the header.
func (m *model) For(document any) format.Model {
	theirs, _ := document.(map[string]any)
	elements, _ := theirs["elements"].([]any)
	values := valuesOf(elements)
	for _, name := range append([]string{m.content}, m.others...) {
		if theirs[name] != nil || values[name] != nil {
			c := *m
			c.content, c.Full = name, theirs[name] == nil
			_, c.LastUpdated = theirs["lastUpdated"]
			return &c
		}
	}
	return m
}

// Encode implements format.Model.
func (m *model) Encode(data any, header format.Header) (any, format.Reasons) {
	members, why := m.header.Encode(data, header)
	document, _ := members.(map[string]any)
	object, _ := data.(map[string]any)
	content := compress(object, m.fields)
	if len(content) == 0 {
		return document, why
	}
	maps.Copy(document, m.constants)
	if header.Status != "" {
		document["dppStatus"] = strings.ToUpper(header.Status[:1]) + header.Status[1:]
	}
	if !header.UpdatedAt.IsZero() {
		document["lastUpdate"] = header.UpdatedAt.UTC().Format(time.RFC3339)
	}
	if m.LastUpdated {
		useLastUpdated(document)
	}
	document["contentSpecificationIds"] = []any{m.content}
	if m.Full {
		document["elements"] = []any{m.collection(m.content, m.content, content, m.fields)}
	} else {
		document[m.content] = content
	}
	return document, why
}

// useLastUpdated changes the spelling of a header.
func useLastUpdated(document map[string]any) {
	if at, ok := document["lastUpdate"]; ok {
		document["lastUpdated"] = at
		delete(document, "lastUpdate")
	}
	for _, name := range []string{"granularity", "dppStatus"} {
		if text, ok := document[name].(string); ok {
			document[name] = strings.ToLower(text)
		}
	}
}

// Decode implements format.Model. The data has precedence over the header.
func (m *model) Decode(document any) (any, format.Reasons) {
	theirs, _ := document.(map[string]any)
	data, why := m.header.Decode(document)
	why["/dppStatus"], why["/lastUpdate"], why["/lastUpdated"] = setByService, setByService, setByService
	content := theirs[m.content]
	elements, _ := theirs["elements"].([]any)
	if values := valuesOf(elements); content == nil {
		content = values[m.content]
	}
	object, _ := content.(map[string]any)
	return merge(expand(object, m.fields), data), why
}

const setByService = "is set by the service"

// merge adds to a the members that only b has.
func merge(a map[string]any, b any) map[string]any {
	other, _ := b.(map[string]any)
	for name, v := range other {
		switch mine := a[name].(type) {
		case nil:
			a[name] = v
		case map[string]any:
			a[name] = merge(mine, v)
		}
	}
	return a
}
