package idta02035

import (
	_ "embed"
	"encoding/json"
	"slices"
	"strings"
)

// template contains the names of the submodels and of their elements. It is read-only.
type template struct {
	ShellID   string     `json:"shellId"` // path of the identifier of the shell
	AssetID   string     `json:"assetId"` // path of the identifier of the battery
	Submodels []submodel `json:"submodels"`
}

type submodel struct {
	Name         string             `json:"idShort"`
	SemanticID   string             `json:"semanticId"`
	Supplemental []string           `json:"supplementalSemanticIds"`
	Others       []string           `json:"otherSemanticIds"` // which are read
	Namespace    string             `json:"namespace"`        // of the semantic ids of elements
	Elements     map[string]element `json:"elements"`         // by path, without the indexes of lists, or by name as *.name; default: an empty one
}

// element describes an element of a submodel.
type element struct {
	Kind       string `json:"kind"`       // "texts": in several languages; "file"; "date", "dateTime" and "anyURI": data types
	SemanticID string `json:"semanticId"` // default: the namespace and the name
}

//go:embed template.json
var templateFile []byte

func loadTemplate() (*template, error) {
	t := new(template)
	return t, json.Unmarshal(templateFile, t)
}

// element returns the element at a path.
func (s *submodel) element(path string) element {
	name := path[strings.LastIndexByte(path, '.')+1:]
	e, ok := s.Elements[path]
	if !ok {
		e = s.Elements["*."+name]
	}
	if e.SemanticID == "" {
		e.SemanticID = s.Namespace + strings.ToLower(name[:1]) + name[1:]
	}
	return e
}

// find returns the submodel with a semantic id or, if it is unknown, with a name.
func (t *template) find(semanticIDs []string, name any) *submodel {
	for _, id := range semanticIDs {
		i := slices.IndexFunc(t.Submodels, func(s submodel) bool {
			return s.SemanticID == id || slices.Contains(s.Supplemental, id) || slices.Contains(s.Others, id)
		})
		if i >= 0 {
			return &t.Submodels[i]
		}
	}
	i := slices.IndexFunc(t.Submodels, func(s submodel) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return &t.Submodels[i]
}

// member returns the text at a path of a tree, or "".
func member(tree any, path string) string {
	for name := range strings.SplitSeq(path, ".") {
		object, _ := tree.(map[string]any)
		tree = object[name]
	}
	text, _ := tree.(string)
	return text
}
