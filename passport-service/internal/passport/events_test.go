package passport

import (
	"strings"
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// TestAllPublicFieldsFitIntoAnEvent names every public field of each rule set in one
// event, with the longest identifier and organisation.
func TestAllPublicFieldsFitIntoAnEvent(t *testing.T) {
	for _, rules := range ruleset.Embedded() {
		fields := []string{"state"}
		for _, a := range rules.Attributes() {
			if a.Access == ruleset.Public && !strings.Contains(a.Path, "[]") {
				fields = append(fields, "data."+a.Path)
			}
		}
		p := Passport{ID: "0193", BatteryIdentifier: "https://nlb.example/" + strings.Repeat("\x01", 10_000)}
		p.Head.Owner.Organisation = strings.Repeat("o", 200)
		if e := p.updated(fields); len(e.Data) > 15<<10 {
			t.Errorf("%s: the event has %d bytes for %d fields, want at most 15 KiB", rules.Name, len(e.Data), len(fields))
		}
	}
}
