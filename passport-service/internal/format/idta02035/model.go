// Package idta02035 converts passports to and from asset administration shells with the submodels of IDTA 02035,
// Digital Battery Passport.
package idta02035

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/battery-passport/suite/passport-service/internal/format"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

type model struct {
	mapping  *format.Mapping
	template *template
	wanted   []string // ids of the submodels to read; nil: all
}

// NewModel returns a model. The mapping in the catalogue is to a tree of values by the names of submodels and elements.
func NewModel(rules *ruleset.RuleSet, f *ruleset.DataModel) (format.Model, error) {
	mapping, err := format.NewMapping(rules, f.Mapping)
	t, err2 := loadTemplate()
	return &model{mapping: mapping, template: t}, errors.Join(err, err2)
}

// Encode implements format.Model.
func (m *model) Encode(data any, header format.Header) (any, format.Reasons) {
	values, why := m.mapping.Encode(data, header)
	tree, _ := values.(map[string]any)
	if len(tree) == 0 {
		return tree, why
	}
	m.addHeader(tree, header)
	id := member(tree, m.template.ShellID)
	asset := member(tree, m.template.AssetID)
	if id == "" {
		id = asset
	}
	submodels, references := []any{}, []any{}
	for i := range m.template.Submodels {
		s := &m.template.Submodels[i]
		if elements, ok := tree[s.Name].(map[string]any); ok {
			at := strings.TrimPrefix(id+"/"+s.Name, "/")
			submodels = append(submodels, s.encodeSubmodel(at, elements))
			references = append(references, modelReference("Submodel", at))
		}
	}
	document := map[string]any{"submodels": submodels}
	if asset != "" {
		document["assetAdministrationShells"] = []any{map[string]any{
			"modelType": "AssetAdministrationShell", "id": id, "submodels": references,
			"assetInformation": map[string]any{"assetKind": "Instance", "globalAssetId": asset},
		}}
	}
	return document, why
}

func (s *submodel) encodeSubmodel(id string, elements map[string]any) map[string]any {
	encoded := map[string]any{
		"modelType": "Submodel", "id": id, "idShort": s.Name, "kind": "Instance", "semanticId": reference(s.SemanticID),
		"submodelElements": s.encode("", elements),
	}
	if len(s.Supplemental) > 0 {
		others := []any{}
		for _, other := range s.Supplemental {
			others = append(others, reference(other))
		}
		encoded["supplementalSemanticIds"] = others
	}
	return encoded
}

// addHeader adds the members that describe the version.
func (m *model) addHeader(tree map[string]any, header format.Header) {
	members := map[string]any{}
	if header.Status != "" {
		members["dppStatus"] = strings.ToUpper(header.Status[:1]) + header.Status[1:]
	}
	if !header.UpdatedAt.IsZero() {
		members["lastUpdate"] = header.UpdatedAt.UTC().Format(time.RFC3339)
	}
	name, _, _ := strings.Cut(m.template.ShellID, ".")
	if object, ok := tree[name].(map[string]any); ok {
		maps.Copy(object, members)
	}
}

func reference(id string) map[string]any {
	return map[string]any{"type": "ExternalReference", "keys": []any{map[string]any{"type": "GlobalReference", "value": id}}}
}

func modelReference(kind, id string) map[string]any {
	return map[string]any{"type": "ModelReference", "keys": []any{map[string]any{"type": kind, "value": id}}}
}

// Decode implements format.Model.
func (m *model) Decode(document any) (any, format.Reasons) {
	tree, pointers := m.read(document)
	data, why := m.mapping.Decode(tree)
	header, _, _ := strings.Cut(m.template.ShellID, ".")
	for _, name := range []string{"dppStatus", "lastUpdate"} {
		why["/"+header+"/"+name] = "is set by the service"
	}
	reasons := format.Reasons{}
	for tree, reason := range why {
		if at, ok := pointers[jsontext.Pointer(tree)]; ok {
			reasons[string(at)] = reason
		}
	}
	return data, reasons
}

// Tree returns the values of a document by the names of submodels and elements.
func (m *model) Tree(document any) any {
	tree, _ := m.read(document)
	return tree
}

// read is like Tree, and returns where the values are.
func (m *model) read(document any) (map[string]any, pointers) {
	environment, _ := document.(map[string]any)
	tree, pointers := map[string]any{}, pointers{}
	for i, item := range list(environment["submodels"]) {
		s, _ := item.(map[string]any)
		if known := m.known(s); known != nil && tree[known.Name] == nil {
			at := jsontext.Pointer(fmt.Sprintf("/submodels/%d/submodelElements", i))
			tree[known.Name] = pointers.elements(s["submodelElements"], at, jsontext.Pointer("/"+known.Name))
		}
	}
	return tree, pointers
}

// known returns the description of a submodel that must be read, or nil.
func (m *model) known(s map[string]any) *submodel {
	if id, _ := s["id"].(string); m.wanted != nil && !slices.Contains(m.wanted, id) {
		return nil
	}
	return m.template.find(semanticIDs(s), s["idShort"])
}

// semanticIDs returns all semantic ids of a submodel.
func semanticIDs(s map[string]any) []string {
	ids := keys(s["semanticId"])
	for _, item := range list(s["supplementalSemanticIds"]) {
		ids = append(ids, keys(item)...)
	}
	return ids
}

// keys returns the values of the keys of a reference.
func keys(reference any) (values []string) {
	r, _ := reference.(map[string]any)
	for _, item := range list(r["keys"]) {
		key, _ := item.(map[string]any)
		if value, ok := key["value"].(string); ok {
			values = append(values, value)
		}
	}
	return values
}

func list(v any) []any {
	items, _ := v.([]any)
	return items
}
