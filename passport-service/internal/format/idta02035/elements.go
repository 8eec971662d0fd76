package idta02035

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// encode returns the elements of an object.
func (s *submodel) encode(path string, object map[string]any) []any {
	elements := []any{}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		at := strings.TrimPrefix(path+"."+name, ".")
		e := s.encodeValue(at, object[name])
		e["idShort"], e["semanticId"] = name, reference(s.element(at).SemanticID)
		elements = append(elements, e)
	}
	return elements
}

// encodeValue returns the element of a value, without its name and semantic id.
func (s *submodel) encodeValue(path string, v any) map[string]any {
	kind := s.element(path).Kind
	switch v := v.(type) {
	case map[string]any:
		switch kind {
		case "texts":
			return map[string]any{"modelType": "MultiLanguageProperty", "value": texts(v)}
		case "file":
			return map[string]any{"modelType": "File", "value": v["value"], "contentType": v["contentType"]}
		}
		return map[string]any{"modelType": "SubmodelElementCollection", "value": s.encode(path, v)}
	case []any:
		return s.encodeList(path, v)
	}
	dataType, text := lexical(kind, v)
	return map[string]any{"modelType": "Property", "valueType": dataType, "value": text}
}

// encodeList returns a list. Its items have the same type and no names.
func (s *submodel) encodeList(path string, values []any) map[string]any {
	items := []any{}
	e := map[string]any{"modelType": "SubmodelElementList", "orderRelevant": true}
	for _, v := range values {
		item := s.encodeValue(path, v)
		if item["modelType"] == "Property" {
			if t := e["valueTypeListElement"]; t != nil && t != item["valueType"] {
				item["valueType"] = "xs:string"
			}
			e["valueTypeListElement"] = item["valueType"]
		}
		e["typeValueListElement"] = item["modelType"]
		items = append(items, item)
	}
	for _, item := range items {
		if t := e["valueTypeListElement"]; t != nil {
			item.(map[string]any)["valueType"] = t
		}
	}
	e["value"] = items
	return e
}

func texts(byLanguage map[string]any) []any {
	all := []any{}
	for _, language := range slices.Sorted(maps.Keys(byLanguage)) {
		all = append(all, map[string]any{"language": language, "text": byLanguage[language]})
	}
	return all
}

// lexical returns the data type and the text of a value. A text that does not have the data type of the template is
// a string.
func lexical(kind string, v any) (dataType, text string) {
	switch v := v.(type) {
	case bool:
		return "xs:boolean", strconv.FormatBool(v)
	case json.Number:
		return "xs:double", string(v)
	case float64: // of the catalogue
		return "xs:double", strconv.FormatFloat(v, 'g', -1, 64)
	case string:
		_, err := time.Parse(time.DateOnly, v)
		_, err2 := ruleset.ParseTime(v)
		_, err3 := url.Parse(v)
		switch {
		case kind == "date" && err == nil:
			return "xs:date", v
		case kind == "dateTime" && err2 == nil:
			return "xs:dateTime", strings.ToUpper(v)
		case kind == "anyURI" && err3 == nil:
			return "xs:anyURI", v
		}
		return "xs:string", v
	}
	return "xs:string", ""
}

// pointers maps the values of a tree to their places in the document: JSON Pointers in the tree
// to JSON Pointers in the document.
type pointers map[jsontext.Pointer]jsontext.Pointer

// elements returns the values of elements by their names. The elements are at a place in the document, and the values
// at one in the tree.
func (p pointers) elements(elements any, at, tree jsontext.Pointer) map[string]any {
	object := map[string]any{}
	for i, item := range list(elements) {
		e, _ := item.(map[string]any)
		if name, ok := e["idShort"].(string); ok && object[name] == nil {
			if v := p.value(e, index(at, i), tree.AppendToken(name)); v != nil {
				object[name] = v
			}
		}
	}
	return object
}

func index(p jsontext.Pointer, i int) jsontext.Pointer { return p.AppendToken(strconv.Itoa(i)) }

// value returns the value of an element.
func (p pointers) value(e map[string]any, at, tree jsontext.Pointer) any {
	at += "/value"
	p[tree] = at
	switch e["modelType"] {
	case "SubmodelElementCollection":
		return p.elements(e["value"], at, tree)
	case "SubmodelElementList":
		items := []any{}
		for i, item := range list(e["value"]) {
			child, _ := item.(map[string]any)
			items = append(items, p.value(child, index(at, i), index(tree, i)))
		}
		return items
	case "MultiLanguageProperty":
		object := map[string]any{}
		for i, item := range list(e["value"]) {
			text, _ := item.(map[string]any)
			if language, ok := text["language"].(string); ok {
				object[language] = text["text"]
				p[tree.AppendToken(language)] = index(at, i) + "/text"
			}
		}
		return object
	case "File":
		p[tree+"/value"] = at
		return map[string]any{"value": e["value"], "contentType": e["contentType"]}
	case "Property":
		text, _ := e["value"].(string)
		return scalar(e["valueType"], text)
	}
	return nil
}

var numeric = []any{
	"xs:double", "xs:float", "xs:decimal", "xs:integer", "xs:int", "xs:long", "xs:short", "xs:byte", "xs:nonNegativeInteger", "xs:positiveInteger",
	"xs:unsignedInt", "xs:unsignedLong", "xs:unsignedShort", "xs:unsignedByte", "xs:nonPositiveInteger", "xs:negativeInteger",
}

// scalar returns the value of a text. A text that is not of its data type stays a text.
func scalar(dataType any, text string) any {
	switch {
	case dataType == "xs:boolean" && (text == "true" || text == "1"):
		return true
	case dataType == "xs:boolean" && (text == "false" || text == "0"):
		return false
	case slices.Contains(numeric, dataType):
		if _, err := strconv.ParseFloat(text, 64); err == nil && json.Valid([]byte(text)) {
			return json.Number(text)
		}
	}
	return text
}
