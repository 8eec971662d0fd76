package compliance

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

const manufacturingDate = "generalInformation.manufacturingDate"

// afterManufacture are the dates that must not precede the manufacture.
var afterManufacture = []string{
	"generalInformation.placingOnMarketDate", "generalInformation.puttingIntoServiceDate",
	stateOfHealth + ".measuredAt", usage + ".measuredAt", "lifecycle.wasteTransfer.date",
}

// historyDates are dates that may be those of an earlier battery: the manufacturing date of a
// repurposed or remanufactured one is later.
var historyDates = []string{
	declaredPerformance + "[].date", usage + ".negativeEvents[].eventDate", statusHistory + "[].since", "lifecycle.repairHistory[].date",
}

var dateRules = []Rule{
	{ID: "DAT-2", Severity: Error, Code: "consistency", Needs: []string{manufacturingDate}, Check: func(r *Run) { checkOrder(r, afterManufacture) }},
	{ID: "DAT-2", Severity: Error, Code: "consistency", Needs: []string{manufacturingDate, status}, Check: func(r *Run) {
		if !secondLife(r.Doc) && r.Doc.First(predecessors).Len() == 0 {
			checkOrder(r, historyDates)
		}
	}},
}

func checkOrder(r *Run, paths []string) {
	for _, path := range paths {
		for date := range r.Doc.All(path) {
			if before(date, r.Doc.First(manufacturingDate)) {
				r.Report(date, "must not be before manufacturingDate (%s), got %s", r.text(manufacturingDate), textOf(date))
			}
		}
	}
}

// firstYear is the year of the first lithium-ion batteries. Earlier dates are typing errors.
const firstYear = 1990

func checkDateRange(r *Run, v ruleset.Value) string {
	text, isText := v.Text()
	s, err := parseSpan(text)
	switch {
	case !isText || err != nil:
	case s.begin.After(r.Input.Now.Add(s.tolerance)):
		return fmt.Sprintf("must not be in the future, got %s (now: %s)", text, r.Input.Now.UTC().Format(time.RFC3339))
	case s.begin.Year() < firstYear:
		return fmt.Sprintf("must not be before %d, got %s", firstYear, text)
	}
	return ""
}

const maxWarranty = 50 // years

func checkWarranty(_ *Run, v ruleset.Value) string {
	if text, ok := v.Text(); ok && years(text) == 0 {
		return fmt.Sprintf("must be longer than 0, got %s: leave it out without a warranty", text)
	}
	return ""
}

func checkLongWarranty(_ *Run, v ruleset.Value) string {
	if text, ok := v.Text(); ok && years(text) > maxWarranty {
		return fmt.Sprintf("should be at most %d years, got %s", maxWarranty, text)
	}
	return ""
}

var (
	periodParts = regexp.MustCompile(`(\d+)([YMWD])`)
	perYear     = map[string]float64{"Y": 1, "M": 12, "W": 52, "D": 365}
)

// years returns the approximate length of an ISO 8601 duration without times.
func years(duration string) (sum float64) {
	for _, part := range periodParts.FindAllStringSubmatch(duration, -1) {
		n, _ := strconv.ParseFloat(part[1], 64) // infinite if it is too large
		sum += n / perYear[part[2]]
	}
	return sum
}

// ClockTolerance is how far a time may be ahead of the server, because clocks differ.
const ClockTolerance = 5 * time.Minute

// dateTolerance is the tolerance for calendar dates, which are in local time.
const dateTolerance = 24 * time.Hour

// span is the time that a text means: a moment, a day or a month. It does not include its end.
type span struct {
	begin, end time.Time
	tolerance  time.Duration
}

// parseSpan parses a text. The text of its error follows the name of the field.
func parseSpan(text string) (span, error) {
	var t time.Time
	var err error
	switch len(text) {
	case len("2006-01"):
		if t, err = time.Parse("2006-01", text); err == nil {
			return span{t, t.AddDate(0, 1, 0), dateTolerance}, nil
		}
	case len(time.DateOnly):
		if t, err = time.Parse(time.DateOnly, text); err == nil {
			return span{t, t.AddDate(0, 0, 1), dateTolerance}, nil
		}
	default:
		t, err = ruleset.ParseTime(text)
		return span{t, t.Add(1), ClockTolerance}, err
	}
	return span{}, errors.New("must be a date that exists in the calendar")
}

// before reports whether one valid date or time is before another, beyond the
// tolerance.
func before(a, b ruleset.Value) bool {
	sa, erra := parseSpan(textOf(a))
	sb, errb := parseSpan(textOf(b))
	return erra == nil && errb == nil && !sa.end.After(sb.begin.Add(-max(sa.tolerance, sb.tolerance)))
}

// reportDateOrder reports that an entry of a list is earlier than the one before.
func (r *Run) reportDateOrder(list ruleset.Value, i int, date, previous ruleset.Value) {
	r.Report(list, "must be in date order: entry %d (%s) is earlier than entry %d (%s)", i, textOf(date), i-1, textOf(previous))
}
