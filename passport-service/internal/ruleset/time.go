package ruleset

import (
	"errors"
	"regexp"
	"strings"
	"time"
)

var (
	leapSecond = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:60`)
	wrongZone  = regexp.MustCompile(`[+-](2[4-9]|[3-9]\d|\d\d:[6-9]\d)[:\d]*$`)
)

// ParseTime parses a time of RFC 3339, whose letters may be in lower case. The text of the
// error follows the name of the field.
func ParseTime(text string) (time.Time, error) {
	text = strings.ToUpper(text)
	if leapSecond.MatchString(text) {
		return time.Time{}, errors.New("must not be a leap second, which many systems cannot store: write the second before or after it")
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || wrongZone.MatchString(text) {
		return time.Time{}, errors.New("must be an RFC 3339 time that exists in the calendar, with a zone, such as 2027-02-18T09:00:00Z")
	}
	return t, nil
}
