package httpapi_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/auth"
)

// TestCatalogueEntryAddsField adds an attribute for authorities to the catalogue. It is
// validated, required, projected and documented without any Go code for it.
func TestCatalogueEntryAddsField(t *testing.T) {
	s := newTestService(t, func(file map[string]any) {
		file["attributes"] = append(file["attributes"].([]any), map[string]any{
			"path": "generalInformation.colour", "kind": "attribute", "section": "generalInformation", "type": "string", "allowedValues": []string{"red", "green"},
			"access": "authority", "cardinality": "1", "legalReference": "Article 0", "note": "of the housing",
			"requiredFor": map[string]string{"EV": "M", "LMT": "X", "industrialOther": "O", "industrialStationaryStorage": "O"},
		})
	})
	const id = "01a20000-0000-7000-8000-000000000001"
	wantContains := func(name, text string, want bool, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if got := strings.Contains(text, part); got != want {
				t.Errorf("%s contains %s: got %v, want %v, in %.300s", name, part, got, want, text)
			}
		}
	}
	wantContains("create with a value that is not allowed", s.mustDo(422, "POST /api/passports", auth.Operator, body(t, "ev-nmc-complete.json", set("generalInformation/colour", `"blue"`))), true,
		`"path":"/data/generalInformation/colour","code":"enum"`)
	wantContains("validate without the field", s.mustDo(200, "POST /api/passports/validate", auth.Operator, body(t, "ev-nmc-complete.json")), true,
		`"path":"/data/generalInformation/colour","code":"required","severity":"error","rule":"catalogue"`, `"legalReference":"Article 0"`, `"complete":false`)
	wantContains("validate an LMT battery with the field", s.mustDo(200, "POST /api/passports/validate", auth.Operator, body(t, "lmt-ebike.json", set("generalInformation/colour", `"red"`))), true,
		`"path":"/data/generalInformation/colour","code":"notApplicable"`)
	s.mustDo(201, "POST /api/passports", auth.Operator, body(t, "ev-nmc-complete.json", set("generalInformation/colour", `"red"`)))
	s.mustDo(200, "POST /api/passports/"+id+"/publish", auth.Operator, "")
	for role, reads := range map[auth.Role]bool{auth.Operator: true, auth.Authority: true, auth.LegitimateInterest: false, auth.User: false} {
		wantContains("read by "+string(role), s.mustDo(200, "GET /api/passports/"+id, role, ""), reads, `"colour":"red"`)
	}
	wantContains("public read", s.mustDo(200, "GET /api/public/passports/"+id, "", ""), false, "colour")
	wantContains("the catalogue", s.mustDo(200, "GET /api/passports/rulesets/bp-2027-02/attributes", auth.User, ""), true, "generalInformation.colour")
	for category, want := range map[string]string{"EV": `"required": [`, "LMT": `"colour": false`} {
		text := s.mustDo(200, "GET /api/passports/rulesets/bp-2027-02/schema?category="+category, "", "")
		wantContains("the JSON Schema", text, true, `"description": "colour; of the housing (Article 0)"`, `"colour": `, want)
	}

	var doc struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct {
					Type        any
					Description string
					Enum        []any
					Access      string `json:"x-access"`
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(s.mustDo(200, "GET /openapi.json", "", "")), &doc); err != nil {
		t.Fatal(err)
	}
	colour := doc.Components.Schemas["GeneralInformation"].Properties["colour"]
	if colour.Type != "string" || len(colour.Enum) != 2 || colour.Access != "authority" || colour.Description != "colour; of the housing (Article 0)" {
		t.Errorf("schema of colour: got %+v", colour)
	}
	if change := doc.Components.Schemas["GeneralInformationPatch"].Properties["colour"]; len(change.Enum) != 3 || change.Enum[2] != nil {
		t.Errorf("schema of colour in a merge patch: got %+v, want one that allows null", change)
	}
}
