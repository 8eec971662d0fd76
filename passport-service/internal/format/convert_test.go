package format_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/format"
)

// TestValuesOfOthers encodes data, if there is any, and decodes documents, to the same data unless another
// is given.
func TestValuesOfOthers(t *testing.T) {
	const ready, catenax, version = "batterypass-ready", "catenax-6.1.0", `"specVersion":"urn:io.catenax.battery.battery_pass:6.1.0"`
	for _, c := range []struct{ format, data, document, decoded string }{
		{catenax, `{"generalInformation":{"warrantyPeriod":"P10Y"}}`,
			`{"characteristics":{"warranty":{"lifeUnit":"unit:year","lifeValue":10}},` + version + `}`, ""},
		{catenax, `{"generalInformation":{"warrantyPeriod":"P1Y6M"}}`, `{}`, "{}"},
		{catenax, `{"generalInformation":{"batteryMass":4.5}}`,
			`{"characteristics":{"physicalDimension":{"weight":{"unit":"unit:kilogram","value":4.5}}},` + version + `}`, ""},
		{catenax, "", `{"characteristics":{"physicalDimension":{"weight":{"unit":"unit:gram","value":4500}}}}`, `{"generalInformation":{"batteryMass":4.5}}`},
		{catenax, "", `{"characteristics":{"physicalDimension":{"weight":{"unit":"unit:pound","value":4500}}}}`, `{}`},
		{catenax, `{"generalInformation":{"manufacturingDate":"2026-09"}}`, `{"operation":{"manufacturer":{"manufacturingDate":"2026-09-01"}},` + version + `}`, ""},
		{catenax, `{"generalInformation":{"manufacturingDate":"2026-09-17"}}`, `{"operation":{"manufacturer":{"manufacturingDate":"2026-09-17"}},` + version + `}`, ""},
		{catenax, `{"generalInformation":{"economicOperatorInformation":{"operatorIdentifier":"BPNL0123456789ZZ"}}}`, `{"metadata":{"economicOperatorId":"BPNL0123456789ZZ"},` + version + `}`, ""},
		{catenax, "", `{"metadata":{"passportIdentifier":"550E8400-e29b-41d4-a716-446655440000"}}`, `{"generalInformation":{"batteryPassportIdentifier":"urn:uuid:550e8400-e29b-41d4-a716-446655440000"}}`},
		{catenax, "", `{"metadata":{"predecessor":"urn:uuid:00000000-0000-0000-0000-000000000000"}}`, `{}`},
		{catenax, `{"labelsAndConformity":{"extinguishingAgents":[{"fireClasses":["A","B"]},{"fireClasses":["D"]}]}}`,
			`{"safety":{"usableExtinguishAgent":[{"fireClass":"A, B"},{"fireClass":"D"}]},` + version + `}`, ""},
		{catenax, `{"carbonFootprint":{"carbonFootprintPerKwh":0.5,"lifecycleStages":[{"stage":"distribution","carbonFootprintPerKwh":0.25}]}}`,
			`{` + version + `,"sustainability":{"carbonFootprint":[{"lifecycle":"total","type":"Climate Change Total","unit":"kg CO2 / kWh","value":0.5},{"lifecycle":"distribution","type":"Climate Change Total","unit":"kg CO2 / kWh","value":0.25}]}}`, ""},
		{catenax, `{"materialComposition":{"hazardousSubstances":[{"casNumber":"50-00-0"},{"substanceName":"A","ecNumber":"200-001-8"}]}}`,
			`{"materials":{"hazardous":{"other":[{"materialIdentification":[{"id":"50-00-0","type":"CAS"}],"materialUnit":"unit:percent"},{"materialIdentification":[{"name":"A","type":"CAS"},{"id":"200-001-8","name":"A","type":"EC"}],"materialUnit":"unit:percent"}]}},` + version + `}`, ""},
		{"untp-0.6", `{"generalInformation":{"batteryIdentifier":"https://a.example/1","batteryMass":3,"batteryModel":{"modelName":"M"}},"performanceAndDurability":{"nominalVoltageV":48}}`,
			`{"@context":["https://www.w3.org/ns/credentials/v2","https://test.uncefact.org/vocabulary/untp/dpp/0.6.1/"],"credentialSubject":{"granularityLevel":"item","product":{"characteristics":{"nominalVoltageV":48},"dimensions":{"weight":{"unit":"KGM","value":3}},"id":"https://a.example/1","name":"M","type":["Product"]},"type":["ProductPassport"]},"type":["DigitalProductPassport","VerifiableCredential"]}`, ""},
		{"untp-0.6", "", `{"credentialSubject":{"materialsProvenance":[{"name":"A","massFraction":0.2,"mass":{"value":500,"unit":"GRM"}},{"name":"B"}]}}`,
			`{"materialComposition":{"materials":[{"materialName":"A","massKg":0.5,"massPercent":20},{"materialName":"B"}]}}`},
		{"untp-0.6", `{"generalInformation":{"manufacturerInformation":{"manufacturerIdentifier":"9521000001015"},"economicOperatorInformation":{"operatorIdentifier":"did:web:a.example","operatorName":"A"}}}`,
			`{"@context":["https://www.w3.org/ns/credentials/v2","https://test.uncefact.org/vocabulary/untp/dpp/0.6.1/"],"credentialSubject":{"granularityLevel":"item","product":{"producedByParty":{"registeredId":"9521000001015"},"type":["Product"]},"type":["ProductPassport"]},"issuer":{"id":"did:web:a.example","name":"A","type":["CredentialIssuer"]},"type":["DigitalProductPassport","VerifiableCredential"]}`, ""},
		{ready, `{"performanceAndDurability":{"ratedCapacityAh":13.4}}`, `{"Battery_Passport":{"PerformanceAndDurability":{"RatedCapacity":{"ampereHourMiliamperehour":"mAh","amperehourMiliamperehourValue":13400}}}}`, ""},
		{ready, `{"performanceAndDurability":{"ratedCapacityAh":234}}`, `{"Battery_Passport":{"PerformanceAndDurability":{"RatedCapacity":{"ampereHourMiliamperehour":"Ah","amperehourMiliamperehourValue":234}}}}`, ""},
		{ready, `{"carbonFootprint":{"lifecycleStages":[{"stage":"distribution","carbonFootprintPerKwh":-1},{"stage":"mainProduction","sharePercent":3}]}}`,
			`{"Battery_Passport":{"BatteryCarbonFootprint":{"ContributionOfDistributionLifecycleStage":{"kgCO2-equivalentPerKilowattHour":"kgCO2-eq/kWh","kgCO2-equivalentPerKilowattHourValue":-1}}}}`,
			`{"carbonFootprint":{"lifecycleStages":[{"carbonFootprintPerKwh":-1,"stage":"distribution"}]}}`},
		{ready, `{"materialComposition":{"batteryChemistry":"NMC622"}}`, `{"Battery_Passport":{"BatteryMaterialsAndComposition":{"BatteryChemistry":{"additionallyPossibleValue":"NMC622","chemicalCodeValue":"Li-ion NMC"}}}}`, ""},
		{ready, `{"materialComposition":{"batteryChemistry":"LFP"}}`, `{"Battery_Passport":{"BatteryMaterialsAndComposition":{"BatteryChemistry":{"chemicalCodeValue":"Li-ion LFP"}}}}`, ""},
		{ready, `{"generalInformation":{"batterySerialNumber":"1","manufacturerInformation":{"postalAddress":{"streetAddress":"A 1","postalCode":"10115","city":"B","country":"DE"}}}}`,
			`{"Battery_Passport":{"IdentifiersAndProductData":{"BatterySerialNumber":"1","DPPGranularity":"item","DPPSchemaVersion":"EN 18223:2026","DPPStatus":{"dppStatusValue":"Active"},"Date-timeOfLatestUpdateOfDPP":"2026-11-23T12:00:00Z","ManufacturerInformation":{"postalAddress":"A 1, 10115, B, DE"}}}}`, ""},
	} {
		f := registry(t)[c.format]
		header := format.Header{}
		if strings.Contains(c.document, "DPPStatus") {
			header = format.Header{Status: "active", UpdatedAt: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
		}
		if c.data != "" {
			if got, _, err := f.Encode([]byte(c.data), header); err != nil || string(got) != c.document {
				t.Errorf("%s: got %s, %v, want %s", c.data, got, err, c.document)
			}
		}
		want := c.decoded
		if want == "" {
			want = c.data
		}
		if got, _, err := f.Decode([]byte(c.document)); err != nil || string(got[0]) != canonical(t, want) {
			t.Errorf("%s: got %s, %v, want %s", c.document, got, err, want)
		}
	}
}

// canonical returns JSON with sorted members.
func canonical(t *testing.T, text string) string {
	t.Helper()
	sorted, err := json.Marshal(parse(t, []byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	return string(sorted)
}

// TestMissingMembers lists the required members of the objects in a document.
func TestMissingMembers(t *testing.T) {
	f := registry(t)["catenax-6.1.0"]
	got := lostPaths(f.Missing([]byte(`{"metadata":{"version":"1"},"performance":{"rated":{"power":{"value":1}},"dynamic":3},"materials":{"composition":[{},{"id":[]}]}}`)), "")
	for path, want := range map[string]bool{
		"/identification": true, "/metadata/version": false, "/metadata/issueDate": true, "/performance/rated/power/at20SoC": true, "/performance/rated/voltage": true,
		"/performance/rated/voltage/min": false, "/performance/dynamic/power": false, "/materials/composition/0/id": true, "/materials/composition/1/id": false,
	} {
		if got[path] != want {
			t.Errorf("%s: missing is %t", path, got[path])
		}
	}
}
