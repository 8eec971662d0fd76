package compliance

import "slices"

const (
	predecessors = "lifecycle.previousPassports"
	history      = "lifecycle.statusHistory"
	restored     = "lifecycle.remanufacturing.restoredCapacityPercent"
	cellSpread   = "lifecycle.remanufacturing.cellSohSpreadPercent"
)

var lifecycle = []Rule{
	{ID: "LIF-1", Severity: Error, Code: "consistency", Needs: []string{status, predecessors}, Check: func(r *Run) {
		if n := r.Doc.First(predecessors).Len(); r.text(status) == "original" && n > 0 {
			r.ReportAt(predecessors, "has %d entries, and an original battery has no predecessor", n)
		}
	}},
	{ID: "LIF-2", Severity: Error, Catalogue: []string{"required"}, Needs: []string{predecessors}},
	{ID: "LIF-2", Severity: Error, Code: "required", Needs: []string{status, predecessors}, Check: func(r *Run) {
		if s := r.text(status); (s == "repurposed" || s == "remanufactured") && r.Doc.First(predecessors).Len() == 0 {
			r.ReportAt(predecessors, "is empty, and a battery that is %s has at least one predecessor", s)
		}
	}},
	{ID: "LIF-3", Severity: Error, Catalogue: []string{"required"}, Needs: []string{"lifecycle.remanufacturing"}},
	{ID: "LIF-3", Severity: Error, Code: "range", Needs: []string{status, restored}, Check: func(r *Run) {
		if n := r.number(restored); r.text(status) == "remanufactured" && n < 90 {
			r.ReportAt(restored, "is %v %%, and a remanufactured battery has at least 90 %% of its original capacity", n)
		}
	}},
	{ID: "LIF-3", Severity: Error, Code: "range", Needs: []string{status, cellSpread}, Check: func(r *Run) {
		if n := r.number(cellSpread); r.text(status) == "remanufactured" && n > 3 {
			r.ReportAt(cellSpread, "is %v %%, and the cells of a remanufactured battery are at most 3 %% apart", n)
		}
	}},
	{ID: "LIF-4", Severity: Error, Catalogue: []string{"required"}, Needs: []string{"lifecycle.wasteTransfer"}},
	{ID: "LIF-5", Severity: Error, Code: "required", Needs: []string{predecessors}, Check: func(r *Run) {
		for item := range r.Doc.First(predecessors).Children() {
			if !item.Member("batteryPassportIdentifier").Exists() && !item.Member("noPassportReason").Exists() {
				r.ReportIn(item, "batteryPassportIdentifier", "is missing, and so is a noPassportReason")
			}
		}
	}},
	{ID: "LIF-5", Severity: Error, Code: "consistency", Needs: []string{predecessors}, Check: func(r *Run) {
		for v := range r.Doc.All(predecessors + "[].batteryPassportIdentifier") {
			switch id := textOf(v); {
			case id != "" && id == r.text(passportIdentifier):
				r.Report(v, "is the passport itself, which cannot be its own predecessor")
			case r.In.Facts.Predecessors[id] == Circular:
				r.Report(v, "is %s, and this passport is among the predecessors of that one", id)
			}
		}
	}},
	{ID: "LIF-5", Severity: Warning, Code: "consistency", Needs: []string{predecessors}, Check: func(r *Run) {
		for v := range r.Doc.All(predecessors + "[].batteryPassportIdentifier") {
			if relation, asked := r.In.Facts.Predecessors[textOf(v)]; asked && relation == NotStored {
				r.Report(v, "is %s, a passport that is not kept here; it is taken for that of another operator", textOf(v))
			}
		}
	}},
	{ID: "LIF-6", Severity: Error, Code: "consistency", Needs: []string{status, history, history + "[].status", history + "[].since"}, Check: historyInOrder},
}

func historyInOrder(r *Run) {
	list := r.Doc.First(history)
	items := slices.Collect(list.Children())
	for i := 1; i < len(items); i++ {
		if before(items[i].Member("since"), items[i-1].Member("since")) {
			r.Report(list, "is not in the order of the dates: entry %d is of %s, after one of %s", i, textOf(items[i].Member("since")), textOf(items[i-1].Member("since")))
		}
	}
	if len(items) > 0 {
		if last := items[len(items)-1].Member("status"); last.Exists() && textOf(last) != r.text(status) {
			r.Report(list, "ends in %s, and batteryStatus is %s", textOf(last), r.text(status))
		}
	}
}
