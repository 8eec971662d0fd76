package en18223_test

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/format"
	"github.com/battery-passport/suite/passport-service/internal/format/registry"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

func get(t *testing.T, name string, o registry.Options) format.Format {
	t.Helper()
	r, err := registry.New(ruleset.Embedded()[0], o)
	if err != nil {
		t.Fatal(err)
	}
	return r[name]
}

const data = `{"generalInformation":{"batteryIdentifier":"https://a.example/1","batteryMass":2.5},"labelsAndConformity":{"labelMeanings":[{"meaning":{"de":"Blei","en":"lead"},"symbol":"Pb"}]}}`

var header = format.Header{Status: "active", UpdatedAt: time.Date(2027, 2, 18, 9, 0, 0, 5, time.UTC)}

func TestDocuments(t *testing.T) {
	const top = `"contentSpecificationIds":["bp-2027-02"],"dppSchemaVersion":"EN 18223:2026","dppStatus":"Active",`
	const bottom = `"granularity":"Item","lastUpdate":"2027-02-18T09:00:00Z","uniqueProductIdentifier":"https://a.example/1"}`
	compressed := `{"bp-2027-02":{"generalInformation":{"batteryIdentifier":"https://a.example/1","batteryMass":2.5},` +
		`"labelsAndConformity":{"labelMeanings":[{"meaning":[{"language":"de","value":"Blei"},{"language":"en","value":"lead"}],"symbol":"Pb"}]}},` + top + bottom
	single := func(id, path, dataType, value string) string {
		return `{"dictionaryReference":"bp-2027-02#` + path + `","elementId":"` + id + `","objectType":"SingleValuedDataElement","value":` + value + `,"valueDataType":"xsd:` + dataType + `"}`
	}
	list := func(id, path, kind, elements string) string {
		return `{"dictionaryReference":"bp-2027-02` + path + `","elementId":"` + id + `","elements":[` + elements + `],"objectType":"` + kind + `"}`
	}
	full := `{` + top + `"elements":[` + list("bp-2027-02", "", "DataElementCollection",
		list("generalInformation", "#generalInformation", "DataElementCollection",
			single("batteryIdentifier", "generalInformation.batteryIdentifier", "string", `"https://a.example/1"`)+`,`+
				single("batteryMass", "generalInformation.batteryMass", "double", "2.5"))+`,`+
			list("labelsAndConformity", "#labelsAndConformity", "DataElementCollection",
				list("labelMeanings", "#labelsAndConformity.labelMeanings", "MultiValuedDataElement",
					list("labelMeanings", "#labelsAndConformity.labelMeanings", "DataElementCollection",
						single("symbol", "labelsAndConformity.labelMeanings[].symbol", "string", `"Pb"`)+`,`+
							`{"dictionaryReference":"bp-2027-02#labelsAndConformity.labelMeanings[].meaning","elementId":"meaning","objectType":"MultiLanguageDataElement","value":[{"language":"de","value":"Blei"},{"language":"en","value":"lead"}]}`)))) +
		`],` + bottom
	openEPCIS := strings.NewReplacer(`"Active"`, `"active"`, `"Item"`, `"item"`, `"lastUpdate"`, `"lastUpdated"`)
	for _, c := range []struct {
		name    string
		options registry.Options
		want    string
	}{
		{"en18223", registry.Options{}, compressed},
		{"en18223-full", registry.Options{}, full},
		{"en18223", registry.Options{LastUpdated: true}, openEPCIS.Replace(compressed)},
		{"en18223-full", registry.Options{LastUpdated: true}, openEPCIS.Replace(full)},
	} {
		f := get(t, c.name, c.options)
		got, losses, err := f.Encode([]byte(data), header)
		if err != nil || len(losses) > 0 || string(got) != c.want {
			t.Errorf("%s %+v: %v, %v\ngot  %s\nwant %s", c.name, c.options, losses, err, got, c.want)
		}
		// Each format reads all representations and spellings.
		for _, document := range []string{compressed, full, openEPCIS.Replace(compressed), openEPCIS.Replace(full)} {
			back, losses, err := f.Decode([]byte(document))
			if err != nil || len(back) != 1 || string(back[0]) != data {
				t.Errorf("%s: got %s, %v", c.name, back, err)
			}
			for _, l := range losses {
				if l.Path != "/dppStatus" && l.Path != "/lastUpdate" && l.Path != "/lastUpdated" {
					t.Errorf("%s: %.80s… reports the loss %v", c.name, document, l)
				}
			}
		}
	}
}

// TestDocumentsOfOtherRuleSets reads documents of this rule set with the formats of another one.
func TestDocumentsOfOtherRuleSets(t *testing.T) {
	next := *ruleset.Embedded()[0]
	next.Name = "bp-2029-01"
	formats, err := registry.New(&next, registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"en18223", "en18223-full"} {
		document, _, err := get(t, name, registry.Options{}).Encode([]byte(data), format.Header{})
		if err != nil {
			t.Fatal(err)
		}
		back, losses, err := formats[name].Decode(document)
		if err != nil || string(back[0]) != data || len(losses) > 0 {
			t.Errorf("%s: got %s, %v, %v, want %s without losses", name, back, losses, err, data)
		}
		if document, _, err = formats[name].Encode([]byte(data), format.Header{}); err != nil || strings.Contains(string(document), "bp-2027-02") {
			t.Errorf("%s: got %s, %v, want the name of the other rule set", name, document, err)
		}
	}
}

