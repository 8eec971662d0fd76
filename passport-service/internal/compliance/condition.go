package compliance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

const (
	declaredPerformance = "batteryCondition.declaredPerformance"
	stateOfHealth       = "batteryCondition.stateOfHealth"
	certifiedEnergy     = "performanceAndDurability.certifiedUsableEnergyKwh"
	soce                = stateOfHealth + ".stateOfCertifiedEnergyPercent"
	usableEnergy        = stateOfHealth + ".remainingUsableEnergyKwh"
	remainingCapacity   = stateOfHealth + ".remainingCapacityAh"
	healthPercent       = stateOfHealth + ".stateOfHealthPercent"
	usage               = "batteryCondition.usage"
)

// counters never decrease while a battery is used.
var counters = []string{
	"fullCycles", "energyThroughputKwh", "capacityThroughputAh", "minutesAboveUpperBoundary", "minutesBelowLowerBoundary",
	"minutesChargingAboveUpperBoundary", "minutesChargingBelowLowerBoundary", "deepDischargeEvents", "overchargeEvents",
}

var batteryConditionRules = []Rule{
	{ID: "CON-1", Severity: Error, Code: "consistency", Needs: []string{declaredPerformance, declaredPerformance + "[].event", declaredPerformance + "[].date"}, Check: checkEvents},
	{ID: "CON-2", Severity: Error, Code: "consistency", Needs: []string{status, declaredPerformance, declaredPerformance + "[].event"}, Schema: noFade, Check: checkFades},
	{ID: "CON-3", Severity: Error, Catalogue: []string{"notApplicable"}, Needs: []string{soce}},
	{ID: "CON-3", Severity: Warning, Code: "consistency", Needs: []string{soce, usableEnergy, certifiedEnergy}, Check: func(r *Run) {
		given, want := r.number(soce), r.number(usableEnergy)/r.number(certifiedEnergy)*100
		if !near(given, want, 1) {
			r.ReportAt(soce, "should be within 1 percentage point of remainingUsableEnergyKwh / certifiedUsableEnergyKwh (%s %%), got %s", rounded(want), r.quantity(soce))
		}
	}},
	aboveRated("CON-3", Error, usableEnergy, ratedEnergy), aboveRated("CON-3", Warning, usableEnergy, ratedEnergy),
	aboveRated("CON-4", Error, remainingCapacity, ratedCapacity), aboveRated("CON-4", Warning, remainingCapacity, ratedCapacity),
	{ID: "CON-4", Severity: Warning, Code: "consistency", Needs: []string{healthPercent, remainingCapacity, ratedCapacity}, Check: func(r *Run) {
		given, want := r.number(healthPercent), r.number(remainingCapacity)/r.number(ratedCapacity)*100
		if want <= 100*maxAboveRated && !near(given, want, 0.5) && !near(given, min(want, 100), 0.5) {
			r.ReportAt(healthPercent, "should be within 0.5 percentage points of remainingCapacityAh / ratedCapacityAh (%s %%) unless it includes other quantities, got %s",
				rounded(want), r.quantity(healthPercent))
		}
	}},
	{ID: "CON-7", Severity: Warning, Code: "range", Check: checkUnusual},
	{ID: "CON-5", Severity: Error, Code: "consistency", Needs: []string{usage}, Check: checkCounters},
}

// maxAboveRated is how far a reading of a new battery may be above the rated value.
const maxAboveRated = 1.1

// aboveRated returns the rule for a reading above the rated value: unusual, or beyond
// maxAboveRated an error. Makers rate a battery below its first capacity.
func aboveRated(id string, severity Severity, reading, rated string) Rule {
	return Rule{ID: id, Severity: severity, Code: "range", Needs: []string{reading, rated}, Check: func(r *Run) {
		got, limit := r.number(reading), r.number(rated)
		name := rated[strings.LastIndexByte(rated, '.')+1:]
		switch isError := got > limit*maxAboveRated; {
		case isError && severity == Error:
			r.ReportAt(reading, "must be at most 110 %% of %s (%s), got %s", name, r.quantity(rated), r.quantity(reading))
		case !isError && got > limit && severity == Warning:
			r.ReportAt(reading, "should be at most %s (%s), got %s", name, r.quantity(rated), r.quantity(reading))
		}
	}}
}

func checkEvents(r *Run) {
	list := r.Doc.First(declaredPerformance)
	items := slices.Collect(list.Children())
	for i, item := range items {
		placing := item.Member("event").Is("placingOnMarket")
		switch {
		case placing && i > 0:
			r.Report(list, "must have the event placingOnMarket in entry 0 only, got it in entry %d", i)
		case !placing && i == 0 && r.text(status) == "original":
			r.Report(list, "must start with the event placingOnMarket for an original battery, got %s", textOf(item.Member("event")))
		case i > 0 && before(item.Member("date"), items[i-1].Member("date")):
			r.reportDateOrder(list, i, item.Member("date"), items[i-1].Member("date"))
		}
	}
	if r.Previous == nil {
		return
	}
	i := 0
	for old := range r.Previous.First(declaredPerformance).Children() {
		if i >= len(items) || items[i].Raw() != old.Raw() {
			r.Report(list, "is append-only: entry %d differs from the previous version", i)
			return
		}
		i++
	}
}

// fades are the members of declaredPerformance that state by how many percent a
// value has changed since entry 0.
var fades = []struct {
	fade, value string
	increases   bool // the value grows with age
	tolerance   float64
}{
	{"capacityFadePercent", "ratedCapacityAh", false, 0.5},
	{"powerFadePercent", "powerCapabilityW", false, 0.5},
	{"roundTripEfficiencyFadePercent", "roundTripEfficiencyPercent", false, 0.5},
	{"internalResistanceIncreasePercent", "internalResistancePackOhm", true, 1},
}

// checkFades compares the fades with the values. It skips a repurposed
// battery, because its build differs from the original battery.
func checkFades(r *Run) {
	if r.text(status) == "repurposed" {
		return
	}
	var first ruleset.Value
	i := 0
	for item := range r.Doc.First(declaredPerformance).Children() {
		if i == 0 {
			if first = item; !item.Member("event").Is("placingOnMarket") {
				return // the values of the new battery are unknown
			}
		}
		for _, f := range fades {
			fade := item.Member(f.fade)
			given, ok := fade.Number()
			initial, okInitial := first.Member(f.value).Number()
			current, okCurrent := item.Member(f.value).Number()
			want := (1 - current/initial) * 100
			if f.increases {
				want = -want
			}
			if ok && okInitial && okCurrent && !near(given, want, f.tolerance) {
				change := fmt.Sprintf("changed from %s to %s", quantityOf(first.Member(f.value)), quantityOf(item.Member(f.value)))
				if initial == current {
					change = "is still " + quantityOf(first.Member(f.value))
				}
				r.Report(fade, "must be within %s of %s %% because %s %s, got %s", points(f.tolerance), rounded(want), f.value, change, quantityOf(fade))
			}
		}
		i++
	}
}

func points(n float64) string {
	if n == 1 {
		return "1 percentage point"
	}
	return fmt.Sprintf("%v percentage points", n)
}

func checkCounters(r *Run) {
	if r.Previous == nil {
		return
	}
	for _, name := range counters {
		current, previous := r.Doc.First(usage+"."+name), r.Previous.First(usage+"."+name)
		n, ok := current.Number()
		if old, hadOld := previous.Number(); ok && hadOld && n < old {
			r.Report(current, "must not decrease, got %s after %s: only an admin may correct a counter, with a reason", quantityOf(current), quantityOf(previous))
		}
	}
}
