package compliance_test

import (
	"slices"
	"strings"
	"testing"
)

// TestAllDatesHaveRules: each date is checked against the calendar and against now, and each
// date in the life of a battery against its manufacture. Documents may be older than the battery.
func TestAllDatesHaveRules(t *testing.T) {
	dates := 0
	for _, a := range engine(t).Rules.Attributes() {
		if !strings.HasPrefix(a.Format, "a date") && !strings.HasPrefix(a.Format, "a month") && !strings.HasPrefix(a.Format, "an RFC 3339") {
			continue
		}
		dates++
		for _, id := range []string{"FMT-2", "DAT-1", "DAT-2"} {
			if want := id != "DAT-2" || !strings.HasSuffix(a.Path, ".issueDate"); slices.Contains(a.Rules, id) != want {
				t.Errorf("%s: has the rule %s: %v, want %v", a.Path, id, !want, want)
			}
		}
	}
	if dates < 12 {
		t.Errorf("got %d dates, want at least 12", dates)
	}
}

// TestAllTemperaturesHaveALimit: nothing is colder than absolute zero.
func TestAllTemperaturesHaveALimit(t *testing.T) {
	found := 0
	for _, a := range engine(t).Rules.Attributes() {
		if a.Unit != "°C" || a.Type != "number" {
			continue
		}
		if found++; a.Minimum == nil || *a.Minimum != -273.15 || !slices.Contains(a.Rules, "CON-7") {
			t.Errorf("%s: got the minimum %v and the rules %v, want -273.15 and CON-7", a.Path, a.Minimum, a.Rules)
		}
	}
	if found != 11 {
		t.Errorf("got %d temperatures, want 11", found)
	}
}
