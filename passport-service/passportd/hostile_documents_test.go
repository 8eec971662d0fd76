package passportd_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// TestValuesOfWrongTypesDoNotEndImport imports documents whose sections are scalars, each before a good one.
func TestValuesOfWrongTypesDoNotEndImport(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	maker := s.as(auth.Operator, "a")
	const good = `{"bp-2027-02":{"generalInformation":{"batteryIdentifier":"https://a.example/%d"}}}`
	for i, bad := range []string{
		`{"bp-2027-02":{"generalInformation":"x"}}`,
		`{"elements":[{"elementId":"bp-2027-02","objectType":"DataElementCollection","elements":[{"elementId":"generalInformation","objectType":"SingleValuedDataElement","value":"x"}]}]}`,
	} {
		for j, format := range []string{"en18223", "en18223-full"} {
			lines, sum := s.importFile(maker, "?format="+format, "application/json", "["+bad+","+fmt.Sprintf(good, 2*i+j)+"]")
			if got := brief(lines); !sum.Complete || sum.Created != 1 || sum.Invalid != 1 || !strings.HasSuffix(got, "2 created v1 draft") {
				t.Errorf("%s: %s: got %s, %+v", format, bad, got, sum)
			}
		}
	}
}

// TestLargeDocuments imports a document with many unknown members, and one that has too many.
func TestLargeDocuments(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	document := func(unknown int) string {
		var b strings.Builder
		for i := range unknown {
			fmt.Fprintf(&b, `,"x%d":1`, i)
		}
		return `{"bp-2027-02":{"generalInformation":{"batteryIdentifier":"https://a.example/large"}}` + b.String() + "}\n"
	}
	lines, sum := s.importFile(s.as(auth.Operator, "a"), "?format=en18223", ndjson, document(19_000)+document(170_000))
	if sum.Created != 1 || sum.Invalid != 1 {
		t.Fatalf("got %s, %+v", brief(lines), sum)
	}
	if w := lines[0].Warnings; len(w) != 101 || w[100].Message != "is not imported unchanged: 18900 more values are missing or different" {
		t.Errorf("%d warnings, the last is %+v", len(w), w[len(w)-1])
	}
	if e := lines[1].Errors; len(e) != 1 || e[0].Code != "too-large" || e[0].Message != "a document must not have more than 20000 values, got 170004" {
		t.Errorf("got %+v", e)
	}
}
