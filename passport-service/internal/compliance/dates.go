package compliance

import (
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

const manufacturingDate = "generalInformation.manufacturingDate"

// afterManufacture are the dates that must not precede the manufacture.
var afterManufacture = []string{
	"generalInformation.placingOnMarketDate", "generalInformation.puttingIntoServiceDate",
	"batteryCondition.stateOfHealth.measuredAt", "batteryCondition.usage.measuredAt",
}

var dateRules = []Rule{{ID: "DAT-2", Severity: Error, Code: "consistency", Needs: []string{manufacturingDate}, Check: func(r *Run) {
	for _, path := range afterManufacture {
		if date := r.Doc.First(path); before(date, r.Doc.First(manufacturingDate)) {
			r.Report(date, "must not be before manufacturingDate (%s), got %s", r.text(manufacturingDate), textOf(date))
		}
	}
}}}

// before reports whether one valid date is before another, at the coarser
// precision of the two.
func before(a, b ruleset.Value) bool {
	ta, oka := a.Text()
	tb, okb := b.Text()
	if !oka || !okb {
		return false
	}
	ta, _, _ = strings.Cut(ta, "T") // all times are UTC
	tb, _, _ = strings.Cut(tb, "T")
	n := min(len(ta), len(tb))
	return ta[:n] < tb[:n]
}

// reportDateOrder reports that an entry of a list is earlier than the one before.
func (r *Run) reportDateOrder(list ruleset.Value, i int, date, previous ruleset.Value) {
	r.Report(list, "must be in date order: entry %d (%s) is earlier than entry %d (%s)", i, textOf(date), i-1, textOf(previous))
}
