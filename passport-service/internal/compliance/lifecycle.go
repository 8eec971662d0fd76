package compliance

import (
	"slices"

	"github.com/battery-passport/suite/passport-service/internal/batteryid"
)

const (
	predecessors     = "lifecycle.previousPassports"
	statusHistory    = "lifecycle.statusHistory"
	restoredCapacity = "lifecycle.remanufacturing.restoredCapacityPercent"
	cellSpread       = "lifecycle.remanufacturing.cellSohSpreadPercent"
)

var lifecycleRules = []Rule{
	{ID: "LIF-1", Severity: Error, Code: "consistency", Needs: []string{status, predecessors}, Check: func(r *Run) {
		if n := r.Doc.First(predecessors).Len(); r.text(status) == "original" && n > 0 {
			r.ReportAt(predecessors, "must have 0 entries for an original battery, got %d", n)
		}
	}},
	{ID: "LIF-2", Severity: Error, Catalogue: []string{"required"}, Needs: []string{predecessors}},
	{ID: "LIF-2", Severity: Error, Code: "required", Needs: []string{status, predecessors}, Check: func(r *Run) {
		if s := r.text(status); (s == "repurposed" || s == "remanufactured") && r.Doc.First(predecessors).Len() == 0 {
			r.ReportAt(predecessors, "must have at least 1 entry when batteryStatus is %s, got 0", s)
		}
	}},
	{ID: "LIF-3", Severity: Error, Catalogue: []string{"required"}, Needs: []string{"lifecycle.remanufacturing"}},
	{ID: "LIF-3", Severity: Error, Code: "range", Needs: []string{status, restoredCapacity}, Check: func(r *Run) {
		if n := r.number(restoredCapacity); r.text(status) == "remanufactured" && n < 90 {
			r.ReportAt(restoredCapacity, "must be at least 90 %% for a remanufactured battery, got %s", r.quantity(restoredCapacity))
		}
	}},
	{ID: "LIF-3", Severity: Error, Code: "range", Needs: []string{status, cellSpread}, Check: func(r *Run) {
		if n := r.number(cellSpread); r.text(status) == "remanufactured" && n > 3 {
			r.ReportAt(cellSpread, "must be at most 3 %% for a remanufactured battery, got %s", r.quantity(cellSpread))
		}
	}},
	{ID: "LIF-4", Severity: Error, Catalogue: []string{"required"}, Needs: []string{"lifecycle.wasteTransfer"}},
	{ID: "LIF-5", Severity: Error, Code: "required", Needs: []string{predecessors}, Check: func(r *Run) {
		for item := range r.Doc.First(predecessors).Children() {
			if !givesAny(item, "batteryPassportIdentifier", "noPassportReason") {
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
	{ID: "LIF-6", Severity: Error, Code: "consistency", Needs: []string{status, statusHistory, statusHistory + "[].status", statusHistory + "[].since"}, Check: checkHistory},
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
