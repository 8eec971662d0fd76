package ruleset_test

import (
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/passport-service/samples"
	"github.com/battery-passport/suite/pkg/wire"
)

// tinyRuleSet returns a catalogue with the sections a and b.
func tinyRuleSet(t *testing.T) *ruleset.RuleSet {
	t.Helper()
	rs, err := ruleset.Load([]byte(`{"profile":"x","effectiveFrom":"2027-02-18","attributes":[
		{"path":"a.b","section":"a","type":"object","access":"public"},
		{"path":"a.c","section":"a","type":"array<string>","access":"public"},
		{"path":"a.n","section":"a","type":"number","access":"public"},
		{"path":"a.texts","section":"a","type":"object<lang,string>","access":"public"},
		{"path":"a.t","section":"a","type":"string","access":"public"},
		{"path":"b.c","section":"b","type":"number","access":"public"},
		{"path":"b.d","section":"b","type":"number","access":"public"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

// TestCanonicalForm compares the canonical form of documents with the output of
// the JSON library.
func TestCanonicalForm(t *testing.T) {
	rs := tinyRuleSet(t)
	check := func(rs *ruleset.RuleSet, text string) {
		t.Helper()
		want := wire.Value(text).Clone()
		doc := rs.Parse(wire.Value(text))
		if err := want.Canonicalize(); err != nil || doc.Violations() != nil {
			t.Fatalf("%s: %v, %+v", text, err, doc.Violations())
		}
		for range 2 { // the second result is stored
			if got := doc.Canonicalize(); string(got) != string(want) {
				t.Errorf("canonical form of %s: got\n%s, want\n%s", text, got, want)
			}
		}
		if got := rs.Parse(want); doc.Root().Raw() != got.Root().Raw() || doc.Text("a.t") != got.Text("a.t") {
			t.Errorf("%s: parsing the canonical form gives another document", text)
		}
	}
	for _, text := range []string{
		`{}`, ` { "b" : { } , "a" : { "c" : [ ] , "b": {} } } `, `{"b":{"d":-0,"c":1.50},"a":{"n":1E3,"t":"\u00fc\/\u2028\n\ud83d\ude00"}}`,
		`{"a":{"c":["z","\u0061","a"],"texts":{"\ud83d\ude00":"x","\uffee":"y","\ue000":"v","\ud7ff":"w","de":"","d":"","é":"","dé":""}}}`,
		`{"a":{"n":1e-7},"b":{"c":999999999999999,"d":0.000001}}`, `{"a":{"n":-1.25e-9},"b":{"c":1e15,"d":123456789012345e-5}}`,
	} {
		check(rs, text)
	}
	names, err := fs.Glob(samples.FS, "*-*.json")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, name := range names {
		text, _ := samples.FS.ReadFile(name)
		var body struct {
			Data wire.Value `json:"data"`
		}
		if wire.Unmarshal(text, &body) == nil && body.Data != nil {
			check(ruleset.Embedded()[0], string(body.Data))
			checked++
		}
	}
	if checked < 10 {
		t.Errorf("got %d samples, want at least 10", checked)
	}
}

// TestSetText sets an attribute that exists, is missing, has the wrong type, or
// whose section is missing.
func TestSetText(t *testing.T) {
	rs := tinyRuleSet(t)
	for before, want := range map[string]string{
		`{"a":{"t":"x","n":1}}`: `{"a":{"n":1,"t":"y\""}}`, `{"a":{"n":1}}`: `{"a":{"n":1,"t":"y\""}}`, `{"a":{}}`: `{"a":{"t":"y\""}}`,
		`{"a":{"t":5}}`: `{"a":{"t":5}}`, `{"b":{}}`: `{"b":{}}`, `{"a":1}`: `{"a":1}`,
	} {
		original := rs.Parse(wire.Value(before))
		doc := original.Clone()
		doc.SetText("a.t", `y"`)
		if got := doc.Canonicalize(); string(got) != want {
			t.Errorf("SetText in %s: got %s, want %s", before, got, want)
		}
		if v := doc.First("a.t"); v.Exists() && (!v.Valid() || doc.Text("a.t") != `y"`) {
			t.Errorf("SetText in %s: valid %v, %q", before, v.Valid(), doc.Text("a.t"))
		}
		if original.Root().Raw() != before || doc.First("a.t").Exists() && original.Text("a.t") == `y"` {
			t.Errorf("SetText in a copy of %s changed the original to %s", before, original.Root().Raw())
		}
	}
}

// TestMerge covers the examples of RFC 7396, appendix A, and some more.
func TestMerge(t *testing.T) {
	rs := tinyRuleSet(t)
	for _, c := range []struct{ target, patch, want string }{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`["a","b"]`, `["c","d"]`, `["c","d"]`},
		{`{"a":"b"}`, `["c"]`, `["c"]`},
		{`{"a":"foo"}`, `null`, `null`},
		{`{"a":"foo"}`, `"bar"`, `"bar"`},
		{`{"e":null}`, `{"a":1}`, `{"a":1,"e":null}`},
		{`[1,2]`, `{"a":"b","b":null}`, `{"a":"b"}`},
		{`{"a":{}}`, `{"a":{"tt":null}}`, `{"a":{"tt":null}}`}, // misspelt
		{`{"b":{"c":1}}`, `{"bb":null}`, `{"b":{"c":1},"bb":null}`},
		{`{"a":{"tt":1}}`, `{"a":{"tt":null}}`, `{"a":{}}`},
		{`{}`, `{"a":{"texts":{"de":null}}}`, `{"a":{"texts":{}}}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
		{`{}`, `{"a":[null,{"b":null}]}`, `{"a":[null,{"b":null}]}`},
		{`{"a":{"b":2},"z":3}`, `{"a":{"b":null,"c":[1]},"A":{"x":null}}`, `{"A":{},"a":{"c":[1]},"z":3}`},
		{`{"a":{"c":["x"]}}`, `{"a":{"c":{"k":1}}}`, `{"a":{"c":{"k":1}}}`},
		{`{"a":["b"]}`, `{"a":{"":1}}`, `{"a":{"":1}}`},
		{`{"a":{"b\"":1}}`, `{"a":{"b\u0022":2}}`, `{"a":{"b\"":2}}`},
	} {
		got := rs.Parse(wire.Value(c.target)).Merge(wire.Value(c.patch))
		if err := got.Canonicalize(); err != nil || string(got) != c.want {
			t.Errorf("Merge(%s, %s) = %s, %v, want %s", c.target, c.patch, got, err, c.want)
		}
	}
}

func TestChangedPaths(t *testing.T) {
	rs := tinyRuleSet(t)
	for _, c := range []struct {
		before, after string
		want          []string
	}{
		{`{"a":1}`, `{"a":1}`, nil},
		{`{"a":1,"b":{"c":2,"d":3}}`, `{"a":1,"b":{"c":2,"d":4}}`, []string{"data.b.d"}},
		{`{"a":[1,{"x":1}]}`, `{"a":[1,{"x":2}]}`, []string{"data.a"}},
		{`{}`, `{"a":{"b":1,"c":[]}}`, []string{"data.a.b", "data.a.c"}},
		{`{"a":{"b":1}}`, `{}`, []string{"data.a.b"}},
		{`{}`, `{"a":{}}`, []string{"data.a"}},
		{`{"a":{}}`, `{"a":{"b":1}}`, []string{"data.a.b"}},
		{`{"a":{"b":1}}`, `{"a":[1]}`, []string{"data.a"}},
		{`{"a":"x"}`, `{"a":{"b":1}}`, []string{"data.a"}},
	} {
		if diff := cmp.Diff(c.want, ruleset.ChangedPaths(rs.ParseCanonical(wire.Value(c.before)), rs.ParseCanonical(wire.Value(c.after)))); diff != "" {
			t.Errorf("ChangedPaths(%s, %s) (-want +got)\n%s", c.before, c.after, diff)
		}
	}
}
