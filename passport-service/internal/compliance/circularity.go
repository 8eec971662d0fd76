package compliance

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
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
		series, parallel, ok := layout(r.text(cellLayout))
		if want := series * parallel; ok && r.number(cellCount) != want {
			r.ReportAt(cellCount, "must be %.0f for cellLayout %s, got %s", want, r.text(cellLayout), r.quantity(cellCount))
		}
	}},
	{ID: "CIR-2", Severity: Error, Code: "required", Needs: []string{spareParts}, Schema: within(spareParts+"[]", havingAny("postalAddress", "emailAddress", "webAddress")), Check: func(r *Run) {
		for item := range r.Doc.First(spareParts).Children() {
			if !hasAnyMember(item, "postalAddress", "emailAddress", "webAddress") {
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
				r.Report(content.Member("totalPercent"), "must be within 0.1 percentage points of preConsumerPercent + postConsumerPercent (%s %%), got %v %%", rounded(pre+post), total)
			}
		}
	}},
	{ID: "REC-2", Severity: Warning, Code: "notApplicable", Needs: []string{recycledContent}, Check: checkRecycledContent},
}

var layouts = regexp.MustCompile(`(?i)^\s*(?:(\d{1,6})\s*s\s*(\d{1,6})\s*p|(\d{1,6})\s*p\s*(\d{1,6})\s*s)\s*$`)

// layout parses a cell layout such as 96s3p or 3P96S.
func layout(text string) (series, parallel float64, ok bool) {
	m := layouts.FindStringSubmatch(text)
	if m == nil {
		return 0, 0, false
	}
	series, _ = strconv.ParseFloat(m[1]+m[4], 64)
	parallel, _ = strconv.ParseFloat(m[2]+m[3], 64)
	return series, parallel, true
}

func checkLayout(_ *Run, v ruleset.Value) string {
	text, _ := v.Text()
	if series, parallel, ok := layout(text); ok && series*parallel == 0 {
		return fmt.Sprintf("must have at least 1 cell in series and in parallel, got %q", text)
	}
	return ""
}

func checkRecycledContent(r *Run) {
	if secondLife(r.Doc) {
		r.ReportAt(recycledContent, "should be left out: Article 8(4) exempts batteries in their second life")
	}
	chemical, known := metalsOf(r.text(chemistry))
	if !known {
		return
	}
	for _, metal := range metals {
		content := r.Doc.First(recycledContent + "." + metal.member)
		if percent, given := content.Member("totalPercent").Number(); given && percent > 0 && !slices.Contains(chemical.always, metal.name) && !slices.Contains(chemical.perhaps, metal.name) {
			r.Report(content, "should be left out: batteryChemistry %s contains no %s, got %v %%", r.text(chemistry), strings.ToLower(metal.name), percent)
		}
	}
}
