package compliance

import (
	"math"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

const (
	minimumVoltage       = "performanceAndDurability.minimumVoltageV"
	nominalVoltage       = "performanceAndDurability.nominalVoltageV"
	maximumVoltage       = "performanceAndDurability.maximumVoltageV"
	powerAt80            = "performanceAndDurability.originalPowerCapabilityW.at80PercentSoc"
	powerAt20            = "performanceAndDurability.originalPowerCapabilityW.at20PercentSoc"
	permittedPower       = "performanceAndDurability.maximumPermittedPowerW.discharge"
	powerRatio           = "performanceAndDurability.powerToEnergyRatio"
	initialEfficiency    = "performanceAndDurability.initialRoundTripEfficiencyPercent"
	efficiencyAtHalfLife = "performanceAndDurability.roundTripEfficiencyAt50PercentCycleLifePercent"
	packResistance       = "performanceAndDurability.initialInternalResistance.packOhm"
	cellResistance       = "performanceAndDurability.initialInternalResistance.cellOhm"
)

// ranges are the objects with a minC and a maxC.
var ranges = []string{
	"performanceAndDurability.voltageTemperatureRange", "performanceAndDurability.powerTemperatureRange",
	"performanceAndDurability.idleTemperatureRange", "batteryCondition.usage.temperature",
}

var performanceRules = []Rule{
	checkEnergy(Error, func(off float64) bool { return off > 50 }, "must be within 50 %%"),
	checkEnergy(Warning, func(off float64) bool { return off > 10 && off <= 50 }, "should be within 10 %%"),
	{ID: "PHY-2", Severity: Error, Code: "consistency", Needs: []string{nominalVoltage}, Check: func(r *Run) {
		nominal := r.number(nominalVoltage)
		if low, ok := r.Number(minimumVoltage); ok && nominal < low {
			r.ReportAt(nominalVoltage, "must be at least minimumVoltageV (%s), got %s", r.quantity(minimumVoltage), r.quantity(nominalVoltage))
		}
		if high, ok := r.Number(maximumVoltage); ok && nominal > high {
			r.ReportAt(nominalVoltage, "must be at most maximumVoltageV (%s), got %s", r.quantity(maximumVoltage), r.quantity(nominalVoltage))
		}
	}},
	{ID: "PHY-3", Severity: Warning, Code: "consistency", Needs: []string{powerAt80, powerAt20}, Check: func(r *Run) {
		const path = "performanceAndDurability.originalPowerCapabilityW"
		full, low := r.number(powerAt80), r.number(powerAt20)
		if low > full {
			r.ReportAt(path, "should not be higher at 20 %% state of charge than at 80 %% (%s), got %s", r.quantity(powerAt80), r.quantity(powerAt20))
		}
		if limit, ok := r.Number(permittedPower); ok && max(full, low) > limit {
			highest := powerAt80
			if low > full {
				highest = powerAt20
			}
			r.ReportAt(path, "should be at most maximumPermittedPowerW.discharge (%s), got %s", r.quantity(permittedPower), r.quantity(highest))
		}
	}},
	{ID: "PHY-4", Severity: Warning, Code: "consistency", Needs: []string{powerRatio}, Check: func(r *Run) {
		if n := r.number(powerRatio); n < 0.05 || n > 50 {
			r.ReportAt(powerRatio, "should be from 0.05 to 50 W/Wh, got %s", r.quantity(powerRatio))
		}
	}},
	{ID: "PHY-5", Severity: Error, Catalogue: []string{"range", "required"}},
	{ID: "PHY-6", Severity: Error, Code: "consistency", Check: func(r *Run) {
		for _, path := range ranges {
			checkRange(r, r.Doc.First(path))
		}
	}},
	{ID: "PHY-7", Severity: Error, Catalogue: []string{"notApplicable"}},
	{ID: "PHY-8", Severity: Warning, Code: "consistency", Needs: []string{initialEfficiency, efficiencyAtHalfLife}, Check: func(r *Run) {
		if r.number(efficiencyAtHalfLife) > r.number(initialEfficiency)+efficiencyTolerance {
			r.ReportAt(efficiencyAtHalfLife, "should be at most %d percentage points above initialRoundTripEfficiencyPercent (%s), got %s",
				efficiencyTolerance, r.quantity(initialEfficiency), r.quantity(efficiencyAtHalfLife))
		}
	}},
	{ID: "PHY-9", Severity: Warning, Code: "consistency", Needs: []string{packResistance, cellResistance}, Check: checkResistance},
}

// efficiencyTolerance is the uncertainty of two measured efficiencies in percentage points.
const efficiencyTolerance = 2

// checkEnergy returns the rule for a rated energy that differs from the product of capacity and
// voltage. The rated values come from different tests, and nominal voltages are rounded.
func checkEnergy(severity Severity, differs func(percent float64) bool, must string) Rule {
	return Rule{ID: "PHY-1", Severity: severity, Code: "consistency", Needs: []string{ratedEnergy, ratedCapacity, nominalVoltage}, Check: func(r *Run) {
		energy, want := r.number(ratedEnergy), r.number(ratedCapacity)*r.number(nominalVoltage)/1000
		if differs(math.Abs(energy-want) / want * 100 * (1 - 1e-9)) {
			r.ReportAt(ratedEnergy, must+" of ratedCapacityAh × nominalVoltageV / 1000 (%s kWh), got %s", rounded(want), r.quantity(ratedEnergy))
		}
	}}
}

const temperatureTolerance = 1 // °C, because readings are rounded

func checkRange(r *Run, v ruleset.Value) {
	low, okLow := v.Member("minC").Number()
	high, okHigh := v.Member("maxC").Number()
	reading := v.Attribute() != nil && v.Attribute().Path == usage+".temperature" // all readings may be equal
	if okLow && okHigh && (low > high || low == high && !reading) {
		r.Report(v.Member("maxC"), "must be greater than minC (%v °C), got %v °C", low, high)
		return
	}
	for _, name := range []string{"currentC", "averageC"} {
		switch n, ok := v.Member(name).Number(); {
		case ok && okLow && n < low-temperatureTolerance:
			r.Report(v.Member(name), "must be at least minC (%v °C), got %v °C", low, n)
		case ok && okHigh && n > high+temperatureTolerance:
			r.Report(v.Member(name), "must be at most maxC (%v °C), got %v °C", high, n)
		}
	}
}

// checkResistance compares the resistance of the pack with that of its cells in
// series and parallel. Connectors add resistance, up to several times that of the cells.
func checkResistance(r *Run) {
	const path = "performanceAndDurability.initialInternalResistance"
	pack, cell := r.number(packResistance), r.number(cellResistance)
	series, parallel, ok := layout(r.text(cellLayout))
	if !ok {
		if pack < cell/1000 {
			r.ReportAt(path, "should have a packOhm of at least cellOhm / 1000 (%s Ω), got %s", rounded(cell/1000), r.quantity(packResistance))
		}
		return
	}
	if want := cell * series / parallel; pack < want/2 || pack > want*5 {
		r.ReportAt(path, "should have a packOhm from 0.5 to 5 times that of %s cells of %s (%s Ω), got %s",
			r.text(cellLayout), r.quantity(cellResistance), rounded(want), r.quantity(packResistance))
	}
}
