package compliance

import (
	"slices"
	"strconv"
	"strings"
)

const (
	cellCount       = "circularity.dismantlingInformation.cellCount"
	cellLayout      = "circularity.dismantlingInformation.cellLayout"
	spareParts      = "circularity.spareParts"
	recycledContent = "circularity.recycledContent"
)

// metals are the metals of Article 8(1): their members of recycledContent and
// their names in criticalRawMaterials and chemistries.
var metals = []struct{ member, name string }{{"cobalt", "Cobalt"}, {"lithium", "Lithium"}, {"nickel", "Nickel"}, {"lead", "Lead"}}

var circularityRules = []Rule{
	{ID: "CIR-1", Severity: Error, Code: "consistency", Needs: []string{cellCount, cellLayout}, Check: func(r *Run) {
		series, parallel, ok := layout(r)
		if want := series * parallel; ok && r.number(cellCount) != want {
			r.ReportAt(cellCount, "must be %.0f for cellLayout %s, got %s", want, r.text(cellLayout), r.quantity(cellCount))
		}
	}},
	{ID: "CIR-2", Severity: Error, Code: "required", Needs: []string{spareParts}, Check: func(r *Run) {
		for item := range r.Doc.First(spareParts).Children() {
			if !givesAny(item, "postalAddress", "emailAddress", "webAddress") {
				r.Report(item, "must have a postalAddress, emailAddress or webAddress")
			}
		}
	}},
	{ID: "REC-1", Severity: Error, Code: "consistency", Needs: []string{recycledContent}, Check: func(r *Run) {
		for _, metal := range metals {
			content := r.Doc.First(recycledContent + "." + metal.member)
			pre, okPre := content.Member("preConsumerPercent").Number()
			post, okPost := content.Member("postConsumerPercent").Number()
			total, ok := content.Member("totalPercent").Number()
			if okPre && okPost && ok && !near(pre+post, total, 0.1) {
				r.Report(content.Member("totalPercent"), "must be within 0.1 of preConsumerPercent + postConsumerPercent (%s %%), got %v %%", rounded(pre+post), total)
			}
		}
	}},
	{ID: "REC-2", Severity: Warning, Code: "notApplicable", Needs: []string{recycledContent}, Check: checkRecycledContent},
}

// layout parses a cell layout such as 96s3p.
func layout(r *Run) (series, parallel float64, ok bool) {
	s, rest, cut := strings.Cut(r.text(cellLayout), "s")
	p, end := strings.CutSuffix(rest, "p")
	if !cut || !end || !digits(s) || !digits(p) || len(s) > 6 || len(p) > 6 {
		return 0, 0, false
	}
	series, _ = strconv.ParseFloat(s, 64)
	parallel, _ = strconv.ParseFloat(p, 64)
	return series, parallel, true
}

func checkRecycledContent(r *Run) {
	if secondLife(r.Doc) {
		r.ReportAt(recycledContent, "should be left out: Article 8(4) exempts batteries in their second life")
	}
	known, ok := chemistries[r.text(chemistry)]
	if !ok {
		return
	}
	for _, metal := range metals {
		content := r.Doc.First(recycledContent + "." + metal.member)
		if percent, given := content.Member("totalPercent").Number(); given && percent > 0 && !contains(r, known, metal.name) {
			r.Report(content, "should be left out: batteryChemistry %s contains no %s, got %v %%", r.text(chemistry), strings.ToLower(metal.name), percent)
		}
	}
}

// contains reports whether a chemistry contains a metal. The table of chemistries
// does not list lead.
func contains(r *Run, known []string, metal string) bool {
	return slices.Contains(known, metal) || metal == "Lead" && r.text(chemistry) == "Pb-acid"
}
