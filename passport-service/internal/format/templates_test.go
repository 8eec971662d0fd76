package format_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/format"
)

// templates are the schemas of the submodels of IDTA 02035 by the name of the submodel.
var templates = map[string]string{
	"BatteryNameplate": "NameplateBattery", "CarbonFootprint": "CarbonFootprintBattery", "TechnicalData": "TechnicalDataBattery", "ProductCondition": "ProductConditionBattery",
	"MaterialComposition": "MaterialCompositionBattery", "Circularity": "CircularityBattery", "DppMetadata": "DppMetadata",
}

// valueOnly returns the value of an element as the schemas have it.
func valueOnly(element any) any {
	items, _ := at(element, "value").([]any)
	switch kind := at(element, "modelType"); kind {
	case "SubmodelElementCollection":
		return namedValues(items)
	case "SubmodelElementList":
		values := []any{}
		for _, item := range items {
			values = append(values, valueOnly(item))
		}
		return values
	case "MultiLanguageProperty":
		texts := []any{}
		for _, item := range items {
			texts = append(texts, map[string]any{at(item, "language").(string): at(item, "text")})
		}
		return texts
	case "File":
		return map[string]any{"value": at(element, "value"), "contentType": at(element, "contentType")}
	}
	text, _ := at(element, "value").(string)
	switch at(element, "valueType") {
	case "xs:boolean":
		return text == "true"
	case "xs:double":
		n, _ := strconv.ParseFloat(text, 64)
		return n
	}
	return text
}

func namedValues(elements []any) map[string]any {
	values := map[string]any{}
	for _, e := range elements {
		name := at(e, "idShort").(string)
		if name == "PcfCO2eq" { // as in IDTA 02023; the schema has another spelling
			name = "PcfCo2eq"
		}
		values[name] = valueOnly(e)
	}
	return values
}

// TestSubmodelsFollowTheirTemplate validates the submodels of each sample with the schemas of IDTA 02035, like
// TestDocumentsFollowTheirSchema.
func TestSubmodelsFollowTheirTemplate(t *testing.T) {
	f, header := registry(t)["idta-02035"], format.Header{Status: "active", UpdatedAt: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	for sample, data := range samples(t) {
		if sample == "readme-sample.json" {
			continue // its identifier is not a URI
		}
		document, _, err := f.Encode(data, header)
		if err != nil {
			t.Fatal(err)
		}
		var absent []string
		submodels, _ := at(parse(t, document), "submodels").([]any)
		for _, s := range submodels {
			name := at(s, "idShort").(string)
			elements, _ := at(s, "submodelElements").([]any)
			text, err := json.Marshal(namedValues(elements))
			if err != nil {
				t.Fatal(err)
			}
			problems, without := schemaErrors(t, compileSchema(t, shared+"idta-02035-digital-battery-passport/"+templates[name]+"-schema.json"), text)
			for _, p := range problems {
				t.Errorf("%s, %s: %s", sample, name, p)
			}
			for _, path := range without {
				absent = append(absent, "/"+name+strings.ReplaceAll(path, "PcfCo2eq", "PcfCO2eq"))
			}
		}
		reported := slices.Sorted(maps.Keys(lostPaths(f.Missing(document), "")))
		if slices.Sort(absent); !slices.Equal(reported, absent) || len(submodels) == 0 {
			t.Errorf("%s: the schemas miss %v, the report %v", sample, absent, reported)
		}
	}
}
