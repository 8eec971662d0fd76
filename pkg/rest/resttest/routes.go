package resttest

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/pkg/rest"
)

// beside are the routes that no OpenAPI document has.
var beside = []string{"GET /docs", "GET /docs/*", "GET /openapi.json", "GET /problems/{kind}"}

// CheckOpenAPI compares the document of an API with a committed one, as Golden does,
// and with the routes that are there: none is answered that it does not have.
func CheckOpenAPI(t *testing.T, api *rest.API, path string) {
	t.Helper()
	CheckGolden(t, api.Spec(), path)
	var doc struct {
		Paths map[string]map[string]any
	}
	if err := json.Unmarshal(api.Spec(), &doc); err != nil {
		t.Fatal(err)
	}
	want := slices.Clone(beside)
	for path, methods := range doc.Paths {
		for method := range maps.Keys(methods) {
			want = append(want, strings.ToUpper(method)+" "+path)
		}
	}
	got := api.Routes()
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the routes of the document, and those that are answered (-want +got)\n%s", diff)
	}
}
