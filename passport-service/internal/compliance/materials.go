package compliance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

const (
	chemistry           = "materialComposition.batteryChemistry"
	criticalMaterials   = "materialComposition.criticalRawMaterials"
	hazardousSubstances = "materialComposition.hazardousSubstances"
	composition         = "materialComposition.materials"
	substances          = "materialComposition.substanceImpact"
	materialMass        = composition + "[].massKg"
	materialShare       = composition + "[].massPercent"
)

// excludedSubstances are not declared as hazardous substances (Annex VI A(8)), by
// CAS and EC number.
var excludedSubstances = map[string]string{
	"7439-97-6": "mercury", "7440-43-9": "cadmium", "7439-92-1": "lead", "231-106-7": "mercury", "231-152-8": "cadmium", "231-100-4": "lead",
}

// mandatoryParts must be among the materials (Annex XIII 2(a)).
var mandatoryParts = []string{"cathode", "anode", "electrolyte"}

var materialRules = []Rule{
	{ID: "MAT-1", Severity: Error, Code: "consistency", Needs: []string{mass, composition, materialMass}, Check: func(r *Run) {
		if sum := sumOf(r, materialMass); sum > r.number(mass)*1.005 {
			r.ReportAt(composition, "must have a total massKg of at most batteryMass (%s), got %s kg", r.quantity(mass), rounded(sum))
		}
	}},
	{ID: "MAT-2", Severity: Error, Code: "consistency", Needs: []string{composition, materialShare}, Check: checkShares},
	{ID: "MAT-4", Severity: Error, Code: "notApplicable", Needs: []string{hazardousSubstances}, Schema: notExcluded, Check: func(r *Run) {
		for v := range r.Doc.All(hazardousSubstances + "[].ecNumber") {
			if metal := excludedSubstances[textOf(v)]; metal != "" {
				r.Report(v, "must be a substance other than mercury, cadmium and lead (Annex VI A(8)), got %s (%s)", textOf(v), metal)
			}
		}
		for v := range r.Doc.All(hazardousSubstances + "[].casNumber") {
			if metal := excludedSubstances[textOf(v)]; metal != "" {
				r.Report(v, "must be a substance other than mercury, cadmium and lead (Annex VI A(8)), got %s (%s)", textOf(v), metal)
			}
		}
	}},
	{ID: "MAT-5", Severity: Warning, Code: "consistency", Needs: []string{criticalMaterials, criticalMaterials + "[]"}, Check: checkCriticalMaterials},
	{ID: "MAT-6", Severity: Warning, Code: "enum", Needs: []string{chemistry}, Check: func(r *Run) {
		if _, known := metalsOf(r.text(chemistry)); !known {
			r.ReportAt(chemistry, "should be a known code such as NMC811, LFP or Pb-acid, got %q", r.text(chemistry))
		}
	}},
	{ID: "MAT-8", Severity: Error, Code: "required", Needs: []string{substances}, Schema: within(substances, havingAny("text", "documentUrl")), Check: func(r *Run) {
		if v := r.Doc.First(substances); !hasAnyMember(v, "text", "documentUrl") {
			r.Report(v, "must have a text or a documentUrl")
		}
	}},
	{ID: "MAT-10", Severity: Warning, Code: "required", Needs: []string{hazardousSubstances}, Check: func(r *Run) {
		for item := range r.Doc.First(hazardousSubstances).Children() {
			if item.IsObject() && !hasAnyMember(item, "casNumber", "ecNumber") {
				r.Report(item, "should have a casNumber or an ecNumber")
			}
		}
	}},
	{ID: "MAT-9", Severity: Error, Code: "required", Needs: []string{composition, composition + "[].component"}, Schema: partsSchema, Check: func(r *Run) {
		given := map[string]bool{}
		for v := range r.Doc.All(composition + "[].component") {
			given[textOf(v)] = true
		}
		for _, part := range mandatoryParts {
			if !given[part] {
				r.ReportAt(composition, "must have an entry with component %s", part)
			}
		}
	}},
}

func checkCriticalRawMaterial(_ *Run, v ruleset.Value) string {
	if text, ok := v.Text(); ok && criticalRawMaterial(text) == "" {
		return fmt.Sprintf("must be a critical raw material of Annex II of Regulation (EU) 2024/1252, got %q%s", text, materialHint(text))
	}
	return ""
}

func sumOf(r *Run, path string) (sum float64) {
	for v := range r.Doc.All(path) {
		n, _ := v.Number()
		sum += n
	}
	return sum
}

func checkShares(r *Run) {
	if sum := sumOf(r, materialShare); !near(max(sum, 100), 100, 0.5) {
		r.ReportAt(composition, "must have a total massPercent of at most 100 %%, got %s %%", rounded(sum))
	}
	total, ok := r.Number(mass)
	if !ok {
		return
	}
	for item := range r.Doc.First(composition).Children() {
		part := item.Member("massPercent")
		share, ok := part.Number()
		kg, both := item.Member("massKg").Number()
		if want := kg / total * 100; ok && both && !near(share, want, 0.5) {
			r.Report(part, "must be within 0.5 percentage points of massKg / batteryMass (%s %%), got %s", rounded(want), quantityOf(part))
		}
	}
}

// checkCriticalMaterials checks that the list has the critical raw materials of
// the chemistry, and each material that is marked as critical.
func checkCriticalMaterials(r *Run) {
	list := r.Doc.First(criticalMaterials)
	var missing []string
	content, _ := metalsOf(r.text(chemistry))
	for _, metal := range content.always {
		if !hasMaterial(list, metal) && slices.Contains(criticalRawMaterials, metal) {
			missing = append(missing, metal)
		}
	}
	if missing != nil {
		r.Report(list, "should contain %s for batteryChemistry %s", strings.Join(missing, ", "), r.text(chemistry))
	}
	if !r.Doc.First(composition).Valid() { // it has too many entries
		return
	}
	for item := range r.Doc.First(composition).Children() {
		if name := textOf(item.Member("materialName")); item.Member("isCriticalRawMaterial").True() && share(r, item) > 0.1 && !named(list, name) {
			r.Report(list, "should have an entry for %s, which is marked as isCriticalRawMaterial in materials", name)
		}
	}
}

// share returns the share of a material in the battery mass in percent, 100 if it
// is not given.
func share(r *Run, item ruleset.Value) float64 {
	if percent, ok := item.Member("massPercent").Number(); ok {
		return percent
	}
	kg, ok := item.Member("massKg").Number()
	if total, given := r.Number(mass); ok && given {
		return kg / total * 100
	}
	return 100
}
