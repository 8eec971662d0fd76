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

func TestCurrent(t *testing.T) {
	rs := ruleset.Embedded()[0]
	if rs.Name != "bp-2027-02" || len(rs.Attributes()) != 289 {
		t.Errorf("rule set %s with %d attributes", rs.Name, len(rs.Attributes()))
	}
	mass, ok := rs.Attribute("generalInformation.batteryMass")
	zero := 0.0
	want := ruleset.Attribute{Path: "generalInformation.batteryMass", Section: "generalInformation", Type: ruleset.Number, Unit: "kg",
		Access: ruleset.Public, LegalReference: mass.LegalReference, ExclusiveMin: &zero}
	want.Kind, want.Format, want.Cardinality, want.Rules, want.Example, want.RequiredFor = "attribute", mass.Format, "1", mass.Rules, mass.Example, mass.RequiredFor
	if diff := cmp.Diff(want, mass); !ok || diff != "" || mass.LegalReference == "" {
		t.Errorf("batteryMass (-want +got)\n%s", diff)
	}
	classes, ok := rs.Attribute("labelsAndConformity.extinguishingAgents[].fireClasses")
	if !ok || classes.Type != ruleset.Strings || !slices.Contains(classes.AllowedValues, "D") {
		t.Errorf("fireClasses: %+v", classes)
	}
	if _, ok := rs.Attribute("generalInformation"); ok {
		t.Error("a section is an attribute")
	}
}

// TestLoadTellsAllThatIsWrong has an attribute with each mistake.
func TestLoadTellsAllThatIsWrong(t *testing.T) {
	const head = `{"profile":"x","effectiveFrom":"2027-02-18","attributes":[`
	ok := `{"path":"a.b","section":"a","type":"object","access":"public"}`
	for name, c := range map[string]struct{ file, want string }{
		"no JSON":          {`[`, "unexpected end"},
		"empty":            {`{}`, "needs a profile and attributes"},
		"type":             {head + `{"path":"a.b","section":"a","type":"text","access":"public"}]}`, `a.b: type "text" is not known`},
		"access":           {head + `{"path":"a.b","section":"a","type":"string","access":"secret"}]}`, `access "secret" is not known`},
		"section":          {head + `{"path":"a.b","section":"b","type":"string","access":"public"}]}`, `is not in its section "b"`},
		"no section":       {head + `{"path":"a","section":"a","type":"string","access":"public"}]}`, `is not in its section "a"`},
		"twice":            {head + ok + "," + ok + `]}`, "is there twice"},
		"no container":     {head + `{"path":"a.b.c","section":"a","type":"string","access":"public"}]}`, "a.b is no container"},
		"scalar container": {head + `{"path":"a.b","section":"a","type":"string","access":"public"},{"path":"a.b.c","section":"a","type":"string","access":"public"}]}`, "a.b is no container"},
		"array as object":  {head + `{"path":"a.b","section":"a","type":"array<object>","access":"public"},{"path":"a.b.c","section":"a","type":"string","access":"public"}]}`, "a.b is no container"},
		"object as array":  {head + ok + `,{"path":"a.b[].c","section":"a","type":"string","access":"public"}]}`, "a.b[] is no container"},
		"values of number": {head + `{"path":"a.b","section":"a","type":"number","access":"public","allowedValues":["1"]}]}`, "has allowed values or a pattern and is no string"},
		"bounds of string": {head + `{"path":"a.b","section":"a","type":"string","access":"public","maximum":1}]}`, "has bounds and is no number"},
	} {
		if _, err := ruleset.Load([]byte(c.file)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Load = %v, want %q", name, err, c.want)
		}
	}
	_, err := ruleset.Load([]byte(head + `{"path":"a.b","section":"c","type":"x","access":"y"},{"path":"d.e","section":"d","type":"z","access":"public"}]}`))
	if err == nil || strings.Count(err.Error(), "\n") != 3 {
		t.Errorf("four mistakes: %v", err)
	}
}

// TestAFieldIsAnEntry adds one to a catalogue, without a line of Go.
func TestAFieldIsAnEntry(t *testing.T) {
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
		"/data/new/field/1/depth range": "is 2 mm, and has to be at least 3", "/data/new/field/2/width unknownField": "is not in the catalogue", "/data/old unknownField": "is not in the catalogue",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("violations (-want +got)\n%s", diff)
	}
}

// TestText reads texts that are valid and not, and what is no text.
func TestText(t *testing.T) {
	doc := letters(t).Parse(wire.Value(`{"b":{"c":"wrong type"},"a":{"n":1,"t":"y\u0065s","c":["x"]}}`))
	for path, want := range map[string]string{"a.t": "yes", "b.c": "wrong type", "a.n": "", "a.c": "", "a": "", "a.t.x": "", "b.d": "", "none": ""} {
		if got := doc.Text(path); got != want {
			t.Errorf("Text(%s) = %q, want %q", path, got, want)
		}
	}
}

func BenchmarkRead(b *testing.B) {
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
			b.Fatal("the sample is wrong")
		}
	}
}
