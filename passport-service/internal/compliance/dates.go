package compliance

import (
	"time"

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

// Tolerances of comparisons: clocks differ, and calendar dates are local.
const (
	clockTolerance = 5 * time.Minute
	dateTolerance  = 24 * time.Hour
)

// span is the time that a text means: a moment, a day or a month. Its end is not
// part of it.
type span struct {
	begin, end time.Time
	tolerance  time.Duration
}

func parseSpan(text string) (span, bool) {
	layout := time.RFC3339Nano
	switch len(text) {
	case len("2006-01"):
		layout = "2006-01"
	case len(time.DateOnly):
		layout = time.DateOnly
	}
	t, err := time.Parse(layout, text)
	switch layout {
	case "2006-01":
		return span{t, t.AddDate(0, 1, 0), dateTolerance}, err == nil
	case time.DateOnly:
		return span{t, t.AddDate(0, 0, 1), dateTolerance}, err == nil
	}
	return span{t, t.Add(1), clockTolerance}, err == nil
}

// before reports whether one valid date or time is before another, beyond the
// tolerance.
func before(a, b ruleset.Value) bool {
	sa, oka := parseSpan(textOf(a))
	sb, okb := parseSpan(textOf(b))
	return oka && okb && !sa.end.After(sb.begin.Add(-max(sa.tolerance, sb.tolerance)))
}

// reportDateOrder reports that an entry of a list is earlier than the one before.
func (r *Run) reportDateOrder(list ruleset.Value, i int, date, previous ruleset.Value) {
	r.Report(list, "must be in date order: entry %d (%s) is earlier than entry %d (%s)", i, textOf(date), i-1, textOf(previous))
}
