package httpapi_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/rest/resttest"
)

// TestSchemaFilesAreCurrent compares the schemas with the files in docs/schemas, from which
// editors complete.
func TestSchemaFilesAreCurrent(t *testing.T) {
	s := newTestService(t, nil)
	for _, rules := range ruleset.Embedded() {
		folder := filepath.Join("..", "..", "..", "docs", "schemas", rules.Name)
		if *resttest.Update {
			if err := os.MkdirAll(folder, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		for _, category := range []string{"", "EV", "LMT", "Industrial"} {
			for _, purpose := range []string{"draft", "publish"} {
				query := "?for=" + purpose
				if category != "" {
					query += "&category=" + category
				}
				got := s.mustDo(200, "GET /api/passports/rulesets/"+rules.Name+"/schema"+query, "", "")
				name := strings.TrimPrefix(strings.ToLower(category)+"-"+purpose+".json", "-")
				resttest.CheckGolden(t, []byte(got), filepath.Join(folder, name))
			}
		}
	}
}
