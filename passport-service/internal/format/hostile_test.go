package format_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/format"
	"github.com/battery-passport/suite/pkg/fault"
)

// wrongTypes are documents of EN 18223 whose values have another JSON type than their fields, with the paths of the losses.
var wrongTypes = []struct{ document, lost string }{
	{`{"bp-2027-02":{"generalInformation":"x"}}`, "/bp-2027-02"},
	{`{"bp-2027-02":{"generalInformation":null}}`, "/bp-2027-02"},
	{`{"bp-2027-02":{"generalInformation":1,"carbonFootprint":[{}],"supplyChainDueDiligence":{}}}`, "/bp-2027-02/carbonFootprint /bp-2027-02/generalInformation"},
	{`{"bp-2027-02":{"generalInformation":{"batteryMass":{"a":1},"batteryIdentifier":["x"],"isRechargeable":null}}}`, "/bp-2027-02/generalInformation/batteryIdentifier /bp-2027-02/generalInformation/batteryMass"},
	{`{"bp-2027-02":{"labelsAndConformity":{"labelMeanings":["x"],"heavyMetalSymbols":{}}}}`, "/bp-2027-02/labelsAndConformity/heavyMetalSymbols /bp-2027-02/labelsAndConformity/labelMeanings"},
	{`{"bp-2027-02":{"labelsAndConformity":{"labelMeanings":[{"meaning":"x"}],"heavyMetalSymbols":["Pb"]}}}`, "/bp-2027-02/labelsAndConformity/labelMeanings/0/meaning"},
	{`{"elements":[{"elementId":"bp-2027-02","objectType":"DataElementCollection","elements":[{"elementId":"generalInformation","objectType":"SingleValuedDataElement","value":"x"}]}]}`, "/elements"},
	{`{"elements":[{"elementId":"bp-2027-02","objectType":"DataElementCollection","elements":[{"elementId":"generalInformation","objectType":"SingleValuedDataElement","value":null}]}]}`, "/elements"},
}

func TestValuesOfWrongTypesAreLosses(t *testing.T) {
	for _, c := range wrongTypes {
		for _, name := range []string{"en18223", "en18223-full"} {
			_, losses, err := registry(t)[name].Decode([]byte(c.document))
			var lost []string
			for _, l := range losses {
				lost = append(lost, l.Path)
			}
			// The other representation does not come back as it is.
			if same := (name == "en18223") == strings.HasPrefix(c.document, `{"bp`); err != nil || same && strings.Join(lost, " ") != c.lost {
				t.Errorf("%s: %s: lost %q, %v, want %s", name, c.document, lost, err, c.lost)
			}
		}
	}
}

// materials returns a document of Catena-X with n materials in an array whose items are selected by conditions. Each has a
// location that cannot be converted.
func materials(n int) []byte {
	var items []string
	for i := range n {
		items = append(items, fmt.Sprintf(`{"unit":"unit:percent","concentration":%d,"location":"place %d","id":[{"type":"CAS","id":"50-00-%d","name":"a"}]}`, i, i, i))
	}
	return []byte(`{"materials":{"composition":[` + strings.Join(items, ",") + `]}}`)
}

// TestWorkIsLinear counts the allocations, which conditions and pointers need, for arrays of different lengths.
func TestWorkIsLinear(t *testing.T) {
	f := registry(t)["catenax-6.1.0"]
	work := func(n int) float64 {
		document := materials(n)
		return testing.AllocsPerRun(1, func() {
			if _, _, err := f.Decode(document); err != nil {
				t.Fatal(err)
			}
		})
	}
	if small, large := work(200), work(1000); large > 6*small {
		t.Errorf("200 items need %.0f allocations, 1000 need %.0f, want at most 6 times as many", small, large)
	} else {
		t.Logf("200 items need %.0f allocations, 1000 need %.0f", small, large)
	}
}

func TestLossesAreLimited(t *testing.T) {
	f := registry(t)["catenax-6.1.0"]
	_, losses, err := f.Decode(materials(1000))
	if err != nil || len(losses) != 101 || losses[100] != (format.Loss{Path: "", Why: "900 more values are missing or different"}) {
		t.Errorf("%d losses, the last is %+v, %v", len(losses), losses[len(losses)-1], err)
	}
	// One loss with many reasons.
	_, losses, err = f.Decode([]byte(strings.NewReplacer(`"concentration"`, `"x"`, `"id"`, `"y"`).Replace(string(materials(1000)))))
	if err != nil || len(losses) != 1 || strings.Count(losses[0].Why, "; ") != 10 || !strings.HasSuffix(losses[0].Why, "…") {
		t.Errorf("%.2000v, %v", losses, err)
	}
}

func TestLargeDocumentsAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":[` + strings.Repeat("1,", 1000) + `1]}`:                                       "a document must not have more than 1000 items in an array, got 1001",
		`{"a":[` + strings.Repeat(`[`+strings.Repeat("1,", 99)+`1],`, 200) + `[]]}`:         "a document must not have more than 20000 values, got 20203",
		`[` + strings.Repeat(`[`+strings.Repeat("1,", 997)+`1],`, 19) + `[],[],[],[],[],1]`: "",
	} {
		for name, f := range registry(t) {
			_, _, err := f.Decode([]byte(text))
			if want == "" && err != nil || want != "" && (!fault.Is(err, fault.TooLarge) || err.Error() != want) {
				t.Errorf("%s: got %v, want %q", name, err, want)
			}
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	for name, f := range registry(b) {
		for _, n := range []int{250, 500, 1000} {
			b.Run(fmt.Sprint(name, "/", n), func(b *testing.B) {
				document := materials(n)
				for b.Loop() {
					if _, _, err := f.Decode(document); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
