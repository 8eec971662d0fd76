package compliance

import (
	"slices"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/jsonschema"
)

const (
	isMarked       = "labelsAndConformity.separateCollectionSymbol.isMarked"
	cadmiumContent = "labelsAndConformity.cadmiumContentPercent"
	leadContent    = "labelsAndConformity.leadContentPercent"
	metalSymbols   = "labelsAndConformity.heavyMetalSymbols"
	labelMeanings  = "labelsAndConformity.labelMeanings"
	fireClasses    = "labelsAndConformity.extinguishingAgents[].fireClasses"
	notifiedBody   = "labelsAndConformity.ceMarking.notifiedBodyNumber"
)

// heavyMetals need a symbol above a content in percent of the mass (Article 13(5)).
var heavyMetals = []struct {
	symbol, content string  // content is the path of the attribute
	limit           float64 // % w/w
}{{"Cd", cadmiumContent, 0.002}, {"Pb", leadContent, 0.004}}

// knownFireClasses are those of EN 2, L of ISO 3941:2026 (lithium-ion batteries), and
// E and K of other countries. Annex VI A(9) does not limit them.
var knownFireClasses = []string{"A", "B", "C", "D", "E", "F", "K", "L"}

var labelRules = []Rule{
	{ID: "LAB-1", Severity: Error, Code: "consistency", Needs: []string{isMarked}, Schema: within(isMarked, jsonschema.Flag(true)), Check: func(r *Run) {
		if r.Doc.First(isMarked).False() {
			r.ReportAt(isMarked, "must be true, got false: the symbol is mandatory since 18 August 2025 (Article 13(4))")
		}
	}},
	{ID: "LAB-2", Severity: Error, Code: "consistency", Needs: []string{metalSymbols + "[]"}, Schema: symbolsSchema, Check: checkSymbols},
	{ID: "LAB-3", Severity: Error, Code: "required", Needs: []string{labelMeanings, labelMeanings + "[].symbol", metalSymbols + "[]"}, Schema: meaningsSchema, Check: func(r *Run) {
		explained := map[string]bool{}
		for v := range r.Doc.All(labelMeanings + "[].symbol") {
			explained[strings.ToLower(textOf(v))] = true
		}
		if !explained["separatecollection"] {
			r.ReportAt(labelMeanings, "must have an entry for the symbol separateCollection")
		}
		for v := range r.Doc.First(metalSymbols).Children() {
			if symbol := textOf(v); !explained[strings.ToLower(symbol)] {
				r.ReportAt(labelMeanings, "must have an entry for the symbol %s", symbol)
			}
		}
	}},
	{ID: "LAB-5", Severity: Warning, Code: "enum", Needs: []string{fireClasses}, Check: func(r *Run) {
		for list := range r.Doc.All(fireClasses) {
			for v := range list.Children() {
				if class, ok := v.Text(); ok && !slices.Contains(knownFireClasses, class) {
					r.Report(v, "should be a known fire class (%s), got %q", strings.Join(knownFireClasses, ", "), class)
				}
			}
		}
	}},
	{ID: "LAB-4", Severity: Error, Code: "consistency", Needs: []string{notifiedBody, "labelsAndConformity.ceMarking.affixed"}, Check: func(r *Run) {
		if r.Doc.First("labelsAndConformity.ceMarking.affixed").False() {
			r.ReportAt(notifiedBody, "is not allowed when ceMarking.affixed is false, got %s", r.text(notifiedBody))
		}
	}},
}

func checkSymbols(r *Run) {
	for _, metal := range heavyMetals {
		content, given := r.Number(metal.content)
		if r.Doc.First(metal.content).Exists() && !given {
			continue // the content is invalid, which is reported already
		}
		above, marked := content > metal.limit, has(r.Doc.First(metalSymbols), metal.symbol)
		if above == marked {
			continue
		}
		when, found := "only when", "no value"
		if above {
			when = "when"
		}
		if given {
			found = r.quantity(metal.content)
		}
		name := metal.content[strings.LastIndexByte(metal.content, '.')+1:]
		r.ReportAt(metalSymbols, "must contain %s %s %s is above %v %%, got %s", metal.symbol, when, name, metal.limit, found)
	}
}
