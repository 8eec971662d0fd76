package passportd_test

import (
	"strings"
	"testing"

	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// TestImportPublishesOnlyItsOwnData imports rows for a complete draft with publish=true. The
// draft is published only if it has the data of the row.
func TestImportPublishesOnlyItsOwnData(t *testing.T) {
	stored := compact(t, "lmt-ebike.json")
	other := strings.Replace(stored, `"modelName":"`, `"modelName":"New `, 1)
	refused := strings.Replace(other, `"batteryPassportIdentifier":"`, `"batteryPassportIdentifier":"https://other.example/`, 1)
	if other == stored || refused == other {
		t.Fatal("the sample has no model name or passport identifier")
	}
	for _, c := range []struct{ name, query, file, want, state string }{
		{"skip", "&onExisting=skip", other, "1 unchanged v1 draft", "draft"},
		{"fail", "", other, "1 conflict v1 draft " + identifierAt + ":exists", "draft"},
		{"failed update", "&onExisting=update", refused, "1 invalid v1 draft /data/generalInformation/batteryPassportIdentifier:namespace", "draft"},
		{"update", "&onExisting=update", other, "1 updated v3 active", "active"},
		{"equal data", "", stored, "1 updated v2 active", "active"},
		{"equal data with skip", "&onExisting=skip", stored, "1 updated v2 active", "active"},
		{"equal data twice", "", stored + "\n" + stored, "1 updated v2 active; 2 unchanged v2 active", "active"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := startConfigured(t, passportd.Config{Store: connect.Config{Dir: t.TempDir()}, Now: sampleClock, IdentifierNamespaces: "enforced"}, authtest.New(t))
			s.confirmed("veloform", "gs1CompanyPrefix", "952110")
			operator := s.as(auth.Operator, "veloform")
			lines, _ := s.importFile(operator, "", ndjson, stored)
			if got := brief(lines); got != "1 created v1 draft" {
				t.Fatalf("first import: %s", got)
			}
			for _, dry := range []string{"&dryRun=true", ""} {
				lines, sum := s.importFile(operator, "?publish=true"+c.query+dry, ndjson, c.file)
				if got := brief(lines); got != c.want || (sum.Published == 1) != (c.state == "active") {
					t.Errorf("%s: got %s, %+v, want %s", dry, got, sum, c.want)
				}
			}
			var p apiPassport
			s.Call("GET /api/passports/"+lines[0].ID, operator, nil).Want(200, &p)
			if p.State != c.state {
				t.Errorf("the passport is %s, want %s", p.State, c.state)
			}
		})
	}
}
