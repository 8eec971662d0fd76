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

// leaves returns the paths of all scalars and arrays in data, as the catalogue
// writes them.
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

// TestProjection projects every sample to every set of classes. A value must
// remain if and only if its class and those of its containers may be read.
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
			continue // not a passport
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

// readable reports whether the classes may read a path and all its containers.
func readable(rs *ruleset.RuleSet, path string, classes ruleset.Classes) bool {
	steps := strings.Split(strings.ReplaceAll(path, "[]", ""), ".")
	at := steps[0]
	for _, step := range steps[1:] {
		if _, ok := rs.Attribute(at + "[]." + step); ok {
			at += "[]"
		}
		a, ok := rs.Attribute(at + "." + step)
		if !ok { // a language of a localized string
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

// TestProjectionEdgeCases covers data that no sample contains.
func TestProjectionEdgeCases(t *testing.T) {
	rs, err := ruleset.Load([]byte(`{"profile":"x","effectiveFrom":"2027-02-18","attributes":[
		{"path":"a.open","section":"a","type":"string","access":"public"},
		{"path":"a.mixed","section":"a","type":"object","access":"public"},
		{"path":"a.mixed.secret","section":"a","type":"string","access":"authority"},
		{"path":"a.list","section":"a","type":"array<object>","access":"public"},
		{"path":"a.list[].secret","section":"a","type":"string","access":"authority"},
		{"path":"a.list[].open","section":"a","type":"string","access":"public"},
		{"path":"a.secret","section":"a","type":"object","access":"authority"},
		{"path":"a.secret.open","section":"a","type":"string","access":"public"},
		{"path":"b.secret","section":"b","type":"string","access":"legitimateInterest"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for data, want := range map[string]string{
		`{}`:                             `{}`,
		`{"b":{"secret":"x"}}`:           `{}`,
		`{"b":{}}`:                       `{}`,
		`{"a":{"mixed":{"secret":"x"}}}`: `{}`,
		`{"a":{"mixed":{}}}`:             `{}`,
		`{"a":{"secret":{"open":"x"}}}`:  `{}`,
		`{"a":{"unknown":1},"other":1}`:  `{}`,
		`{"a":{"list":[{"open":"1","secret":"2"},{"secret":"3"},{}],"open":"x"},"b":{"secret":"x"}}`: `{"a":{"list":[{"open":"1"},{},{}],"open":"x"}}`,
		`{"a":{"list":[]}}`:                 `{"a":{"list":[]}}`,
		`{"a":{"mixed":null,"list":[1,2]}}`: `{"a":{"list":[null,null]}}`,
	} {
		if got := rs.Project(wire.Value(data), ruleset.Anyone.Classes()); string(got) != want {
			t.Errorf("public part of %s: got %s, want %s", data, got, want)
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
			t.Errorf("classes of %s: got %v, want %v", reader, got, want)
		}
	}
}
