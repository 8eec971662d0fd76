package compliance_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/battery-passport/suite/passport-service/internal/compliance"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

// FuzzData uses any JSON as the data of a passport and checks that
//   - the number of findings is limited,
//   - data without violations has none in its stored form either, and gets the same
//     findings,
//   - an unknown member is a violation,
//   - a projection has exactly the values that its classes may read.
func FuzzData(f *testing.F) {
	for _, name := range []string{"readme-sample.json", "ev-nmc-minimum-2027.json", "lmt-ebike-waste.json"} {
		f.Add([]byte(sample(f, name, "")))
	}
	for _, seed := range []string{
		`null`, `[]`, `{}`, `{"generalInformation":{"batteryMass":1e-9,"batteryMass2":999999999999999}}`, `{"generalInformation":null,"$set":{"a.b":1}}`,
		`{"generalInformation":{"batteryIdentifier":"https://x.example/01/0\u0000","batteryMass":-0.0}}`, `{"lifecycle":{"statusHistory":[{"status":"waste","since":"2026-02-30"},1,null]}}`,
		`{"materialComposition":{"materials":[{"materialName":"x","isCriticalRawMaterial":true,"mass":"1"}],"criticalRawMaterials":["Lithium",""]}}`,
		`{"generalInformation":{"batteryMass":1.00000000000000001}}`, `{"generalInformation":{"batteryMass":123456789012345678e-6}}`,
		`{"generalInformation":{"batteryMass":1.00000000000000000,"manufacturingDate":"9999-99"}}`,
	} {
		f.Add([]byte(seed))
	}
	e := engine(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 1<<20 || wire.Check(text) != nil {
			return // rejected before it is parsed
		}
		data := wire.Value(text)
		in := compliance.Input{Data: e.Rules.Parse(data), Now: now, AsOf: ruleset.DateOf(now)}
		report := e.Evaluate(in)
		if len(report.Findings) > 10_000 {
			t.Fatalf("got %d findings, want at most 10,000", len(report.Findings))
		}
		for _, f := range report.Findings {
			if f.Path == "" || f.Code == "" || f.Message == "" {
				t.Errorf("incomplete finding %+v", f)
			}
		}
		if details := e.Rules.Parse(data).Details(); details != nil {
			if len(details) > 10_000 || report.Complete {
				t.Errorf("got %d details, complete %v, want at most 10,000, false", len(details), report.Complete)
			}
			return
		}
		checkNumbers(t, text)
		stored := data.Clone()
		if err := stored.Canonicalize(); err != nil {
			t.Fatalf("valid data cannot be stored: %v", err)
		}
		if got := e.Rules.Parse(data).Canonicalize(); string(got) != string(stored) {
			t.Errorf("canonical form of %s: got %s, want %s", data, got, stored)
		}
		if details := e.Rules.Parse(stored).Details(); details != nil {
			t.Errorf("stored form of valid data has violations: %+v in %s", details, stored)
		}
		in.Data = e.Rules.Parse(stored)
		if second := e.Evaluate(in); len(second.Findings) != len(report.Findings) || second.Complete != report.Complete {
			t.Errorf("got %d findings for the stored form, want %d: %s", len(second.Findings), len(report.Findings), stored)
		}
		checkUnknown(t, e.Rules, stored)
		for _, reader := range []ruleset.Reader{ruleset.Anyone, ruleset.WithLegitimateInterest, ruleset.MarketSurveillance} {
			part := e.Rules.Project(stored.Clone(), reader.Classes())
			if wire.Check(part) != nil || len(part) > len(stored) {
				t.Errorf("projection of %[3]s for %[1]v: got %[2]s", reader, part, stored)
			}
			want := slices.DeleteFunc(leaves(t, stored), func(l leaf) bool { return !reads(e.Rules, l.path, reader.Classes()) })
			if got := leaves(t, part); !slices.Equal(want, got) {
				t.Errorf("projection for %v: got %v, want %v", reader, got, want)
			}
		}
	})
}

// leaf is a scalar value.
type leaf struct{ path, value string }

// leaves returns the leaves of data in order, with their paths in the catalogue.
func leaves(t *testing.T, data wire.Value) (all []leaf) {
	t.Helper()
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(v)) {
				walk(strings.TrimPrefix(path+"."+name, "."), v[name])
			}
		case []any:
			for _, item := range v {
				if _, ok := item.(map[string]any); ok {
					walk(path+"[]", item)
				} else {
					walk(path, item)
				}
			}
		default:
			all = append(all, leaf{path, fmt.Sprint(v)})
		}
	}
	walk("", v)
	return all
}

// reads reports whether the classes may read a path and all its containers. A path
// that the catalogue does not have is a language of a localized string.
func reads(rules *ruleset.RuleSet, path string, classes ruleset.Classes) bool {
	known := false
	for i := range len(path) + 1 {
		if i < len(path) && path[i] != '.' && path[i] != '[' {
			continue
		}
		if a, ok := rules.Attribute(path[:i]); ok {
			if known = true; !classes.Has(a.Access) {
				return false
			}
		}
	}
	return known
}

// checkUnknown adds an unknown member to the data and to each section, and fails the
// test unless each is a violation.
func checkUnknown(t *testing.T, rules *ruleset.RuleSet, data wire.Value) {
	t.Helper()
	var members map[string]any
	if err := json.Unmarshal(data, &members); err != nil {
		t.Fatal(err)
	}
	want := []string{"/data/unknownToAll"}
	for name, section := range members {
		if section, ok := section.(map[string]any); ok {
			section["unknownToAll"] = 1
			want = append(want, "/data/"+name+"/unknownToAll")
		}
	}
	members["unknownToAll"] = 1
	with, err := wire.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	found := rules.Parse(with).Details()
	for _, path := range want {
		if !slices.ContainsFunc(found, func(d fault.Detail) bool { return d.Path == path && d.Code == "unknownField" }) {
			t.Errorf("no violation at %s in %s", path, with)
		}
	}
}

// checkNumbers fails the test for a number that a double does not represent
// exactly.
func checkNumbers(t *testing.T, data []byte) {
	t.Helper()
	for dec := jsontext.NewDecoder(bytes.NewReader(data)); ; {
		token, err := dec.ReadToken()
		if err != nil {
			return
		}
		if token.Kind() != '0' || len(token.String()) > 100 {
			continue
		}
		double, _ := token.Float()
		stored, _ := new(big.Rat).SetString(strconv.FormatFloat(double, 'g', -1, 64))
		if written, ok := new(big.Rat).SetString(token.String()); double != 0 && (!ok || written.Cmp(stored) != 0) {
			t.Errorf("%v is stored as %v", token, double)
		}
	}
}
