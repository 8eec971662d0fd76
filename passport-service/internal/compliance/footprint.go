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

var footprint = []Rule{
	{ID: "CF-1", Severity: Error, Code: "consistency", Needs: []string{
		stages, footprintPerKwh, stages + "[].stage", stages + "[].carbonFootprintPerKwh", stages + "[].sharePercent",
	}, Check: stagesAddUp},
	{ID: "CF-2", Severity: Error, Code: "range", Needs: []string{stages, stages + "[].stage"}, Check: func(r *Run) {
		for item := range r.Doc.First(stages).Children() {
			value := item.Member("carbonFootprintPerKwh")
			if n, ok := value.Number(); ok && n < 0 && !item.Member("stage").Is("endOfLifeRecycling") {
				r.Report(value, "is %v kg CO2e/kWh, and only endOfLifeRecycling may be negative", n)
			}
		}
	}},
	{ID: "CF-3", Severity: Error, Code: "consistency", Needs: []string{totalFootprint, totalEnergy, footprintPerKwh}, Check: func(r *Run) {
		total, want := r.number(totalFootprint), r.number(footprintPerKwh)*r.number(totalEnergy)
		if !near(total, want, 0.02*want) {
			r.ReportAt(totalFootprint, "is %v kg CO2e, and carbonFootprintPerKwh × totalEnergyOverServiceLifeKwh is %.6g", total, want)
		}
	}},
	{ID: "CF-4", Severity: Warning, Code: "consistency", Needs: []string{footprintPlant}, Check: plantIsThePlace},
	{ID: "PRO-1", Severity: Warning, Catalogue: []string{"notYetApplicable"}},
	{ID: "PRO-2", Severity: Warning, Catalogue: []string{"notYetApplicable"}},
	{ID: "PRO-3", Severity: Warning, Catalogue: []string{"notYetApplicable"}},
	{ID: "PRO-4", Severity: Warning, Catalogue: []string{"notYetApplicable"}},
	{ID: "PRO-5", Severity: Warning, Catalogue: []string{"notYetApplicable"}},
}

// near tells whether two numbers differ by no more than a tolerance, with a
// hair for what binary fractions cannot say.
func near(a, b, tolerance float64) bool {
	return math.Abs(a-b) <= tolerance+1e-9*math.Max(math.Abs(a), math.Abs(b))
}

func stagesAddUp(r *Run) {
	var sum, shares float64
	var seen []string
	shared := 0
	for item := range r.Doc.First(stages).Children() {
		stage := textOf(item.Member("stage"))
		if slices.Contains(seen, stage) {
			r.ReportAt(stages, "has the stage %s twice, and each of the four stands once", stage)
			return
		}
		seen = append(seen, stage)
		n, _ := item.Member("carbonFootprintPerKwh").Number()
		sum += n
		if share, ok := item.Member("sharePercent").Number(); ok {
			shares, shared = shares+share, shared+1
		}
	}
	if total := r.number(footprintPerKwh); !near(sum, total, max(0.0005, 0.005*total)) {
		r.ReportAt(stages, "add up to %.6g kg CO2e/kWh, and carbonFootprintPerKwh is %v", sum, total)
	}
	if shared == len(seen) && shared > 0 && !near(shares, 100, 0.5) {
		r.ReportAt(stages, "have shares that add up to %.6g %%, and not to 100", shares)
	}
}

func plantIsThePlace(r *Run) {
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
		r.ReportAt(footprintPlant, "is %s, and the battery was made in %s; the value holds for one model and plant", plant, strings.Join(places, ", "))
	}
}
