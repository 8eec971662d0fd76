package ruleset_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/passport-service/samples"
	"github.com/battery-passport/suite/pkg/wire"
)

func TestEmbeddedCatalogue(t *testing.T) {
	rs := ruleset.Embedded()[0]
	if rs.Name != "bp-2027-02" || len(rs.Attributes()) < 250 {
		t.Errorf("got rule set %s with %d attributes, want bp-2027-02 with at least 250", rs.Name, len(rs.Attributes()))
	}
	mass, ok := rs.Attribute("generalInformation.batteryMass")
	zero := 0.0
	want := ruleset.Attribute{Path: "generalInformation.batteryMass", Section: "generalInformation", Level: "model", Type: ruleset.Number, Unit: "kg",
		Access: ruleset.Public, LegalReference: mass.LegalReference, ExclusiveMin: &zero}
	want.Mapping = mass.Mapping
	want.Kind, want.Format, want.Cardinality, want.Rules, want.Example, want.RequiredFor = "attribute", mass.Format, "1", mass.Rules, mass.Example, mass.RequiredFor
	if diff := cmp.Diff(want, mass); !ok || diff != "" || mass.LegalReference == "" {
		t.Errorf("batteryMass (-want +got)\n%s", diff)
	}
	symbols, ok := rs.Attribute("labelsAndConformity.heavyMetalSymbols")
	if !ok || symbols.Type != ruleset.Strings || !slices.Contains(symbols.AllowedValues, "Pb") {
		t.Errorf("heavyMetalSymbols: got %+v, want an array of strings with Pb", symbols)
	}
	if _, ok := rs.Attribute("generalInformation"); ok {
		t.Error("Attribute returns a section")
	}
}

func TestLoadReportsAllErrors(t *testing.T) {
	const head = `{"profile":"x","effectiveFrom":"2027-02-18","attributes":[`
	ok := `{"path":"a.b","section":"a","type":"object","access":"public"}`
	for name, c := range map[string]struct{ file, want string }{
		"not JSON":         {`[`, "unexpected end"},
		"empty":            {`{}`, "profile or attributes are missing"},
		"type":             {head + `{"path":"a.b","section":"a","type":"text","access":"public"}]}`, `a.b: type "text" is unknown`},
		"access":           {head + `{"path":"a.b","section":"a","type":"string","access":"secret"}]}`, `access "secret" is unknown`},
		"spelling":         {head + `{"path":"a.b","section":"a","type":"string","access":"public","allowedValues":["x","y"],"spellings":{"X":"y"}}]}`, `a.b: "X" is a spelling of both "x" and "y"`},
		"case of values":   {head + `{"path":"a.b","section":"a","type":"string","access":"public","allowedValues":["x","X"]}]}`, `a.b: the allowed values "x" and "X" differ in case only`},
		"section":          {head + `{"path":"a.b","section":"b","type":"string","access":"public"}]}`, `path must start with the section "b"`},
		"no section":       {head + `{"path":"a","section":"a","type":"string","access":"public"}]}`, `path must start with the section "a"`},
		"duplicate":        {head + ok + "," + ok + `]}`, "path already exists"},
		"no container":     {head + `{"path":"a.b.c","section":"a","type":"string","access":"public"}]}`, "container a.b not found"},
		"scalar container": {head + `{"path":"a.b","section":"a","type":"string","access":"public"},{"path":"a.b.c","section":"a","type":"string","access":"public"}]}`, "container a.b not found"},
		"array as object":  {head + `{"path":"a.b","section":"a","type":"array<object>","access":"public"},{"path":"a.b.c","section":"a","type":"string","access":"public"}]}`, "container a.b not found"},
		"object as array":  {head + ok + `,{"path":"a.b[].c","section":"a","type":"string","access":"public"}]}`, "container a.b[] not found"},
		"values of number": {head + `{"path":"a.b","section":"a","type":"number","access":"public","allowedValues":["1"]}]}`, "allowedValues and pattern are only allowed for strings"},
		"named after":      {head + `{"path":"a.b","section":"a","type":"string","access":"public","namedAfter":{"x":"a.c"}}]}`, `a.b: the value x is named after "a.c", which is unknown`},
		"bounds of string": {head + `{"path":"a.b","section":"a","type":"string","access":"public","maximum":1}]}`, "bounds are only allowed for numbers"},
	} {
		if _, err := ruleset.Load([]byte(c.file)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Load = %v, want %q", name, err, c.want)
		}
	}
	_, err := ruleset.Load([]byte(head + `{"path":"a.b","section":"c","type":"x","access":"y"},{"path":"d.e","section":"d","type":"z","access":"public"}]}`))
	if err == nil || strings.Count(err.Error(), "\n") != 3 {
		t.Errorf("Load = %v, want four errors", err)
	}
}

