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
	for text, want := range map[string]string{
		` {"a":[{"b":1}]} `: "", `0`: "",
		``: " syntax", ` `: " syntax", `{"a":[1,]}`: "/a syntax", `{} {}`: " syntax", `{}}`: " syntax", `{"a":{"b":1,"b":1}}`: "/a/b duplicate",
		"\"\xff\"": " syntax", `"\ud800"`: " syntax", strings.Repeat("[", 20_000): strings.Repeat("/0", 16) + " depth", strings.Repeat("[", 16) + strings.Repeat("]", 16): "", `NaN`: " syntax", `{'a':1}`: " syntax", `01`: " syntax",
	} {
		err := wire.Check([]byte(text))
		if want == "" {
			if err != nil {
				t.Errorf("Check(%q) = %v", text, err)
			}
			continue
		}
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.Kind != fault.Malformed || len(f.Details) != 1 || f.Details[0].Path+" "+f.Details[0].Code != want || f.Details[0].Message == "" {
			t.Errorf("Check(%.40q) = %+v, want %s", text, f, want)
		}
	}
}