// TestHeaderOnly reads the header of a document whose data follows another content specification.
func TestHeaderOnly(t *testing.T) {
	document := `{"digitalProductPassportId":"https://a.example/p/1","uniqueProductIdentifier":"https://a.example/1","economicOperatorId":"https://a.example/o","facilityId":"https://a.example/f",` +
		`"lastUpdate":"2027-02-18T09:00:00Z","https://b.example/spec":{"mass":1}}`
	want := `{"generalInformation":{"batteryIdentifier":"https://a.example/1","batteryPassportIdentifier":"https://a.example/p/1",` +
		`"economicOperatorInformation":{"operatorIdentifier":"https://a.example/o"},"manufacturingFacility":{"facilityIdentifier":"https://a.example/f"}}}`
	got, losses, err := get(t, "en18223", registry.Options{}).Decode([]byte(document))
	if err != nil || string(got[0]) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	var lost []string
	for _, l := range losses {
		lost = append(lost, l.Path+" "+l.Why)
	}
	if want := []string{"/https:~1~1b.example~1spec has no corresponding field or value", "/lastUpdate is set by the service"}; !slices.Equal(lost, want) {
		t.Errorf("lost %q, want %q", lost, want)
	}
}

// TestExpandedElements reads the spellings of elements in openEPCIS.
func TestExpandedElements(t *testing.T) {
	document := `{"elements":[{"elementId":"bp-2027-02","objectType":"DataElementCollection","elements":[
		{"elementId":"generalInformation","objectType":"DataElementCollection","elements":[
			{"elementId":"batteryMass","objectType":"SingleValuedDataElement","valueDataType":"xsd:decimal","value":"2.50"},
			{"elementId":"isRechargeable","objectType":"SingleValuedDataElement","valueDataType":"xsd:boolean","value":"true"},
			{"elementId":"warrantyPeriod","objectType":"SingleValuedDataElement","valueDataType":"xsd:decimal","value":"true"}]},
		{"elementId":"labelsAndConformity","objectType":"DataElementCollection","elements":[
			{"elementId":"heavyMetalSymbols","objectType":"MultiValuedDataElement","valueDataType":"xsd:string","value":["Cd","Pb"]},
			{"elementId":"labelMeanings","objectType":"MultiValuedDataElement","value":[[{"elementId":"symbol","objectType":"SingleValuedDataElement","valueDataType":"xsd:string","value":"Pb"}]]}]},
		{"elementId":"carbonFootprint","objectType":"DataElementCollection","elements":[
			{"elementId":"studyUrl","objectType":"RelatedResource","contentType":"application/pdf","url":"https://a.example/s"}]}]}]}`
	want := `{"carbonFootprint":{"studyUrl":"https://a.example/s"},"generalInformation":{"batteryMass":2.50,"isRechargeable":true,"warrantyPeriod":"true"},` +
		`"labelsAndConformity":{"heavyMetalSymbols":["Cd","Pb"],"labelMeanings":[{"symbol":"Pb"}]}}`
	for _, name := range []string{"en18223", "en18223-full"} {
		if got, _, err := get(t, name, registry.Options{}).Decode([]byte(document)); err != nil || string(got[0]) != want {
			t.Errorf("%s: got %s, %v, want %s", name, got, err, want)
		}
	}
}

// TestExampleComesBack decodes and encodes a document of openEPCIS. The header must come back, and all else must be
// reported.
func TestExampleComesBack(t *testing.T) {
	text, err := os.ReadFile("../../../../../shared/data/openepcis-batterypass-ready-examples/battery-product.en18223-full.json")
	if err != nil {
		t.Skip("the data of others is not here")
	}
	f := get(t, "en18223-full", registry.Options{LastUpdated: true})
	bodies, losses, err := f.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	back, _, err := f.Encode(bodies[0], header)
	if err != nil {
		t.Fatal(err)
	}
	var before, after map[string]any
	if err := json.Unmarshal(text, &before); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(back, &after); err != nil {
		t.Fatal(err)
	}
	lost := map[string]bool{}
	for _, l := range losses {
		lost[strings.Split(l.Path, "/")[1]] = true
	}
	for member, value := range before {
		if !lost[member] && !reflect.DeepEqual(after[member], value) {
			t.Errorf("%s is %v, but was %v, and no loss", member, after[member], value)
		}
	}
	for _, member := range []string{"digitalProductPassportId", "uniqueProductIdentifier", "granularity", "economicOperatorId"} {
		if lost[member] {
			t.Errorf("%s is lost", member)
		}
	}
}
