package compliance

import (
	"slices"

	"github.com/battery-passport/suite/passport-service/internal/batteryid"
	"github.com/battery-passport/suite/passport-service/internal/jsonschema"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

const (
	predecessors     = "lifecycle.previousPassports"
	statusHistory    = "lifecycle.statusHistory"
	restoredCapacity = "lifecycle.remanufacturing.restoredCapacityPercent"
	cellSpread       = "lifecycle.remanufacturing.cellSohSpreadPercent"
)

// Limits of a remanufactured battery in percent.
const (
	minRestored = 90 // of the original capacity
	maxSpread   = 3  // of the state of health of its cells
)

// items is the schema of data with a limit on the items of an array.
func items(path, keyword string, limit int) jsonschema.Schema {
	return jsonschema.Within(path, jsonschema.Schema{"type": "array", keyword: limit})
}

var lifecycleRules = []Rule{
	{ID: "LIF-1", Severity: Error, Code: "consistency", Needs: []string{status, predecessors}, Schema: whenStatus([]string{"original"}, items(predecessors, "maxItems", 0)), Check: func(r *Run) {
		if n := r.Doc.First(predecessors).Len(); r.text(status) == "original" && n > 0 {
			r.ReportAt(predecessors, "must have 0 entries for an original battery, got %d", n)
		}
	}},
	{ID: "LIF-2", Severity: Error, Catalogue: []string{"required"}, Needs: []string{predecessors}},
	{ID: "LIF-2", Severity: Error, Code: "required", Needs: []string{status, predecessors}, Schema: whenStatus([]string{"repurposed", "remanufactured"}, items(predecessors, "minItems", 1)), Check: func(r *Run) {
		if s := r.text(status); (s == "repurposed" || s == "remanufactured") && r.Doc.First(predecessors).Len() == 0 {
			r.ReportAt(predecessors, "must have at least 1 entry when batteryStatus is %s, got 0", s)
		}
	}},
	{ID: "LIF-3", Severity: Error, Catalogue: []string{"required"}, Needs: []string{"lifecycle.remanufacturing"}},
	{ID: "LIF-3", Severity: Error, Code: "range", Needs: []string{status, restoredCapacity}, Schema: whenStatus([]string{"remanufactured"}, jsonschema.Within(restoredCapacity, jsonschema.Number("minimum", minRestored))), Check: func(r *Run) {
		if n := r.number(restoredCapacity); r.text(status) == "remanufactured" && n < minRestored {
			r.ReportAt(restoredCapacity, "must be at least %d %% for a remanufactured battery, got %s", minRestored, r.quantity(restoredCapacity))
		}
	}},
	{ID: "LIF-3", Severity: Error, Code: "range", Needs: []string{status, cellSpread}, Schema: whenStatus([]string{"remanufactured"}, jsonschema.Within(cellSpread, jsonschema.Number("maximum", maxSpread))), Check: func(r *Run) {
		if n := r.number(cellSpread); r.text(status) == "remanufactured" && n > maxSpread {
			r.ReportAt(cellSpread, "must be at most %d %% for a remanufactured battery, got %s", maxSpread, r.quantity(cellSpread))
		}
	}},
	{ID: "LIF-4", Severity: Error, Catalogue: []string{"required"}, Needs: []string{"lifecycle.wasteTransfer"}},
	{ID: "LIF-5", Severity: Error, Code: "required", Needs: []string{predecessors}, Schema: within(predecessors+"[]", havingAny("batteryPassportIdentifier", "noPassportReason")), Check: func(r *Run) {
		for item := range r.Doc.First(predecessors).Children() {
			if !hasAnyMember(item, "batteryPassportIdentifier", "noPassportReason") {
				r.ReportIn(item, "batteryPassportIdentifier", "is missing: mandatory unless noPassportReason is given")
			}
		}
	}},
	{ID: "LIF-5", Severity: Error, Code: "consistency", Needs: []string{predecessors}, Check: func(r *Run) {
		for v := range r.Doc.All(predecessors + "[].batteryPassportIdentifier") {
			switch id := textOf(v); {
			case id != "" && batteryid.URIKey(id) == batteryid.URIKey(r.text(passportIdentifier)):
				r.Report(v, "must be another passport, got the identifier of this one")
			case r.Input.Facts.Predecessors[id] == Circular:
				r.Report(v, "must not form a cycle: this passport is an ancestor of %s", id)
			}
		}
	}},
	{ID: "LIF-5", Severity: Warning, Code: "consistency", Needs: []string{predecessors}, Check: func(r *Run) {
		for v := range r.Doc.All(predecessors + "[].batteryPassportIdentifier") {
			if relation, asked := r.Input.Facts.Predecessors[textOf(v)]; asked && relation == NotStored {
				r.Report(v, "should be the identifier of a passport in this system, got %s: it is treated as a passport of another operator", textOf(v))
			}
		}
	}},
	{ID: "LIF-6", Severity: Error, Code: "consistency", Needs: []string{status, statusHistory, statusHistory + "[].status", statusHistory + "[].since"}, Schema: eachStatus(func(rs *ruleset.RuleSet, status string) jsonschema.Schema {
		return jsonschema.Within(statusHistory, jsonschema.Containing(jsonschema.At("status", rs.Allowed(statusHistory+"[].status", status))))
	}), Check: checkHistory},
}

func checkHistory(r *Run) {
	list := r.Doc.First(statusHistory)
	items := slices.Collect(list.Children())
	for i := 1; i < len(items); i++ {
		if before(items[i].Member("since"), items[i-1].Member("since")) {
			r.reportDateOrder(list, i, items[i].Member("since"), items[i-1].Member("since"))
		}
	}
	if len(items) > 0 {
		if last := items[len(items)-1].Member("status"); last.Exists() && textOf(last) != r.text(status) {
			r.Report(list, "must end with batteryStatus (%s), got %s", r.text(status), textOf(last))
		}
	}
}
