package compliance

import (
	"slices"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

const (
	declared        = "batteryCondition.declaredPerformance"
	health          = "batteryCondition.stateOfHealth"
	certifiedEnergy = "performanceAndDurability.certifiedUsableEnergyKwh"
	soce            = health + ".stateOfCertifiedEnergyPercent"
	usableEnergy    = health + ".remainingUsableEnergyKwh"
	remaining       = health + ".remainingCapacityAh"
	healthPercent   = health + ".stateOfHealthPercent"
	usage           = "batteryCondition.usage"
)

// counters only go up while a battery is used.
var counters = []string{
	"fullCycles", "energyThroughputKwh", "capacityThroughputAh", "minutesAboveUpperBoundary", "minutesBelowLowerBoundary",
	"minutesChargingAboveUpperBoundary", "minutesChargingBelowLowerBoundary", "deepDischargeEvents", "overchargeEvents",
}

var condition = []Rule{
	{ID: "CON-1", Severity: Error, Code: "consistency", Needs: []string{declared, declared + "[].event", declared + "[].date"}, Check: eventsInOrder},
	{ID: "CON-2", Severity: Error, Code: "consistency", Needs: []string{status, declared, declared + "[].event"}, Check: fadesFit},
	{ID: "CON-3", Severity: Error, Catalogue: []string{"notApplicable"}, Needs: []string{soce}},
	{ID: "CON-3", Severity: Warning, Code: "consistency", Needs: []string{soce, usableEnergy, certifiedEnergy}, Check: func(r *Run) {
		given, want := r.number(soce), r.number(usableEnergy)/r.number(certifiedEnergy)*100
		if !near(given, want, 1) {
			r.ReportAt(soce, "is %v %%, and %v kWh of %v kWh are %.4g %%", given, r.number(usableEnergy), r.number(certifiedEnergy), want)
		}
	}},
	{ID: "CON-3", Severity: Error, Code: "range", Needs: []string{usableEnergy, ratedEnergy}, Check: func(r *Run) {
		if left, rated := r.number(usableEnergy), r.number(ratedEnergy); left > rated {
			r.ReportAt(usableEnergy, "is %v kWh, above the rated %v kWh", left, rated)
		}
	}},
	{ID: "CON-4", Severity: Error, Code: "range", Needs: []string{remaining, ratedCapacity}, Check: func(r *Run) {
		if left, rated := r.number(remaining), r.number(ratedCapacity); left > rated {
			r.ReportAt(remaining, "is %v Ah, above the rated %v Ah", left, rated)
		}
	}},
	{ID: "CON-4", Severity: Error, Code: "consistency", Needs: []string{healthPercent, remaining, ratedCapacity}, Check: func(r *Run) {
		given, want := r.number(healthPercent), r.number(remaining)/r.number(ratedCapacity)*100
		if !near(given, want, 0.5) && want <= 100 {
			r.ReportAt(healthPercent, "is %v %%, and %v Ah of %v Ah are %.4g %%", given, r.number(remaining), r.number(ratedCapacity), want)
		}
	}},
	{ID: "CON-5", Severity: Error, Code: "consistency", Needs: []string{usage}, Check: countersGoUp},
}

func eventsInOrder(r *Run) {
	list := r.Doc.First(declared)
	items := slices.Collect(list.Children())
	for i, item := range items {
		placing := item.Member("event").Is("placingOnMarket")
		switch {
		case placing && i > 0:
			r.Report(list, "has placingOnMarket as entry %d; it is there once, and comes first", i)
		case !placing && i == 0 && r.text(status) == "original":
			r.Report(list, "does not begin with placingOnMarket, as that of an original battery does")
		case i > 0 && before(item.Member("date"), items[i-1].Member("date")):
			r.Report(list, "is not in the order of the dates: entry %d is of %s, after one of %s", i, textOf(item.Member("date")), textOf(items[i-1].Member("date")))
		}
	}
	if r.Before == nil {
		return
	}
	i := 0
	for old := range r.Before.First(declared).Children() {
		if i >= len(items) || items[i].Raw() != old.Raw() {
			r.Report(list, "is appended to and never edited: entry %d is another than in the version before", i)
			return
		}
		i++
	}
}

// fades are members that say how far a value has gone from that of entry 0.
var fades = []struct {
	fade, value string
	up          bool // the value grows
	tolerance   float64
}{
	{"capacityFadePercent", "ratedCapacityAh", false, 0.5},
	{"powerFadePercent", "powerCapabilityW", false, 0.5},
	{"roundTripEfficiencyFadePercent", "roundTripEfficiencyPercent", false, 0.5},
	{"internalResistanceIncreasePercent", "internalResistancePackOhm", true, 1},
}

// fadesFit holds the fades against the values. A repurposed battery is built
// otherwise than the one that was placed on the market.
func fadesFit(r *Run) {
	if r.text(status) == "repurposed" {
		return
	}
	var first ruleset.Value
	i := 0
	for item := range r.Doc.First(declared).Children() {
		if i == 0 {
			if first = item; !item.Member("event").Is("placingOnMarket") {
				return // what the battery was when new is not known
			}
		}
		for _, f := range fades {
			fade := item.Member(f.fade)
			given, ok := fade.Number()
			begin, okBegin := first.Member(f.value).Number()
			now, okNow := item.Member(f.value).Number()
			want := (1 - now/begin) * 100
			if f.up {
				want = -want
			}
			if ok && okBegin && okNow && !near(given, want, f.tolerance) {
				r.Report(fade, "is %v %%, and %s went from %v to %v, by %.3g %%", given, f.value, begin, now, want)
			}
		}
		i++
	}
}

func countersGoUp(r *Run) {
	if r.Before == nil {
		return
	}
	for _, name := range counters {
		now, was := r.Doc.First(usage+"."+name), r.Before.First(usage+"."+name)
		n, ok := now.Number()
		if old, had := was.Number(); ok && had && n < old {
			r.Report(now, "is %v, and was %v: a counter does not go down; an admin may correct it, with a reason", n, old)
		}
	}
}
