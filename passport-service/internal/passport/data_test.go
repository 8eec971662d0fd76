package passport

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/pkg/wire"
)

// TestMerge holds the examples of RFC 7396, appendix A, and some of ours.
func TestMerge(t *testing.T) {
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
		{`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
		{`{}`, `{"a":[null,{"b":null}]}`, `{"a":[null,{"b":null}]}`},
		{`{"a":1e400}`, `{"b":1234567890123456789}`, `{"a":1e400,"b":1234567890123456789}`},
	} {
		got, err := merge(wire.Value(c.target), wire.Value(c.patch))
		if err != nil || string(got) != c.want {
			t.Errorf("merge(%s, %s) = %s, %v, want %s", c.target, c.patch, got, err, c.want)
		}
	}
}

func TestChanged(t *testing.T) {
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
		if diff := cmp.Diff(c.want, changed("data", wire.Value(c.before), wire.Value(c.after))); diff != "" {
			t.Errorf("changed(%s, %s) (-want +got)\n%s", c.before, c.after, diff)
		}
	}
}

func TestVersionsAreLaterThanTheOneBefore(t *testing.T) {
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	for now, want := range map[time.Time]time.Time{at.Add(time.Second): at.Add(time.Second), at: at.Add(time.Millisecond), at.Add(-time.Hour): at.Add(time.Millisecond)} {
		if got := later(now, at); got != want {
			t.Errorf("later(%v) = %v, want %v", now, got, want)
		}
	}
}
