package httpapi_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/auth"
)

// TestAFieldIsAnEntryOfTheCatalogue adds one, for authorities, without a line of
// Go: it is validated, asked for, projected and documented.
func TestAFieldIsAnEntryOfTheCatalogue(t *testing.T) {
	w := newWorld(t, catalogue(t, func(file map[string]any) {
		file["attributes"] = append(file["attributes"].([]any), map[string]any{
			"path": "generalInformation.colour", "kind": "attribute", "section": "generalInformation", "type": "string", "allowedValues": []string{"red", "green"},
			"access": "authority", "cardinality": "1", "legalReference": "Article 0", "note": "of the housing",
			"requiredFor": map[string]string{"EV": "M", "LMT": "X", "industrialOther": "O", "industrialStationaryStorage": "O"},
		})
	}))
	const id = "01a20000-0000-7000-8000-000000000001"
	has := func(what, text string, want bool, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if strings.Contains(text, part) != want {
				t.Errorf("%s holds %s: %v, in %.300s", what, part, !want, text)
			}
		}
	}
	has("create with another", w.must(422, "POST /api/passports", auth.Operator, body(t, "ev-nmc-complete.json", set("generalInformation/colour", `"blue"`))), true,
		`"path":"/data/generalInformation/colour","code":"enum"`)
	has("validate without", w.must(200, "POST /api/passports/validate", auth.Operator, body(t, "ev-nmc-complete.json")), true,
		`"path":"/data/generalInformation/colour","code":"required","severity":"error","rule":"catalogue"`, `"legalReference":"Article 0"`, `"complete":false`)
	has("validate of a bike with it", w.must(200, "POST /api/passports/validate", auth.Operator, body(t, "lmt-ebike.json", set("generalInformation/colour", `"red"`))), true,
		`"path":"/data/generalInformation/colour","code":"notApplicable"`)
	w.must(201, "POST /api/passports", auth.Operator, body(t, "ev-nmc-complete.json", set("generalInformation/colour", `"red"`)))
	w.must(200, "POST /api/passports/"+id+"/publish", auth.Operator, "")
	for role, reads := range map[auth.Role]bool{auth.Operator: true, auth.Authority: true, auth.LegitimateInterest: false, auth.User: false} {
		has("read by "+string(role), w.must(200, "GET /api/passports/"+id, role, ""), reads, `"colour":"red"`)
	}
	has("public", w.must(200, "GET /api/public/passports/"+id, "", ""), false, "colour")
	has("the catalogue", w.must(200, "GET /api/passports/rulesets/bp-2027-02/attributes", auth.User, ""), true, "generalInformation.colour")

	var doc struct {
		Components struct {
			Schemas struct {
				Data struct {
					Properties map[string]struct {
						Properties map[string]struct {
							Type, Description string
							Enum              []string
							Access            string `json:"x-access"`
						}
					}
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(w.must(200, "GET /openapi.json", "", "")), &doc); err != nil {
		t.Fatal(err)
	}
	colour := doc.Components.Schemas.Data.Properties["generalInformation"].Properties["colour"]
	if colour.Type != "string" || len(colour.Enum) != 2 || colour.Access != "authority" || colour.Description != "colour. of the housing (Article 0)" {
		t.Errorf("documented as %+v", colour)
	}
}
