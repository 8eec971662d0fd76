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

// FuzzData puts any JSON where the data of a passport goes. Whatever it is, what
// is wrong with it is told within bounds; what the structure gate lets through
// is let through again in the form in which it is stored, and evaluates to the
// same; with a member that nobody knows it is refused; and who reads a part of it
// is sent what is of their classes, all of that and nothing else.
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
			return // it does not come so far
		}
		data := wire.Value(text)
		in := compliance.Input{Data: e.Rules.Parse(data), Now: now, AsOf: ruleset.DateOf(now)}
		report := e.Evaluate(in)
		if len(report.Findings) > 10_000 {
			t.Fatalf("%d findings", len(report.Findings))
		}
		for _, f := range report.Findings {
			if f.Path == "" || f.Code == "" || f.Message == "" {
				t.Errorf("finding %+v", f)
			}
		}
		if details := e.Rules.Parse(data).Details(); details != nil {
			if len(details) > 10_000 || report.Complete {
				t.Errorf("%d details, complete %v", len(details), report.Complete)
			}
			return
		}
		checkNumbers(t, text)
		stored := data.Clone()
		if err := stored.Canonicalize(); err != nil {
			t.Fatalf("what is let through cannot be stored: %v", err)
		}
		if got := e.Rules.Parse(data).Canonicalize(); string(got) != string(stored) {
			t.Errorf("the canonical form of %s is %s, want %s", data, got, stored)
		}
		if details := e.Rules.Parse(stored).Details(); details != nil {
			t.Errorf("what was let through is refused as it is stored: %+v in %s", details, stored)
		}
		in.Data = e.Rules.Parse(stored)
		if again := e.Evaluate(in); len(again.Findings) != len(report.Findings) || again.Complete != report.Complete {
			t.Errorf("%d findings, and %d as it is stored: %s", len(report.Findings), len(again.Findings), stored)
		}
		checkUnknown(t, e.Rules, stored)
		for _, reader := range []ruleset.Reader{ruleset.Anyone, ruleset.WithLegitimateInterest, ruleset.MarketSurveillance} {
			part := e.Rules.Project(stored.Clone(), reader.Classes())
			if wire.Check(part) != nil || len(part) > len(stored) {
				t.Errorf("%v reads %s of %s", reader, part, stored)
			}
			want := slices.DeleteFunc(leaves(t, stored), func(l leaf) bool { return !reads(e.Rules, l.path, reader.Classes()) })
			if got := leaves(t, part); !slices.Equal(want, got) {
				t.Errorf("%v reads %v, want %v", reader, got, want)
			}
		}
	})
}

// A leaf is a value that holds no others.
type leaf struct{ path, value string }

// leaves returns those of data, in order, by their paths of the catalogue.
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

// reads tells whether what is at a path, and all that it stands in, is of the
// classes. What the catalogue does not know is a text by language, of the class of
// what it stands in.
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

// checkUnknown puts a member that nobody knows into the data and into each of its
// sections, and has each named.
func checkUnknown(t *testing.T, rules *ruleset.RuleSet, data wire.Value) {
	t.Helper()
	var more map[string]any
	if err := json.Unmarshal(data, &more); err != nil {
		t.Fatal(err)
	}
	want := []string{"/data/unknownToAll"}
	for name, section := range more {
		if members, ok := section.(map[string]any); ok {
			members["unknownToAll"] = 1
			want = append(want, "/data/"+name+"/unknownToAll")
		}
	}
	more["unknownToAll"] = 1
	with, err := wire.Marshal(more)
	if err != nil {
		t.Fatal(err)
	}
	found := rules.Parse(with).Details()
	for _, path := range want {
		if !slices.ContainsFunc(found, func(d fault.Detail) bool { return d.Path == path && d.Code == "unknownField" }) {
			t.Errorf("%s is let through in %s", path, with)
		}
	}
}

// checkNumbers fails the test where a double does not hold a number as it is
// written.
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
		held, _ := new(big.Rat).SetString(strconv.FormatFloat(double, 'g', -1, 64))
		if written, ok := new(big.Rat).SetString(token.String()); double != 0 && (!ok || written.Cmp(held) != 0) {
			t.Errorf("%v is held as %v", token, double)
		}
	}
}
