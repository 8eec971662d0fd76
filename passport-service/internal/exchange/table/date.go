package table

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// dateKind is a kind of date or time.
type dateKind int

const (
	noDate dateKind = iota
	day
	month // or a day
	moment
)

func dateKindOf(a *ruleset.Attribute) dateKind {
	switch {
	case a.Type != ruleset.String:
	case strings.Contains(a.Format, "RFC 3339"):
		return moment
	case strings.Contains(a.Format, "YYYY-MM or"):
		return month
	case strings.Contains(a.Format, "YYYY-MM-DD"):
		return day
	}
	return noDate
}

// expected are the forms of the kinds.
var expected = map[dateKind]string{day: "a date YYYY-MM-DD", month: "a month YYYY-MM or a date YYYY-MM-DD", moment: "a time such as 2026-11-15T10:00:00Z"}

const between = `(?:[-/]|\. ?)`

const clock = `(?:[Tt, ]+(\d{1,2}:\d{2})(?:(:\d{2})(\.\d+)?)? ?(Z|z|[+-]\d{2}:?\d{2})?)?$`

var (
	yearFirst = regexp.MustCompile(`^(\d{4})` + between + `(\d{1,2})(?:` + between + `(\d{1,2})\.?)?` + clock) // Hungarian dates end with a point
	yearLast  = regexp.MustCompile(`^(?:(\d{1,2})(` + between + `))?(\d{1,2})` + between + `(\d{4})\.?` + clock)
	compact   = regexp.MustCompile(`^((?:19|20)\d{2})(\d{2})(\d{2})$`) // of ERP systems
	shortYear = regexp.MustCompile(`^\d{1,2}[-./]\d{1,2}[-./]\d{2}\b`)
)

// date is a date as it is written in a cell.
type date struct {
	year, month, day int    // day is 0 for a month
	time, zone       string // 15:04:05.999, "" if the cell has none
}

// convert returns a date in the form of the kind, or the unchanged text if it has no unique
// meaning. The warning describes the assumption or the error; it follows the name of a column.
func (k dateKind) convert(text string) (converted, warning string) {
	if k == noDate {
		return text, ""
	}
	d, hint := parseDate(text)
	switch {
	case hint != "":
	case !d.isValid() || d.day == 0 && k != month:
		hint = "it cannot be published"
	case k == moment:
		return d.moment()
	default:
		return d.date()
	}
	return text, fmt.Sprintf("should be %s, got %.100q: %s", expected[k], text, hint)
}

// parseDate reads a date. The hint says why the text has no unique meaning.
func parseDate(text string) (d date, hint string) {
	if m := yearFirst.FindStringSubmatch(text); m != nil {
		return newDate(m[1], m[2], m[3], m[4:]), ""
	}
	if m := compact.FindStringSubmatch(text); m != nil {
		return newDate(m[1], m[2], m[3], make([]string, 4)), ""
	}
	m := yearLast.FindStringSubmatch(text)
	switch {
	case m == nil && shortYear.MatchString(text):
		return d, "it needs a year with four digits"
	case m == nil:
		return d, ""
	}
	d = newDate(m[4], m[3], m[1], m[5:])
	if strings.HasPrefix(m[2], ".") || m[1] == "" || d.month == d.day {
		return d, ""
	}
	if d.month <= 12 && d.day <= 12 {
		return d, "it has two meanings, because the month is first in some countries"
	}
	if d.month > 12 {
		d.month, d.day = d.day, d.month
	}
	return d, ""
}

// newDate returns a date with the groups of clock.
func newDate(year, month, day string, clock []string) (d date) {
	d.year, _ = strconv.Atoi(year) // digits
	d.month, _ = strconv.Atoi(month)
	d.day, _ = strconv.Atoi(day)
	if d.time = clock[0]; d.time == "" {
		return d
	}
	if len(d.time) < len("15:04") {
		d.time = "0" + d.time
	}
	if clock[1] == "" {
		clock[1] = ":00"
	}
	d.time += clock[1] + clock[2]
	if d.zone = strings.ToUpper(clock[3]); len(d.zone) == len("+0100") {
		d.zone = d.zone[:3] + ":" + d.zone[3:]
	}
	return d
}

func (d date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.year, d.month, d.day) }

func (d date) isValid() bool {
	d.day = max(d.day, 1)
	if d.time == "" {
		d.time = "00:00:00"
	}
	if d.zone == "" {
		d.zone = "Z"
	}
	_, err := ruleset.ParseTime(d.String() + "T" + d.time + d.zone)
	return err == nil
}

func (d date) moment() (converted, warning string) {
	switch {
	case d.time == "":
		converted = d.String() + "T00:00:00Z"
		return converted, "has no time of day: UTC was assumed, " + converted
	case d.zone == "":
		converted = d.String() + "T" + d.time + "Z"
		return converted, "has no time zone: UTC was assumed, " + converted
	}
	return d.String() + "T" + d.time + d.zone, ""
}

func (d date) date() (converted, warning string) {
	if converted = d.String(); d.day == 0 {
		converted = converted[:len("2006-01")]
	}
	if strings.Trim(d.time, "0:.") != "" {
		warning = "has no time of day: " + d.time + " was removed"
	}
	return converted, warning
}

const (
	firstSerial = 20_000 // 1954
	lastSerial  = 80_000 // 2119
)

// Date returns the date, or the date and time without a time zone, of a day number of a spreadsheet.
func Date(serial float64, date1904 bool) string {
	epoch := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	if date1904 {
		epoch = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	day := int(serial)
	if !date1904 && day < 60 { // spreadsheets have a 29th of February 1900
		day++
	}
	at := epoch.AddDate(0, 0, day).Add(time.Duration((serial-math.Floor(serial))*86400+0.5) * time.Second)
	if at.Hour()+at.Minute()+at.Second() == 0 {
		return at.Format(time.DateOnly)
	}
	return at.Format("2006-01-02T15:04:05")
}
