package wire_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gowebpki/jcs"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

func TestTimesAreUTCWithMilliseconds(t *testing.T) {
	for _, at := range []time.Time{
		time.Date(2026, 11, 22, 10, 0, 0, 0, time.FixedZone("CET", 3600)), time.Date(2026, 11, 22, 9, 0, 0, 999_999, time.UTC),
	} {
		got, err := wire.Marshal(map[string]any{"at": at, "in": &at})
		if want := `{"at":"2026-11-22T09:00:00.000Z","in":"2026-11-22T09:00:00.000Z"}`; err != nil || string(got) != want {
			t.Errorf("Marshal = %s, %v, want %s", got, err, want)
		}
	}
}

// TestCanonicalMatchesRFC8785 compares with another implementation of RFC 8785.
func TestCanonicalMatchesRFC8785(t *testing.T) {
	for _, text := range []string{
		`{"b":1.50,"a":[1e3,-0,0.000001,1e-9,123456789012345,1e15,100000000000000000000],"":{"\u20ac":"\u20ac","\r":"\u000f\"","\ud83d\ude00":1,"\ufb33":2}}`,
		`[]`, `"x"`, `{"a":{"c":null,"b":[true,false]}}`,
	} {
		want, err := jcs.Transform([]byte(`[` + text + `]`))
		if err != nil {
			t.Fatal(err)
		}
		got, err := wire.Canonical(wire.Value(text))
		if err != nil || "["+string(got)+"]" != string(want) {
			t.Errorf("Canonical(%s) = %s, %v, want %s", text, got, err, want)
		}
	}
}

func TestCheckNamesPositionAndCode(t *testing.T) {
	for text, want := range map[string]struct{ at, message string }{
		` {"a":[{"b":1}]} `: {}, `0`: {}, strings.Repeat("[", 16) + strings.Repeat("]", 16): {}, `"\ud83d\ude00"`: {},
		``: {" syntax", "the body is empty"}, ` `: {" syntax", "the body is empty"},
		`{"a":[1,]}`:                  {"/a syntax", "line 1, column 8: invalid character ','"},
		"{\n  \"ä\": \"é\" 1}":        {" syntax", "line 2, column 12: invalid character '1'"},
		`{"a":1`:                      {" syntax", "line 1, column 7: the JSON ends before it is complete"},
		`{} {}`:                       {" syntax", "line 1, column 4: a second value begins here"},
		"{}\n\n\"ab\"":                {" syntax", "line 3, column 1: a second value begins here"},
		`{}}`:                         {" syntax", "line 1, column 3: "},
		"{\"a\":{\n\"b\":1,\"b\":1}}": {"/a/b duplicate", "line 2, column 7: the member must not be repeated"},
		"\"\xff\"":                    {" syntax", "line 1, column 2: invalid UTF-8"},
		`"\ud800"`:                    {" syntax", `line 1, column 2: the escape \ud800 is half of a surrogate pair: write the other half, \udc00 to \udfff, after it`},
		`["x\ud83d\u0041"]`:           {"/0 syntax", `line 1, column 4: the escape \ud83d is half of a surrogate pair`},
		`"\uDE00\ud83d"`:              {" syntax", `the escape \uDE00 is half of a surrogate pair: write the other half, \ud800 to \udbff, before it`},
		`"\u12x4"`:                    {" syntax", "line 1, column 2: invalid escape sequence"},
		strings.Repeat("[", 20_000):   {strings.Repeat("/0", 16) + " depth", "16 levels"},
		`NaN`:                         {" syntax", "line 1, column 1: "}, `{'a':1}`: {" syntax", "line 1, column 2: "}, `01`: {" syntax", "line 1, column 2: "},
	} {
		err := wire.Check([]byte(text))
		if want.at == "" {
			if err != nil {
				t.Errorf("Check(%q) = %v", text, err)
			}
			continue
		}
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.Kind != fault.Malformed || len(f.Details) != 1 || f.Details[0].Path+" "+f.Details[0].Code != want.at || !strings.Contains(f.Details[0].Message, want.message) {
			t.Errorf("Check(%.40q) = %+v, want %s", text, f, want)
		}
	}
	if f, ok := errors.AsType[*fault.Error](wire.CheckLine([]byte(`{"a":}`), 7, wire.MaxDepth)); !ok || !strings.HasPrefix(f.Details[0].Message, "line 7, column 6: ") {
		t.Errorf("CheckLine = %+v, want line 7", f)
	}
}
