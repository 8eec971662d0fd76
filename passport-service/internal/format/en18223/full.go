package en18223

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// dataTypes are the XML Schema data types of single values.
var dataTypes = map[ruleset.Type]string{
	ruleset.String: "xsd:string", ruleset.Strings: "xsd:string", ruleset.Number: "xsd:double", ruleset.Integer: "xsd:integer", ruleset.Boolean: "xsd:boolean",
}

func element(id, kind, reference string, more ...any) map[string]any {
	e := map[string]any{"elementId": id, "objectType": kind, "dictionaryReference": reference}
	for i := 0; i < len(more); i += 2 {
		e[more[i].(string)] = more[i+1]
	}
	return e
}

// collection returns the element of an object in compressed representation.
func (m *model) collection(id, reference string, object map[string]any, fields []*ruleset.Field) map[string]any {
	members := []any{}
	for _, f := range fields {
		if v, ok := object[f.Name]; ok {
			members = append(members, m.element(f, v))
		}
	}
	return element(id, "DataElementCollection", reference, "elements", members)
}

// element returns the element of a value in compressed representation. Its dictionary reference is the path in the
// catalogue, after the name of that.
func (m *model) element(f *ruleset.Field, v any) map[string]any {
	path := f.Name // of a section
	if f.Attribute != nil {
		path = f.Attribute.Path
	}
	reference := m.content + "#" + path
	if f.Attribute != nil && f.Attribute.Type == ruleset.Localized {
		return element(f.Name, "MultiLanguageDataElement", reference, "value", v)
	}
	switch v := v.(type) {
	case map[string]any:
		return m.collection(f.Name, reference, v, f.Children)
	case []any:
		items := make([]any, len(v))
		for i, item := range v {
			items[i] = m.element(f, item)
		}
		list := element(f.Name, "MultiValuedDataElement", reference, "elements", items)
		if f.Children == nil {
			list["valueDataType"] = dataTypes[f.Attribute.Type]
		}
		return list
	}
	return element(f.Name, "SingleValuedDataElement", reference, "value", v, "valueDataType", dataTypes[f.Attribute.Type])
}

// valuesOf returns the values of elements, by their ids.
func valuesOf(elements []any) map[string]any {
	values := map[string]any{}
	for _, item := range elements {
		if e, ok := item.(map[string]any); ok {
			if id, ok := e["elementId"].(string); ok && values[id] == nil {
				values[id] = valueOf(e)
			}
		}
	}
	return values
}

// valueOf returns the value of an element in compressed representation.
func valueOf(e map[string]any) any {
	children, _ := e["elements"].([]any)
	switch e["objectType"] {
	case "DataElementCollection":
		return valuesOf(children)
	case "MultiValuedDataElement":
		return listOf(e, children)
	case "RelatedResource":
		return e
	case "SingleValuedDataElement":
		return scalarOf(e["value"], e["valueDataType"])
	}
	return e["value"]
}

// listOf returns the items of a list: elements or, as openEPCIS writes them, values.
func listOf(e map[string]any, children []any) any {
	items := []any{}
	for _, child := range children {
		if c, ok := child.(map[string]any); ok {
			items = append(items, valueOf(c))
		}
	}
	values, _ := e["value"].([]any)
	for _, v := range values {
		if members, ok := v.([]any); ok {
			items = append(items, valuesOf(members))
		} else {
			items = append(items, scalarOf(v, e["valueDataType"]))
		}
	}
	return items
}

var numeric = []any{"xsd:decimal", "xsd:double", "xsd:float", "xsd:integer", "xsd:int", "xsd:long", "xsd:nonNegativeInteger", "xsd:positiveInteger"}

// scalarOf returns a number or boolean that is written as a string.
func scalarOf(v, dataType any) any {
	text, ok := v.(string)
	switch {
	case !ok:
	case slices.Contains(numeric, dataType):
		if _, err := strconv.ParseFloat(text, 64); err == nil && json.Valid([]byte(text)) {
			return json.Number(text)
		}
	case dataType == "xsd:boolean" && (text == "true" || text == "false"):
		return text == "true"
	}
	return v
}
