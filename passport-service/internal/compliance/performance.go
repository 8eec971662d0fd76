package compliance

import "github.com/battery-passport/suite/passport-service/internal/ruleset"

const (
	minimumVoltage = "performanceAndDurability.minimumVoltageV"
	nominalVoltage = "performanceAndDurability.nominalVoltageV"
	maximumVoltage = "performanceAndDurability.maximumVoltageV"
	powerAt80      = "performanceAndDurability.originalPowerCapabilityW.at80PercentSoc"
	powerAt20      = "performanceAndDurability.originalPowerCapabilityW.at20PercentSoc"
	permitted      = "performanceAndDurability.maximumPermittedPowerW.discharge"
	powerRatio     = "performanceAndDurability.powerToEnergyRatio"
	efficiency     = "performanceAndDurability.initialRoundTripEfficiencyPercent"
	halfLife       = "performanceAndDurability.roundTripEfficiencyAt50PercentCycleLifePercent"
	packResistance = "performanceAndDurability.initialInternalResistance.packOhm"
	cellResistance = "performanceAndDurability.initialInternalResistance.cellOhm"
)

// ranges are the objects with a minC and a maxC.
var ranges = []string{
	"performanceAndDurability.voltageTemperatureRange", "performanceAndDurability.powerTemperatureRange",
	"performanceAndDurability.idleTemperatureRange", "batteryCondition.usage.temperature",
}

var performance = []Rule{
	{ID: "PHY-1", Severity: Error, Code: "consistency", Needs: []string{ratedEnergy, ratedCapacity, nominalVoltage}, Check: func(r *Run) {
		energy, want := r.number(ratedEnergy), r.number(ratedCapacity)*r.number(nominalVoltage)/1000
		if !near(energy, want, 0.1*want) {
			r.ReportAt(ratedEnergy, "is %v kWh, and %v Ah at %v V are %.4g kWh (10 %% apart at most)", energy, r.number(ratedCapacity), r.number(nominalVoltage), want)
		}
	}},
	{ID: "PHY-2", Severity: Error, Code: "consistency", Needs: []string{nominalVoltage}, Check: func(r *Run) {
		nominal := r.number(nominalVoltage)
		if least, ok := r.Number(minimumVoltage); ok && nominal < least {
			r.ReportAt(nominalVoltage, "is %v V, below the minimum of %v V", nominal, least)
		}
		if most, ok := r.Number(maximumVoltage); ok && nominal > most {
			r.ReportAt(nominalVoltage, "is %v V, above the maximum of %v V", nominal, most)
		}
	}},
	{ID: "PHY-3", Severity: Warning, Code: "consistency", Needs: []string{powerAt80, powerAt20}, Check: func(r *Run) {
		const path = "performanceAndDurability.originalPowerCapabilityW"
		full, low := r.number(powerAt80), r.number(powerAt20)
		if low > full {
			r.ReportAt(path, "is %v W at 20 %% state of charge, more than the %v W at 80 %%", low, full)
		}
		if limit, ok := r.Number(permitted); ok && max(full, low) > limit {
			r.ReportAt(path, "is up to %v W, above the permitted discharge of %v W", max(full, low), limit)
		}
	}},
	{ID: "PHY-4", Severity: Warning, Code: "consistency", Needs: []string{powerRatio}, Check: func(r *Run) {
		if n := r.number(powerRatio); n < 0.05 || n > 50 {
			r.ReportAt(powerRatio, "is %v W/Wh; 0.05 to 50 is plausible", n)
		}
	}},
	{ID: "PHY-5", Severity: Error, Catalogue: []string{"range", "required"}},
	{ID: "PHY-6", Severity: Error, Code: "consistency", Check: func(r *Run) {
		for _, path := range ranges {
			upsideDown(r, r.Doc.First(path))
		}
	}},
	{ID: "PHY-7", Severity: Error, Catalogue: []string{"notApplicable"}},
	{ID: "PHY-8", Severity: Error, Code: "consistency", Needs: []string{efficiency, halfLife}, Check: func(r *Run) {
		if begin, later := r.number(efficiency), r.number(halfLife); later > begin {
			r.ReportAt(halfLife, "is %v %%, above the %v %% of the new battery", later, begin)
		}
	}},
	{ID: "PHY-9", Severity: Warning, Code: "consistency", Needs: []string{packResistance, cellResistance}, Check: packFitsCells},
}

func upsideDown(r *Run, v ruleset.Value) {
	least, okLeast := v.Member("minC").Number()
	most, okMost := v.Member("maxC").Number()
	if okLeast && okMost && least >= most {
		r.Report(v.Member("maxC"), "is %v °C, and has to be above minC, which is %v °C", most, least)
	}
}

// packFitsCells holds the resistance of the pack against that of its cells in
// series and parallel: connectors add to it, up to some times as much.
func packFitsCells(r *Run) {
	const path = "performanceAndDurability.initialInternalResistance"
	pack, cell := r.number(packResistance), r.number(cellResistance)
	series, parallel, ok := layout(r)
	if !ok || parallel == 0 {
		if pack < cell/1000 {
			r.ReportAt(path, "has %v Ω for the pack, which is little beside %v Ω for a cell", pack, cell)
		}
		return
	}
	if want := cell * series / parallel; pack < want/2 || pack > want*5 {
		r.ReportAt(path, "has %v Ω for the pack, and %s cells of %v Ω have %.3g Ω", pack, r.text(cellLayout), cell, want)
	}
}
