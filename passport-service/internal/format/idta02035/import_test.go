package idta02035

import (
	"runtime"
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

// TestSeveralBatteries splits a document with shells of two batteries, a shared submodel, and parts of neither.
func TestSeveralBatteries(t *testing.T) {
	f, _ := newFormat(t)
	shared := `{"type":"ModelReference","keys":[{"type":"Submodel","value":"v"}]}]}`
	document := `{"assetAdministrationShells":[` + shell("c", "u") + "," + strings.Replace(shell("a", "s"), "]}", ","+shared, 1) + "," + shell("b", "t") + `],"submodels":[` +
		submodelOf("s", "BatteryNameplate", published, property("SerialNumber", "xs:string", "1")) + "," + submodelOf("t", "BatteryNameplate", published, property("SerialNumber", "xs:string", "2")+","+property("Colour", "xs:string", "red")) + "," +
		submodelOf("u", "z", "urn:unknown", property("SerialNumber", "xs:string", "3")) + "," + submodelOf("v", "z", "urn:unknown", property("SerialNumber", "xs:string", "4")) + `]}`
	parts, err := f.Split([]byte(document))
	if err != nil || len(parts) != 2 {
		t.Fatalf("got %d parts, %v, want 2", len(parts), err)
	}
	for i, want := range []string{
		`{"generalInformation":{"batterySerialNumber":"1"}} /assetAdministrationShells /submodels/0/id /submodels/0/semanticId/keys/0/value /submodels/2 /submodels/3`,
		`{"generalInformation":{"batterySerialNumber":"2"}} /assetAdministrationShells /submodels/1/id /submodels/1/semanticId/keys/0/value /submodels/1/submodelElements/1`,
	} {
		bodies, losses, err := f.Decode(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		got := string(bodies[0])
		for _, l := range losses {
			got += " " + l.Path
		}
		if got != want {
			t.Errorf("part %d: got %s, want %s", i, got, want)
		}
	}
}

// TestPartsAreLimited splits a document whose batteries share a large submodel.
func TestPartsAreLimited(t *testing.T) {
	f, _ := newFormat(t)
	document := `{"assetAdministrationShells":[` + strings.Repeat(shell("a", "s")+",", 100) + shell("a", "s") + `],"submodels":[` +
		submodelOf("s", "x", published, property("SerialNumber", "xs:string", strings.Repeat("1", 100_000))) + `]}`
	if _, err := f.Split([]byte(document)); !fault.Is(err, fault.TooLarge) {
		t.Errorf("got %v, want an error about the size", err)
	}
}

// TestManyShellsNeedBoundedMemory splits a document with a battery in each of 50,000 shells.
func TestManyShellsNeedBoundedMemory(t *testing.T) {
	f, _ := newFormat(t)
	const shells = 50_000
	document := []byte(`{"assetAdministrationShells":[` + strings.Repeat(shell("a", "s")+",", shells-1) + shell("a", "s") + `],"submodels":[` + submodelOf("s", "x", published, "") + `]}`)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := f.Split(document)
	runtime.ReadMemStats(&after)
	if !fault.Is(err, fault.TooLarge) || !strings.Contains(err.Error(), "got 50000") {
		t.Errorf("got %v, want an error about the number of items", err)
	}
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 256<<20 {
		t.Errorf("a document of %d KiB needed %d MiB, want 256 MiB at most", len(document)>>10, allocated>>20)
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
