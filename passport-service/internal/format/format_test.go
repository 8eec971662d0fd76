package format_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/format"
	formats "github.com/battery-passport/suite/passport-service/internal/format/registry"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// shared has data of others that is not part of the repository.
const shared = "../../../../shared/data/"

func registry(t testing.TB) format.Registry {
	t.Helper()
	r, err := formats.New(ruleset.Embedded()[0], formats.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func parse(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}

// lostPaths returns the paths of losses below a prefix as a set.
func lostPaths(losses []format.Loss, prefix string) map[string]bool {
	paths := map[string]bool{}
	for _, l := range losses {
		paths[strings.TrimPrefix(l.Path, prefix)] = true
	}
	return paths
}

// without returns a value without the lost paths, and nil for an empty one.
func without(v any, path string, lost map[string]bool) any {
	if lost[path] {
		return nil
	}
	rest := map[string]any{}
	switch v := v.(type) {
	case map[string]any:
		for name, child := range v {
			if child = without(child, path+"/"+name, lost); child != nil {
				rest[name] = child
			}
		}
	case []any:
		for i, child := range v {
			n := strconv.Itoa(i)
			if child = without(child, path+"/"+n, lost); child != nil {
				rest[n] = child
			}
		}
	default:
		return v
	}
	if len(rest) == 0 {
		return nil
	}
	return rest
}

func wantSame(t *testing.T, before, after []byte, losses []format.Loss, prefix string) {
	t.Helper()
	lost := lostPaths(losses, prefix)
	a, b := without(parse(t, before), "", lost), without(parse(t, after), "", lost)
	if !reflect.DeepEqual(a, b) {
		t.Errorf("the round trip has other values than the reported losses\nbefore %v\nafter  %v\nlosses %v", a, b, losses)
	}
}

func samples(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("../../samples/*.json")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var body struct{ Data json.RawMessage }
		if json.Unmarshal(text, &body) == nil && body.Data != nil {
			all[filepath.Base(file)] = body.Data
		}
	}
	if len(all) < 10 {
		t.Fatalf("found %d samples", len(all))
	}
	return all
}

// TestSamplesComeBack encodes and decodes each sample. The result must be the sample without the losses.
func TestSamplesComeBack(t *testing.T) {
	for name, f := range registry(t) {
		for sample, data := range samples(t) {
			t.Run(name+" "+sample, func(t *testing.T) {
				document, losses, err := f.Encode(data, format.Header{})
				if err != nil {
					t.Fatal(err)
				}
				back, _, err := f.Decode(document)
				if err != nil || len(back) != 1 {
					t.Fatal(len(back), err)
				}
				wantSame(t, data, back[0], losses, "/data")
			})
		}
	}
}

// aspects returns the payloads of the Battery Pass data model 1.2 as one document.
func aspects(t *testing.T) []byte {
	t.Helper()
	all := map[string]json.RawMessage{}
	files, _ := filepath.Glob(shared + "batterypass-data-model-1.2/*-payload.json")
	for _, file := range files {
		all[strings.TrimSuffix(filepath.Base(file), "-payload.json")] = readShared(t, file)
	}
	if len(all) == 0 {
		t.Skip("the data of others is not here")
	}
	document, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// readShared reads a file of the data of others. Without this data, it skips the test.
func readShared(t *testing.T, file string) []byte {
	t.Helper()
	if _, err := os.Stat(shared); err != nil {
		t.Skip("the data of others is not here")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestExamplesComeBack decodes and encodes examples of others. The result must be the example
// without the losses.
func TestExamplesComeBack(t *testing.T) {
	for _, c := range []struct {
		format, file string
		most         int // losses
	}{
		{"batterypass-1.2", "", 25},
		{"catenax-6.1.0", "catena-x-battery-pass-6.1.0/BatteryPass.json", 90},
		{"batterypass-ready", "openepcis-batterypass-ready-examples/ev.gefeg.json", 18},
		{"batterypass-ready", "openepcis-batterypass-ready-examples/lmt.gefeg.json", 18},
		{"batterypass-ready", "openepcis-batterypass-ready-examples/stationary.gefeg.json", 18},
		{"batterypass-ready", "openepcis-batterypass-ready-examples/other-industrial.gefeg.json", 18},
		{"batterypass-ready", "openepcis-batterypass-ready-examples/industrial-without-bms.gefeg.json", 18},
	} {
		f := registry(t)[c.format]
		var example []byte
		if c.file == "" {
			example = aspects(t)
		} else {
			example = readShared(t, shared+c.file)
		}
		bodies, losses, err := f.Decode(example)
		if err != nil || len(bodies) != 1 {
			t.Fatal(len(bodies), err)
		}
		back, _, err := f.Encode(bodies[0], format.Header{})
		if err != nil {
			t.Fatal(err)
		}
		wantSame(t, example, back, losses, "")
		if len(losses) > c.most {
			t.Errorf("%s: %d losses", c.format, len(losses))
		}
		if absent := f.Missing(example); len(absent) > 0 {
			t.Errorf("%s: %s has no %v", c.format, c.file, absent)
		}
		if !f.Recognises(parse(t, example)) {
			t.Errorf("%s does not recognise %s", c.format, c.file)
		}
	}
}

// TestSamplesHaveTheShapeOfBatteryPass compares the documents with the published payloads: each member
// must exist there, with the same JSON type.
func TestSamplesHaveTheShapeOfBatteryPass(t *testing.T) {
	const name = "batterypass-1.2"
	example := parse(t, aspects(t))
	for sample, data := range samples(t) {
		document, _, err := registry(t)[name].Encode(data, format.Header{})
		if err != nil {
			t.Fatal(err)
		}
		for _, problem := range shapeProblems(parse(t, document), example, "") {
			t.Errorf("%s: %s", sample, problem)
		}
	}
}

func shapeProblems(v, example any, path string) (problems []string) {
	if reflect.TypeOf(v) != reflect.TypeOf(example) {
		return []string{path + " has another type, or does not exist in the payload"}
	}
	switch v := v.(type) {
	case map[string]any:
		for name, child := range v {
			if strings.HasSuffix(path, "/labelingMeaning") { // languages
				name = "en"
			}
			problems = append(problems, shapeProblems(child, example.(map[string]any)[name], path+"/"+name)...)
		}
	case []any:
		for i, child := range v {
			problems = append(problems, shapeProblems(child, example.([]any)[0], path+"/"+strconv.Itoa(i))...)
		}
	}
	return problems
}

func TestConversions(t *testing.T) {
	f := registry(t)["batterypass-1.2"]
	for _, c := range []struct{ data, document, lost string }{
		{`{"generalInformation":{"batteryCategory":"Industrial","batterySubCategory":"stationaryStorage"}}`, `{"GeneralProductInformation":{"batteryCategory":"stationary"}}`, ""},
		{`{"generalInformation":{"batteryCategory":"Industrial"}}`, `{"GeneralProductInformation":{"batteryCategory":"industrial"}}`, ""},
		{`{"generalInformation":{"manufacturingDate":"2026-09"}}`, `{"GeneralProductInformation":{"manufacturingDate":"2026-09-01T00:00:00Z"}}`, ""},
		{`{"generalInformation":{"manufacturingDate":"2026-09-17"}}`, `{"GeneralProductInformation":{"manufacturingDate":"2026-09-17T00:00:00Z"}}`, `/data/generalInformation/manufacturingDate is changed to "2026-09"`},
		{`{"generalInformation":{"warrantyPeriod":"P96M"}}`, `{}`, `/data/generalInformation the format holds 1 to 12 months (xsd:gMonth)`},
		{`{"generalInformation":{"warrantyPeriod":"P12M"}}`, `{"GeneralProductInformation":{"warrentyPeriod":"--12"}}`, ""},
		{`{"performanceAndDurability":{"originalPowerCapabilityW":{"at80PercentSoc":210000,"at20PercentSoc":0.5}}}`,
			`{"PerformanceAndDurability":{"batteryTechicalProperties":{"originalPowerCapability":[{"atSoC":80,"powerCapabilityAt":210},{"atSoC":20,"powerCapabilityAt":0.0005}]}}}`, ""},
		{`{"batteryCondition":{"usage":{"measuredAt":"2026-11-15T06:30:00Z","fullCycles":4.2}}}`,
			`{"PerformanceAndDurability":{"batteryCondition":{"numberOfFullCycles":{"lastUpdate":"2026-11-15T06:30:00Z","numberOfFullCyclesValue":4.2}}}}`, ""},
		{`{"batteryCondition":{"usage":{"measuredAt":"2026-11-15T06:30:00Z"}}}`, `{}`, `/data/batteryCondition has no corresponding field or value`},
	} {
		document, losses, err := f.Encode([]byte(c.data), format.Header{})
		if err != nil || string(document) != c.document {
			t.Errorf("%s: got %s, %v, want %s", c.data, document, err, c.document)
		}
		var lost []string
		for _, l := range losses {
			lost = append(lost, l.Path+" "+l.Why)
		}
		if got := strings.Join(lost, "\n"); got != c.lost {
			t.Errorf("%s: lost %q, want %q", c.data, got, c.lost)
		}
	}
	data, losses, err := f.Decode([]byte(`{"GeneralProductInformation":{"operatorInformation":{"postalAddress":{"addressCountry":"Germany"}}}}`))
	if want := `{"generalInformation":{"economicOperatorInformation":{"postalAddress":{"country":"DE"}}}}`; err != nil || string(data[0]) != want || len(losses) != 1 {
		t.Errorf("got %s, %v, %v, want %s", data, losses, err, want)
	}
}

// TestHostileDocuments decodes documents with unexpected types.
func TestHostileDocuments(t *testing.T) {
	for name, f := range registry(t) {
		for _, text := range []string{"null", "[]", "1", `"x"`, `{"GeneralProductInformation":[1]}`, `{"Labeling":{"labels":[1,null,{"labelingSubject":{}},[]]}}`,
			`{"Circularity":{"sparePartSources":[{"components":[{},{"partName":{"a":1}}]},{"components":3}]}}`, `{"GeneralProductInformation":{"batteryMass":1e999999999}}`,
			strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000)} {
			bodies, losses, err := f.Decode([]byte(text))
			if err != nil || len(bodies) != 1 {
				t.Errorf("%s: %d bodies, %v", name, len(bodies), err)
				continue
			}
			back, _, err := f.Encode(bodies[0], format.Header{})
			if err != nil {
				t.Errorf("%s: %v", name, err)
			} else if len(text) < 1000 {
				wantSame(t, []byte(strings.ReplaceAll(text, "1e999999999", "1")), []byte(strings.ReplaceAll(string(back), "1e999999999", "1")), losses, "")
			}
		}
		if _, _, err := f.Decode([]byte("{")); err == nil {
			t.Error(name, "accepts a syntax error")
		}
	}
}
