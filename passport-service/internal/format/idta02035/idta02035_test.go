package idta02035

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/format"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

func newFormat(t *testing.T) (format.Format, *model) {
	t.Helper()
	rules := ruleset.Embedded()[0]
	about := rules.Format("idta-02035")
	m, err := NewModel(rules, about)
	if err != nil {
		t.Fatal(err)
	}
	f, err := format.New(m, about)
	if err != nil {
		t.Fatal(err)
	}
	return f, m.(*model)
}

func parse(t *testing.T, text []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// elementsAt returns the elements of an environment without children by their names, with their pointers.
func elementsAt(environment any) (elements map[string]any, pointers map[string]string) {
	elements, pointers = map[string]any{}, map[string]string{}
	var walk func(items []any, name, pointer string)
	walk = func(items []any, name, pointer string) {
		for i, item := range items {
			e, _ := item.(map[string]any)
			at, p := fmt.Sprint(name, "/", e["idShort"]), fmt.Sprint(pointer, "/", i)
			if e["idShort"] == nil {
				at = fmt.Sprint(name, "/", i)
			}
			if kind := e["modelType"]; kind == "SubmodelElementCollection" || kind == "SubmodelElementList" {
				walk(list(e["value"]), at, p+"/value")
			} else if kind == "Submodel" {
				walk(list(e["submodelElements"]), at, p+"/submodelElements")
			} else {
				elements[at], pointers[at] = e["value"], p
			}
		}
	}
	object, _ := environment.(map[string]any)
	walk(list(object["submodels"]), "", "/submodels")
	return elements, pointers
}

// exampleEnvironment has the payloads that IDTA publishes as submodels.
func exampleEnvironment(t *testing.T, m *model) map[string]any {
	t.Helper()
	names := map[string]string{"NameplateBattery": "BatteryNameplate", "CarbonFootprintBattery": "CarbonFootprint", "TechnicalDataBattery": "TechnicalData",
		"ProductConditionBattery": "ProductCondition", "MaterialCompositionBattery": "MaterialComposition", "CircularityBattery": "Circularity",
		"DppMetadata": "DppMetadata", "HandoverDocumentationBattery": "HandoverDocumentation"}
	submodels := []any{}
	for _, file := range slices.Sorted(maps.Keys(names)) {
		text, err := os.ReadFile(filepath.Join("../../../../../shared/data/idta-02035-digital-battery-passport", file+".json"))
		if err != nil {
			t.Skip("the data of others is not here")
		}
		s := m.template.find(nil, names[file])
		if s == nil {
			s = &submodel{Name: names[file], SemanticID: "urn:x", Namespace: "urn:x#"}
		}
		submodels = append(submodels, s.encodeSubmodel("urn:x:"+file, parse(t, text).(map[string]any)))
	}
	return map[string]any{"submodels": submodels}
}

// TestExamplesComeBack decodes and encodes the payloads that IDTA publishes. Each value must come back, or be a loss.
func TestExamplesComeBack(t *testing.T) {
	f, m := newFormat(t)
	text, err := json.Marshal(exampleEnvironment(t, m))
	if err != nil {
		t.Fatal(err)
	}
	bodies, losses, err := f.Decode(text)
	if err != nil || len(bodies) != 1 {
		t.Fatal(len(bodies), err)
	}
	document, _, err := f.Encode(bodies[0], format.Header{})
	if err != nil {
		t.Fatal(err)
	}
	before, pointers := elementsAt(parse(t, text))
	after, _ := elementsAt(parse(t, document))
	isLost := func(pointer string) bool {
		return slices.ContainsFunc(losses, func(l format.Loss) bool {
			return strings.HasPrefix(pointer+"/", l.Path+"/") || strings.HasPrefix(l.Path, pointer+"/")
		})
	}
	held := 0
	for name, value := range before {
		if reflect.DeepEqual(after[name], value) {
			held++
		} else if !isLost(pointers[name]) {
			t.Errorf("%s is %v, but was %v, and no loss", name, after[name], value)
		}
	}
	if held < 45 {
		t.Errorf("%d of %d values came back", held, len(before))
	}
}

func TestElements(t *testing.T) {
	f, _ := newFormat(t)
	data := `{"batteryCondition":{"usage":{"fullCycles":4.25,"measuredAt":"2026-11-15T06:30:00Z"}},` +
		`"generalInformation":{"batteryIdentifier":"https://a.example/1","batteryPassportIdentifier":"https://a.example/p/1","manufacturerInformation":{"manufacturerName":"A"},"manufacturingDate":"2026-09"},` +
		`"materialComposition":{"materials":[{"isCriticalRawMaterial":true,"materialName":"Lithium"},{"materialName":"Steel"}]}}`
	text, losses, err := f.Encode([]byte(data), format.Header{Status: "active", UpdatedAt: time.Date(2027, 2, 18, 9, 0, 0, 0, time.UTC)})
	if err != nil || len(losses) > 0 {
		t.Fatal(losses, err)
	}
	document := parse(t, text).(map[string]any)
	shell := list(document["assetAdministrationShells"])[0].(map[string]any)
	if info := shell["assetInformation"].(map[string]any); shell["id"] != "https://a.example/p/1" || info["globalAssetId"] != "https://a.example/1" || info["assetKind"] != "Instance" {
		t.Errorf("shell %v", shell)
	}
	got := map[string]string{}
	for _, item := range list(document["submodels"]) {
		s := item.(map[string]any)
		for _, item := range list(s["submodelElements"]) {
			e := item.(map[string]any)
			value, _ := json.Marshal(e["value"])
			got[fmt.Sprint(s["idShort"], ".", e["idShort"])] = fmt.Sprint(e["modelType"], " ", e["valueType"], " ", keys(e["semanticId"]), " ", string(value))
		}
	}
	for name, want := range map[string]string{
		"BatteryNameplate.URIOfTheProduct":   `Property xs:anyURI [0112/2///61987#ABN590#002] "https://a.example/1"`,
		"BatteryNameplate.ManufacturerName":  `MultiLanguageProperty <nil> [0112/2///61987#ABA565#009] [{"language":"und","text":"A"}]`,
		"BatteryNameplate.DateOfManufacture": `Property xs:date [0112/2///61987#ABB757#007] "2026-09-01"`,
		"DppMetadata.dppStatus":              `Property xs:string [urn:samm:io.admin-shell.idta.dpp.dpp_metadata:1.0.0#dppStatus] "Active"`,
		"DppMetadata.lastUpdate":             `Property xs:dateTime [urn:samm:io.admin-shell.idta.dpp.dpp_metadata:1.0.0#lastUpdate] "2027-02-18T09:00:00Z"`,
		"DppMetadata.granularity":            `Property xs:string [urn:samm:io.admin-shell.idta.dpp.dpp_metadata:1.0.0#granularity] "Item"`,
	} {
		if got[name] != want {
			t.Errorf("%s: got %s, want %s", name, got[name], want)
		}
	}
	for name, part := range map[string]string{
		"ProductCondition.NumberOfFullCycles":  `"value":"4.25","valueType":"xs:double"`,
		"MaterialComposition.BatteryMaterials": `"value":"true","valueType":"xs:boolean"`,
	} {
		if !strings.Contains(got[name], part) {
			t.Errorf("%s: got %s, want %s", name, got[name], part)
		}
	}
	if back, _, err := f.Decode(bytes.Replace(text, []byte(`"2026-09-01"`), []byte(`"2026-09"`), 1)); err != nil || string(back[0]) != data {
		t.Errorf("a month: got %s, %v, want %s", back, err, data)
	}
	if back, _, err := f.Decode(text); err != nil || string(back[0]) != data {
		t.Errorf("got %s, %v, want %s", back, err, data)
	}
}
