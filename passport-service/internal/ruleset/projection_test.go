package ruleset_test

import (
	"encoding/json"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/passport-service/samples"
	"github.com/battery-passport/suite/pkg/wire"
)

// leaves returns the values in JSON by their paths of the catalogue, with what
// an array holds as one.
func leaves(t *testing.T, data []byte) map[string]bool {
	t.Helper()
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	paths := map[string]bool{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, member := range v {
				walk(strings.TrimPrefix(path+"."+name, "."), member)
			}
		case []any:
			for _, item := range v {
				if _, ok := item.(map[string]any); ok {
					walk(path+"[]", item)
				} else {
					walk(path, item)
				}
			}
			paths[path] = true
		default:
			paths[path] = true
		}
	}
	walk("", v)
	return paths
}

// TestProjection takes every sample through every set of classes: each value is
// there exactly when its class, and that of all that it stands in, may be read.
func TestProjection(t *testing.T) {
	rs := ruleset.Embedded()[0]
	names, err := fs.Glob(samples.FS, "*-*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, _ := samples.FS.ReadFile(name)
		var body struct {
			Data wire.Value `json:"data"`
		}
		if wire.Unmarshal(text, &body) != nil || body.Data == nil {
			continue // no passport
		}
		if err := body.Data.Canonicalize(); err != nil {
			t.Fatal(err)
		}
		for classes := ruleset.Classes(0); classes <= ruleset.AllClasses; classes++ {
			want := map[string]bool{}
			for path := range leaves(t, body.Data) {
				if readable(rs, path, classes) {
					want[path] = true
				}
			}
			if diff := cmp.Diff(want, leaves(t, rs.Project(body.Data, classes))); diff != "" {
				t.Errorf("%s for %b (-want +got)\n%s", name, classes, diff)
			}
		}
	}
}

// readable looks the path up, and all that it stands in.
func readable(rs *ruleset.RuleSet, path string, classes ruleset.Classes) bool {
	steps := strings.Split(strings.ReplaceAll(path, "[]", ""), ".")
	at := steps[0]
	for _, step := range steps[1:] {
		if _, ok := rs.Attribute(at + "[]." + step); ok {
			at += "[]"
		}
		a, ok := rs.Attribute(at + "." + step)
		if !ok { // a text by language
			a, ok = rs.Attribute(at)
		} else {
			at += "." + step
		}
		if !ok || !classes.Has(a.Access) {
			return false
		}
	}
	return true
}

// TestProjectionOfWhatIsOdd has what no sample has.
func TestProjectionOfWhatIsOdd(t *testing.T) {
	rs, err := ruleset.Load([]byte(`{"profile":"x","effectiveFrom":"2027-02-18","attributes":[
		{"path":"a.open","section":"a","type":"string","access":"public"},
		{"path":"a.mixed","section":"a","type":"object","access":"public"},
		{"path":"a.mixed.shut","section":"a","type":"string","access":"authority"},
		{"path":"a.list","section":"a","type":"array<object>","access":"public"},
		{"path":"a.list[].shut","section":"a","type":"string","access":"authority"},
		{"path":"a.list[].open","section":"a","type":"string","access":"public"},
		{"path":"a.shut","section":"a","type":"object","access":"authority"},
		{"path":"a.shut.open","section":"a","type":"string","access":"public"},
		{"path":"b.shut","section":"b","type":"string","access":"legitimateInterest"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for data, want := range map[string]string{
		`{}`:                            `{}`,
		`{"b":{"shut":"x"}}`:            `{}`,
		`{"b":{}}`:                      `{}`,
		`{"a":{"mixed":{"shut":"x"}}}`:  `{}`,
		`{"a":{"mixed":{}}}`:            `{}`,
		`{"a":{"shut":{"open":"x"}}}`:   `{}`,
		`{"a":{"unknown":1},"other":1}`: `{}`,
		`{"a":{"list":[{"open":"1","shut":"2"},{"shut":"3"},{}],"open":"x"},"b":{"shut":"x"}}`: `{"a":{"list":[{"open":"1"},{},{}],"open":"x"}}`,
		`{"a":{"list":[]}}`:                 `{"a":{"list":[]}}`,
		`{"a":{"mixed":null,"list":[1,2]}}`: `{"a":{"list":[null,null]}}`,
	} {
		if got := rs.Project(wire.Value(data), ruleset.Anyone.Classes()); string(got) != want {
			t.Errorf("of %s the public reads %s, want %s", data, got, want)
		}
	}
}

func TestAccessMatrix(t *testing.T) {
	for reader, want := range map[ruleset.Reader][4]bool{
		ruleset.Anyone: {true, false, false, false}, ruleset.WithLegitimateInterest: {true, true, false, true}, ruleset.MarketSurveillance: {true, true, true, false},
	} {
		c := reader.Classes()
		got := [4]bool{c.Has(ruleset.Public), c.Has(ruleset.LegitimateInterestAndAuthority), c.Has(ruleset.Authority), c.Has(ruleset.LegitimateInterest)}
		if got != want {
			t.Errorf("%s reads %v, want %v", reader, got, want)
		}
	}
}