// TestNewFieldNeedsNoCode checks an attribute that only a catalogue defines.
func TestNewFieldNeedsNoCode(t *testing.T) {
	rs, err := ruleset.Load([]byte(`{"profile":"x","effectiveFrom":"2027-02-18","attributes":[
		{"path":"new.field","section":"new","type":"array<object>","access":"public"},
		{"path":"new.field[].depth","section":"new","type":"integer","unit":"mm","minimum":3,"access":"authority"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, d := range rs.Parse([]byte(`{"new":{"field":[{"depth":3},{"dep\u0074h":2},{"width":1}]},"old":1}`)).Details() {
		got[d.Path+" "+d.Code] = d.Message
	}
	want := map[string]string{
		"/data/new/field/1/depth range":        "field[1].depth must be at least 3, got 2 mm",
		"/data/new/field/2/width unknownField": "field[2].width is unknown: rule set x has no such field",
		"/data/old unknownField":               "old is unknown: rule set x has no such field",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("violations (-want +got)\n%s", diff)
	}
}

// TestText reads valid and invalid strings, values of other types and absent ones.
func TestText(t *testing.T) {
	doc := tinyRuleSet(t).Parse(wire.Value(`{"b":{"c":"wrong type"},"a":{"n":1,"t":"y\u0065s","c":["x"]}}`))
	for path, want := range map[string]string{"a.t": "yes", "b.c": "wrong type", "a.n": "", "a.c": "", "a": "", "a.t.x": "", "b.d": "", "none": ""} {
		if got := doc.Text(path); got != want {
			t.Errorf("Text(%s) = %q, want %q", path, got, want)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	text, err := samples.FS.ReadFile("ev-nmc-complete.json")
	if err != nil {
		b.Fatal(err)
	}
	var body struct{ Data json.RawMessage }
	if err := json.Unmarshal(text, &body); err != nil {
		b.Fatal(err)
	}
	rs := ruleset.Embedded()[0]
	b.SetBytes(int64(len(body.Data)))
	for b.Loop() {
		if rs.Parse(wire.Value(body.Data)).Violations() != nil {
			b.Fatal("the sample has violations")
		}
	}
}

// TestMessages checks one message of each kind.
func TestMessages(t *testing.T) {
	const gi, md, pd = `{"generalInformation":{`, `{"materialComposition":{`, `{"performanceAndDurability":{`
	for data, want := range map[string]string{
		gi + `"batteryMass":-3}}`:                                  "batteryMass must be greater than 0, got -3 kg",
		gi + `"batteryMass":"493"}}`:                               "batteryMass must be a number in kg, got \"493\": write it without quotation marks",
		gi + `"batteryMass":1e300}}`:                               "batteryMass must be 0 or have a magnitude from 1e-9 to 1e15, got 1e300",
		gi + `"batteryMass":1.00000000000000001}}`:                 "batteryMass must have at most 17 significant digits, got 18",
		gi + `"isRechargeable":"yes"}}`:                            `isRechargeable must be true or false, got the string "yes"`,
		gi + `"isRechargeable":"true"}}`:                           `isRechargeable must be true or false, got "true": write it without quotation marks`,
		gi + `"batterySerialNumber":4711}}`:                        "batterySerialNumber must be a string, got the number 4711: write it in quotation marks",
		`{"batteryCondition":{"usage":{"measuredAt":1796067498}}}`: "usage.measuredAt must be an RFC 3339 time such as 2026-11-15T10:00:00Z, got the number 1796067498",
		gi + `"batteryMass ":1}}`:                                  `"batteryMass " is unknown: rule set bp-2027-02 has no such field; did you mean batteryMass?`,
		gi + `"battery_mass":1}}`:                                  "battery_mass is unknown: rule set bp-2027-02 has no such field; did you mean batteryMass?",
		gi + `"weight":1}}`:                                        "weight is unknown: rule set bp-2027-02 has no such field; did you mean batteryMass?",
		gi + `"warantyPeriod":"P1Y"}}`:                             "warantyPeriod is unknown: rule set bp-2027-02 has no such field; did you mean warrantyPeriod?",
		pd + `"BatteryMass":1}}`:                                   "BatteryMass is unknown: rule set bp-2027-02 has no such field; did you mean generalInformation.batteryMass?",
		`{"carbonFootprintt":{}}`:                                  "carbonFootprintt is unknown: rule set bp-2027-02 has no such field; did you mean carbonFootprint?",
		`{"generalinformation":{}}`:                                "generalinformation is unknown: rule set bp-2027-02 has no such field; did you mean generalInformation?",
		gi + `"zzzzzzzz":1}}`:                                      "zzzzzzzz is unknown: rule set bp-2027-02 has no such field",
		`{"labelsAndConformity":{"labelMeanings":[{"meaning":{"en":"x","EN":"y"}}]}}`: `labelMeanings[0].meaning.EN is the same language as "en": language tags ignore the case of letters`,
		gi + `"batteryCategory":"SLI"}}`:                                              `batteryCategory must be one of EV, LMT, Industrial, got "SLI"`,
		gi + `"batteryModel":null}}`:                                                  "batteryModel must be an object, got null",
		gi + `"a~/b":1}}`:                                                             `"a~/b" is unknown: rule set bp-2027-02 has no such field`,
		pd + `"expectedLifetimeCycles":2.5}}`:                                         "expectedLifetimeCycles must be an integer, got 2.5 cycles",
		pd + `"initialRoundTripEfficiencyPercent":101}}`:                              "initialRoundTripEfficiencyPercent must be at most 100, got 101 %",
		md + `"materials":[{"massPercent":-1}]}}`:                                     "materials[0].massPercent must be at least 0, got -1 % of battery mass",
		md + `"criticalRawMaterials":{}}}`:                                            "criticalRawMaterials must be an array of strings, got an object",
	} {
		details := ruleset.Embedded()[0].Parse(wire.Value(data)).Details()
		if len(details) != 1 || details[0].Message != want {
			t.Errorf("%s: got %+v, want %q", data, details, want)
		}
	}
}
