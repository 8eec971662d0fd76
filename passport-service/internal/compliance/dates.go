package compliance

import (
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

const manufactured = "generalInformation.manufacturingDate"

// after are the dates that are not before the manufacture.
var after = []string{
	"generalInformation.placingOnMarketDate", "generalInformation.puttingIntoServiceDate",
	"batteryCondition.stateOfHealth.measuredAt", "batteryCondition.usage.measuredAt",
}

var dates = []Rule{{ID: "DAT-2", Severity: Error, Code: "consistency", Needs: []string{manufactured}, Check: func(r *Run) {
	for _, path := range after {
		if later := r.Doc.First(path); before(later, r.Doc.First(manufactured)) {
			r.Report(later, "is %s, before the battery was manufactured (%s)", textOf(later), r.text(manufactured))
		}
	}
}}}

// before compares two dates, if they are sound, at the coarser precision.
func before(a, b ruleset.Value) bool {
	ta, oka := a.Text()
	tb, okb := b.Text()
	if !oka || !okb {
		return false
	}
	ta, _, _ = strings.Cut(ta, "T") // times are UTC
	tb, _, _ = strings.Cut(tb, "T")
	n := min(len(ta), len(tb))
	return ta[:n] < tb[:n]
}
