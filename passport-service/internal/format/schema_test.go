package format_test

import (
	"bytes"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/battery-passport/suite/passport-service/internal/format"
)

// compileSchema compiles a JSON Schema of others.
func compileSchema(t *testing.T, file string) *jsonschema.Schema {
	t.Helper()
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(readShared(t, file)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.UseRegexpEngine(func(pattern string) (jsonschema.Regexp, error) { // Go has no lookaheads
		return regexp.Compile(regexp.MustCompile(`\(\?[=!][^)]*\)`).ReplaceAllString(pattern, ""))
	})
	removeRepeated(schema)
	if err := c.AddResource("urn:schema", schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("urn:schema")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// removeRepeated removes the second of equal values of enumerations, which a schema must not have.
func removeRepeated(schema any) {
	switch v := schema.(type) {
	case map[string]any:
		if values, ok := v["enum"].([]any); ok {
			unique := []any{}
			for _, value := range values {
				if !slices.Contains(unique, value) {
					unique = append(unique, value)
				}
			}
			v["enum"] = unique
		}
		for _, child := range v {
			removeRepeated(child)
		}
	case []any:
		for _, child := range v {
			removeRepeated(child)
		}
	}
}

// schemaErrors returns the errors of a document, and the pointers of its missing members.
func schemaErrors(t *testing.T, schema *jsonschema.Schema, document []byte) (problems, absent []string) {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(string(document)))
	if err != nil {
		t.Fatal(err)
	}
	var invalid *jsonschema.ValidationError
	if errors.As(schema.Validate(v), &invalid) {
		collectErrors(invalid, &problems, &absent)
	}
	return problems, absent
}

func collectErrors(e *jsonschema.ValidationError, problems, absent *[]string) {
	for _, cause := range e.Causes {
		collectErrors(cause, problems, absent)
	}
	if len(e.Causes) > 0 {
		return
	}
	path := ""
	for _, name := range e.InstanceLocation {
		path += "/" + name
	}
	if required, ok := e.ErrorKind.(*kind.Required); ok {
		for _, name := range required.Missing {
			*absent = append(*absent, path+"/"+name)
		}
		return
	}
	*problems = append(*problems, e.Error())
}

// schemasOf returns the schemas of a format by their name, and the name of the schema of a document.
var schemasOf = map[string]struct {
	files map[string]string
	of    func(document any) string
}{
	"catenax-6.1.0": {map[string]string{"": "catena-x-battery-pass-6.1.0/BatteryPass-schema.json"}, func(any) string { return "" }},
	"batterypass-ready": {map[string]string{
		"electric vehicle battery": "anchors/gefeg-live/EV.schema.json", "LMT battery": "anchors/gefeg-live/LMT.schema.json",
		"industrial/stationary battery":     "anchors/gefeg-live/StationaryIndustrial2kWh.schema.json",
		"industrial/non-stationary battery": "anchors/gefeg-live/OtherIndustrial2kWh.schema.json",
		"Pb":                                "anchors/gefeg-live/IndustrialWithoutBMS.schema.json",
	}, func(document any) string {
		if at(document, "Battery_Passport", "BatteryMaterialsAndComposition", "BatteryChemistry", "chemicalCodeValue") == "Pb" {
			return "Pb"
		}
		category, _ := at(document, "Battery_Passport", "IdentifiersAndProductData", "BatteryCategory", "batteryCategoryValue").(string)
		return category
	}},
}

// at returns a member of members, or nil.
func at(v any, names ...string) any {
	for _, name := range names {
		object, _ := v.(map[string]any)
		v = object[name]
	}
	return v
}

// TestDocumentsFollowTheirSchema validates the document of each sample with the schema of its format. The
// only errors are members that the passport does not have, and all of these are reported.
func TestDocumentsFollowTheirSchema(t *testing.T) {
	header := format.Header{Status: "active", UpdatedAt: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	for name, c := range schemasOf {
		f, schemas := registry(t)[name], map[string]*jsonschema.Schema{}
		for kind, file := range c.files {
			schemas[kind] = compileSchema(t, shared+file)
		}
		for sample, data := range samples(t) {
			if sample == "readme-sample.json" && name == "batterypass-ready" {
				continue // its identifier is not a URI, and cannot be published
			}
			document, _, err := f.Encode(data, header)
			if err != nil {
				t.Fatal(err)
			}
			schema := schemas[c.of(parse(t, document))]
			if schema == nil {
				t.Fatalf("%s, %s: no schema for %q", name, sample, c.of(parse(t, document)))
			}
			problems, absent := schemaErrors(t, schema, document)
			for _, p := range problems {
				t.Errorf("%s, %s: %s", name, sample, p)
			}
			reported := slices.Sorted(maps.Keys(lostPaths(f.Missing(document), "")))
			if slices.Sort(absent); !slices.Equal(reported, absent) {
				t.Errorf("%s, %s: the schema misses %v, the report %v", name, sample, absent, reported)
			}
		}
	}
}
