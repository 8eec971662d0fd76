package compliance

import (
	"math"
	"slices"
	"strings"
)

const (
	footprintPerKwh = "carbonFootprint.carbonFootprintPerKwh"
	stages          = "carbonFootprint.lifecycleStages"
	totalFootprint  = "carbonFootprint.totalCarbonFootprint"
	totalEnergy     = "carbonFootprint.totalEnergyOverServiceLifeKwh"
	footprintPlant  = "carbonFootprint.manufacturingPlant"
)

var footprintRules = []Rule{
	{ID: "CF-1", Severity: Error, Code: "consistency", Needs: []string{
		stages, footprintPerKwh, stages + "[].stage", stages + "[].carbonFootprintPerKwh", stages + "[].sharePercent",
	}, Check: checkStages},
	{ID: "CF-2", Severity: Error, Code: "range", Needs: []string{stages, stages + "[].stage"}, Schema: creditSchema, Check: func(r *Run) {
		for item := range r.Doc.First(stages).Children() {
			value := item.Member("carbonFootprintPerKwh")
			if n, ok := value.Number(); ok && n < 0 && !item.Member("stage").Is("endOfLifeRecycling") {
				r.Report(value, "must be at least 0 except for the stage endOfLifeRecycling, got %s", quantityOf(value))
			}
		}
	}},
	{ID: "CF-3", Severity: Error, Code: "consistency", Needs: []string{totalFootprint, totalEnergy, footprintPerKwh}, Check: func(r *Run) {
		total, want := r.number(totalFootprint), r.number(footprintPerKwh)*r.number(totalEnergy)
		if !near(total, want, 0.02*want) {
			r.ReportAt(totalFootprint, "must be within 2 %% of carbonFootprintPerKwh × totalEnergyOverServiceLifeKwh (%s kg CO2e), got %s", rounded(want), r.quantity(totalFootprint))
		}
	}},
	{ID: "CF-4", Severity: Warning, Code: "consistency", Needs: []string{footprintPlant}, Check: checkPlant},
	{ID: "CF-5", Severity: Warning, Code: "range", Needs: []string{footprintPerKwh}, Check: func(r *Run) {
		if r.number(footprintPerKwh) > 1 {
			r.ReportAt(footprintPerKwh, "should be at most 1 kg CO2e/kWh, got %s: it refers to the total energy delivered over the service life, not to the capacity", r.quantity(footprintPerKwh))
		}
	}},
	{ID: "PRO-1", Severity: Warning, Catalogue: []string{"notYetApplicable"}},
	{ID: "PRO-2", Severity: Warning, Catalogue: []string{"notYetApplicable"}},
	{ID: "PRO-3", Severity: Warning, Catalogue: []string{"notYetApplicable"}},
	{ID: "PRO-4", Severity: Warning, Catalogue: []string{"notYetApplicable"}},
	{ID: "PRO-5", Severity: Warning, Catalogue: []string{"notYetApplicable"}},
}

// near reports whether two numbers differ by at most a tolerance. It allows for
// the rounding of binary fractions.
func near(a, b, tolerance float64) bool {
	return math.Abs(a-b) <= tolerance+1e-9*math.Max(math.Abs(a), math.Abs(b))
}

func checkStages(r *Run) {
	var sum, shares float64
	var names []string
	given := 0 // shares
	for item := range r.Doc.First(stages).Children() {
		stage := textOf(item.Member("stage"))
		if slices.Contains(names, stage) {
			r.ReportAt(stages, "must have each stage once, got %s twice", stage)
			return
		}
		names = append(names, stage)
		n, _ := item.Member("carbonFootprintPerKwh").Number()
		sum += n
		if share, ok := item.Member("sharePercent").Number(); ok {
			shares, given = shares+share, given+1
		}
	}
	if total := r.number(footprintPerKwh); !near(sum, total, max(0.0005, 0.005*total)) {
		r.ReportAt(stages, "must add up to carbonFootprintPerKwh (%s) within 0.5 %%, got %s kg CO2e/kWh", r.quantity(footprintPerKwh), rounded(sum))
	}
	if given == len(names) && given > 0 && !near(shares, 100, 0.5) {
		r.ReportAt(stages, "must have a total sharePercent of 100 %%, got %s %%", rounded(shares))
	}
}

func checkPlant(r *Run) {
	plant := r.text(footprintPlant)
	var places []string
	for _, path := range []string{
		"generalInformation.manufacturingPlace", "generalInformation.manufacturingFacility.facilityIdentifier", "generalInformation.manufacturingFacility.city",
	} {
		if place := r.text(path); place != "" {
			places = append(places, place)
		}
	}
	matches := func(place string) bool { return strings.Contains(strings.ToLower(plant), strings.ToLower(place)) }
	if len(places) > 0 && !slices.ContainsFunc(places, matches) {
		r.ReportAt(footprintPlant, `should match manufacturingPlace or manufacturingFacility ("%s"), got %q: a carbon footprint is valid for one model and plant`, strings.Join(places, `", "`), plant)
	}
}
