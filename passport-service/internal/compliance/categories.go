package compliance

import (
	"slices"

	"github.com/battery-passport/suite/passport-service/internal/jsonschema"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

const (
	category       = "generalInformation.batteryCategory"
	subCategory    = "generalInformation.batterySubCategory"
	status         = "generalInformation.batteryStatus"
	mass           = "generalInformation.batteryMass"
	isRechargeable = "generalInformation.isRechargeable"
	operatorRole   = "generalInformation.economicOperatorInformation.role"
	ratedEnergy    = "performanceAndDurability.ratedEnergyKwh"
	ratedCapacity  = "performanceAndDurability.ratedCapacityAh"
)

const (
	lightLimit    = 25 // kg, Article 3(1)(11) of Regulation (EU) 2023/1542
	industryLimit = 2  // kWh, Article 77(1)
)

var categoryRules = []Rule{
	{ID: "CAT-1", Severity: Error, Code: "consistency", Needs: []string{category, mass}, Schema: whenCategory("LMT", jsonschema.Within(mass, jsonschema.Number("maximum", lightLimit))), Check: func(r *Run) {
		if m := r.number(mass); r.text(category) == "LMT" && m > lightLimit {
			r.ReportAt(mass, "must be at most %d kg for category LMT (Article 3(1)(11)), got %s", lightLimit, r.quantity(mass))
		}
	}},
	{ID: "CAT-1", Severity: Warning, Code: "consistency", Needs: []string{category, mass}, Check: func(r *Run) {
		if m := r.number(mass); r.text(category) == "EV" && m <= lightLimit {
			r.ReportAt(mass, "should be greater than %d kg for category EV unless the vehicle is of category M, N or O, got %s", lightLimit, r.quantity(mass))
		}
	}},
	{ID: "CAT-2", Severity: Error, Code: "outOfScope", Needs: []string{category, ratedEnergy}, Schema: whenCategory("Industrial", jsonschema.Within(ratedEnergy, jsonschema.Number("exclusiveMinimum", industryLimit))), Check: func(r *Run) {
		if e := r.number(ratedEnergy); r.text(category) == "Industrial" && e <= industryLimit {
			r.ReportAt(ratedEnergy, "must be greater than %d kWh for category Industrial, got %s: smaller industrial batteries need no passport (Article 77(1))", industryLimit, r.quantity(ratedEnergy))
		}
	}},
	{ID: "CAT-3", Severity: Error, Catalogue: []string{"required", "notApplicable"}, Needs: []string{subCategory}},
	{ID: "CAT-4", Severity: Error, Catalogue: []string{"enum"}, Needs: []string{category}},
	{ID: "CAT-5", Severity: Warning, Code: "consistency", Needs: []string{category, isRechargeable}, Check: func(r *Run) {
		if c := r.text(category); (c == "EV" || c == "LMT") && r.Doc.First(isRechargeable).False() {
			r.ReportAt(isRechargeable, "should be true for category %s, got false", c)
		}
	}},
	{ID: "OWN-1", Severity: Error, Code: "consistency", Needs: []string{status, operatorRole}, Schema: eachStatus(func(rs *ruleset.RuleSet, status string) jsonschema.Schema {
		return jsonschema.Within(operatorRole, rs.Allowed(operatorRole, roles[status]...))
	}), Check: func(r *Run) {
		role := r.text(operatorRole)
		if allowed := roles[r.text(status)]; !slices.Contains(allowed, role) {
			r.ReportAt(operatorRole, "must be %s when batteryStatus is %s, got %s", ruleset.OneOf(allowed), r.text(status), role)
		}
	}},
}

// roles are the roles of the responsible operator by the status of the battery. A
// re-used battery may stay with its previous operator.
var roles = map[string][]string{
	"original":       {"manufacturer", "importer", "authorisedRepresentative"},
	"repurposed":     {"repurposer"},
	"remanufactured": {"remanufacturer"},
	"re-used":        {"reuseOperator", "manufacturer", "importer", "authorisedRepresentative", "repurposer", "remanufacturer"},
	"waste":          {"producer", "producerResponsibilityOrganisation", "wasteManagementOperator"},
}
