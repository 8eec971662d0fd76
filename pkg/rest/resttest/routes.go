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

// undocumented lists the routes that are not in the OpenAPI documents.
var undocumented = []string{"GET /docs", "GET /docs/*", "GET /", "GET /favicon.ico", "GET /openapi.json", "GET /problems/{kind}", "GET /health", "GET /livez", "GET /readyz"}

// CheckOpenAPI compares the OpenAPI document of an API with a golden file, and with the
// routes of the API: every route must be documented.
func CheckOpenAPI(t *testing.T, api *rest.API, path string) {
	t.Helper()
	CheckGolden(t, api.Spec(), path)
	var doc struct {
		Paths map[string]map[string]any
	}
	if err := json.Unmarshal(api.Spec(), &doc); err != nil {
		t.Fatal(err)
	}
	want := slices.Clone(undocumented)
	for path, methods := range doc.Paths {
		for method := range maps.Keys(methods) {
			want = append(want, strings.ToUpper(method)+" "+path)
		}
	}
	got := api.Routes()
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("documented and registered routes differ (-documented +registered)\n%s", diff)
	}
	checkSchemas(t, api.Spec())
}
