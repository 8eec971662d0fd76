package idta02035

import (
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/fault"
)

func property(name, dataType, value string) string {
	return `{"modelType":"Property","idShort":"` + name + `","valueType":"` + dataType + `","value":"` + value + `"}`
}

func submodelOf(id, name, semanticID, elements string) string {
	return `{"modelType":"Submodel","id":"` + id + `","idShort":"` + name + `","semanticId":{"type":"ExternalReference","keys":[{"type":"GlobalReference","value":"` + semanticID + `"}]},"submodelElements":[` + elements + `]}`
}

func shell(id, submodel string) string {
	return `{"modelType":"AssetAdministrationShell","id":"` + id + `","idShort":"x","submodels":[{"type":"ModelReference","keys":[{"type":"Submodel","value":"` + submodel + `"}]}]}`
}

const published = "https://admin-shell.io/idta/digitalbatterypassport/nameplate/1/0/Nameplate"

// TestSubmodelsOfOthers reads what other programs may write: other semantic ids, names and data types, and another shell.
func TestSubmodelsOfOthers(t *testing.T) {
	f, _ := newFormat(t)
	name := `{"modelType":"MultiLanguageProperty","idShort":"ManufacturerName","value":[{"language":"de","text":"A"},{"language":"en","text":"B"}]}`
	for document, want := range map[string]string{
		`{"submodels":[` + submodelOf("s", "Nameplate", published, property("SerialNumber", "xs:string", "1")+","+name) + `]}`:                                                                                            `{"generalInformation":{"batterySerialNumber":"1","manufacturerInformation":{"manufacturerName":"B"}}}`,
		`{"submodels":[` + submodelOf("s", "BatteryNameplate", "urn:unknown", property("SerialNumber", "xs:string", "1")) + `]}`:                                                                                          `{"generalInformation":{"batterySerialNumber":"1"}}`,
		`{"submodels":[` + submodelOf("s", "TechnicalData", "urn:unknown", `{"modelType":"SubmodelElementCollection","idShort":"GeneralInformation","value":[`+property("BatteryMass", "xs:float", "1.50E2")+`]}`) + `]}`: `{"generalInformation":{"batteryMass":1.50E2}}`,
		`{"assetAdministrationShells":[` + shell("a", "t") + "," + shell("b", "s") + `],"submodels":[` + submodelOf("s", "x", published, property("SerialNumber", "xs:string", "1")) + "," +
			submodelOf("t", "y", "urn:unknown", property("SerialNumber", "xs:string", "2")) + `]}`: `{"generalInformation":{"batterySerialNumber":"1"}}`,
	} {
		if got, _, err := f.Decode([]byte(document)); err != nil || string(got[0]) != want {
			t.Errorf("%s\ngot %s, %v, want %s", document, got, err, want)
		}
	}
}

// TestSeveralBatteries refuses a document with shells of two batteries.
func TestSeveralBatteries(t *testing.T) {
	f, _ := newFormat(t)
	serial := property("SerialNumber", "xs:string", "1")
	document := `{"assetAdministrationShells":[` + shell("a", "s") + "," + shell("b", "t") + "," + shell("c", "u") + `],"submodels":[` +
		submodelOf("s", "x", published, serial) + "," + submodelOf("t", "y", published, serial) + "," + submodelOf("u", "z", "urn:unknown", serial) + `]}`
	bodies, _, err := f.Decode([]byte(document))
	if !fault.Is(err, fault.Malformed) || !strings.Contains(err.Error(), "the document has 2 shells") {
		t.Errorf("got %s, %v, want an error with the number of shells", bodies, err)
	}
}

// TestReasons decodes values that are not imported. Their pointers are those of the document.
func TestReasons(t *testing.T) {
	f, _ := newFormat(t)
	text := func(name, text string) string {
		return `{"modelType":"MultiLanguageProperty","idShort":"` + name + `","value":[{"language":"und","text":` + text + `}]}`
	}
	component := `{"modelType":"SubmodelElementList","idShort":"BatteryMaterials","value":[{"modelType":"SubmodelElementCollection","value":[` + property("BatteryMaterialName", "xs:string", "Lead") +
		`,{"modelType":"SubmodelElementCollection","idShort":"BatteryMaterialLocation","value":[` + property("ComponentName", "xs:string", "Lid") + `]}]}]}`
	document := `{"submodels":[` + submodelOf("x", "Other", "urn:x", "") + "," +
		submodelOf("m", "DppMetadata", "urn:x", property("digitalProductPassportId", "xs:string", "https://a.example/p/1")+","+property("dppStatus", "xs:string", "Active")+","+property("lastUpdate", "xs:dateTime", "2027-02-18T09:00:00Z")) + "," +
		submodelOf("n", "BatteryNameplate", "urn:x", property("SerialNumber", "xs:string", "1")+","+text("Colour", `"red"`)) + "," +
		submodelOf("c", "MaterialComposition", "urn:x", component) + "," +
		submodelOf("t", "TechnicalData", "urn:x", `{"modelType":"SubmodelElementCollection","idShort":"GeneralInformation","value":[`+property("BatteryMass", "xs:double", "1")+","+property("BatteryCategory", "xs:string", "bus")+`]}`) + `]}`
	_, losses, err := f.Decode([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, l := range losses {
		got[l.Path] = l.Why
	}
	for path, want := range map[string]string{
		"/submodels/1/submodelElements/1":                 "is set by the service",
		"/submodels/1/submodelElements/2":                 "is set by the service",
		"/submodels/2/submodelElements/1":                 "has no corresponding field or value",
		"/submodels/3/submodelElements/0/value/0/value/1": `"Lid" has no counterpart`,
		"/submodels/4/submodelElements/0/value/1":         `"bus" has no counterpart`,
	} {
		if got[path] != want {
			t.Errorf("%s: got %q, want %q", path, got[path], want)
		}
	}
	if t.Failed() {
		t.Log(losses)
	}
}
