package compliance

import (
	"slices"
	"strings"
)

const (
	category      = "generalInformation.batteryCategory"
	subCategory   = "generalInformation.batterySubCategory"
	status        = "generalInformation.batteryStatus"
	mass          = "generalInformation.batteryMass"
	rechargeable  = "generalInformation.isRechargeable"
	operatorRole  = "generalInformation.economicOperatorInformation.role"
	ratedEnergy   = "performanceAndDurability.ratedEnergyKwh"
	ratedCapacity = "performanceAndDurability.ratedCapacityAh"
)

const (
	lightLimit    = 25 // kg, Article 3(1)(11)
	industryLimit = 2  // kWh, Article 77(1)
)

var categories = []Rule{
	{ID: "CAT-1", Severity: Error, Code: "consistency", Needs: []string{category, mass}, Check: func(r *Run) {
		if m := r.number(mass); r.text(category) == "LMT" && m > lightLimit {
			r.ReportAt(mass, "is %v kg, and a battery for light means of transport has at most %d kg", m, lightLimit)
		}
	}},
	{ID: "CAT-1", Severity: Warning, Code: "consistency", Needs: []string{category, mass}, Check: func(r *Run) {
		if m := r.number(mass); r.text(category) == "EV" && m <= lightLimit {
			r.ReportAt(mass, "is %v kg; below %d kg an EV battery is one of a vehicle of category M, N or O", m, lightLimit)
		}
	}},
	{ID: "CAT-2", Severity: Error, Code: "outOfScope", Needs: []string{category, ratedEnergy}, Check: func(r *Run) {
		if e := r.number(ratedEnergy); r.text(category) == "Industrial" && e <= industryLimit {
			r.ReportAt(ratedEnergy, "is %v kWh, and an industrial battery has a passport above %d kWh only", e, industryLimit)
		}
	}},
	{ID: "CAT-3", Severity: Error, Catalogue: []string{"required", "notApplicable"}, Needs: []string{subCategory}},
	{ID: "CAT-4", Severity: Error, Catalogue: []string{"enum"}, Needs: []string{category}},
	{ID: "CAT-5", Severity: Warning, Code: "consistency", Needs: []string{category, rechargeable}, Check: func(r *Run) {
		if c := r.text(category); (c == "EV" || c == "LMT") && r.Doc.First(rechargeable).False() {
			r.ReportAt(rechargeable, "is false, which is unusual for a battery of category %s", c)
		}
	}},
	{ID: "OWN-1", Severity: Error, Code: "consistency", Needs: []string{status, operatorRole}, Check: func(r *Run) {
		of, role := r.text(status), r.text(operatorRole)
		if allowed := roles[of]; !slices.Contains(allowed, role) {
			r.ReportAt(operatorRole, "is %s, and the passport of a battery that is %s is kept by: %s", role, of, strings.Join(allowed, ", "))
		}
	}},
}

// roles are those who keep the passport of a battery, by its status. A re-used
// one may stay with whoever had it.
var roles = map[string][]string{
	"original":       {"manufacturer", "importer", "authorisedRepresentative"},
	"repurposed":     {"repurposer"},
	"remanufactured": {"remanufacturer"},
	"re-used":        {"reuseOperator", "manufacturer", "importer", "authorisedRepresentative", "repurposer", "remanufacturer"},
	"waste":          {"producer", "producerResponsibilityOrganisation", "wasteManagementOperator"},
}
