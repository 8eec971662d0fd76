package compliance

import (
	"slices"
	"strings"
)

// usualRanges are the ranges of values that real batteries rarely exceed.
var usualRanges = []struct {
	path      string
	low, high float64
}{
	{soce, 0, 100}, {healthPercent, 0, 100}, {usage + ".stateOfChargePercent", 0, 100},
	{"performanceAndDurability.expectedLifetimeYears", 0, 50}, {declaredPerformance + "[].expectedLifetimeYears", 0, 50},
	{"performanceAndDurability.expectedLifetimeCycles", 1, maxCycles}, {declaredPerformance + "[].expectedLifetimeCycles", 1, maxCycles},
	{usage + ".fullCycles", 0, maxCycles},
	{minimumVoltage, 0, maxVolts}, {nominalVoltage, 1, maxVolts}, {maximumVoltage, 1, maxVolts},
	{"performanceAndDurability.cycleLifeTestCRate.charge", minCRate, maxCRate}, {"performanceAndDurability.cycleLifeTestCRate.discharge", minCRate, maxCRate},
}

// Limits of usual values: lithium titanate reaches 45,000 cycles, large stores have 1,500 V,
// and iron-air batteries discharge for 100 hours.
const (
	maxCycles = 200_000
	maxVolts  = 3000
	minCRate  = 0.001
	maxCRate  = 100
)

// temperatures are the paths of temperatures in °C.
var temperatures = []string{
	"performanceAndDurability.voltageTemperatureRange.minC", "performanceAndDurability.voltageTemperatureRange.maxC",
	"performanceAndDurability.powerTemperatureRange.minC", "performanceAndDurability.powerTemperatureRange.maxC",
	"performanceAndDurability.idleTemperatureRange.minC", "performanceAndDurability.idleTemperatureRange.maxC",
	"performanceAndDurability.cycleLifeReferenceTest.temperatureC",
	usage + ".temperature.currentC", usage + ".temperature.minC", usage + ".temperature.maxC", usage + ".temperature.averageC",
}

// moltenSalt are the chemistries of batteries that operate at about 300 °C.
var moltenSalt = []string{"NaNiCl2", "NaS"}

func checkUnusual(r *Run) {
	for _, u := range usualRanges {
		checkUsual(r, u.path, u.low, u.high)
	}
	hottest := 150.0
	if slices.ContainsFunc(moltenSalt, func(code string) bool { return strings.EqualFold(code, r.text(chemistry)) }) {
		hottest = 400
	}
	for _, path := range temperatures {
		checkUsual(r, path, -60, hottest)
	}
}

func checkUsual(r *Run, path string, low, high float64) {
	for v := range r.Doc.All(path) {
		if n, ok := v.Number(); ok && (n < low || n > high) {
			r.Report(v, "should be from %v to %v, got %s", low, high, quantityOf(v))
		}
	}
}
