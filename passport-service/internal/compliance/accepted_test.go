package compliance_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/compliance"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// accepted are changes of samples with values that real batteries have. They cause
// no error and no warning at the path.
var accepted = []struct{ path, base, patch string }{
	{state + "usage/energyThroughputKwh", used, changes(set(state+"usage/energyThroughputKwh", `16800.100000000002`))},
	{state + "usage/fullCycles", used, changes(set(state+"usage/fullCycles", `1.7976931348623157e2`))},
	{state + "stateOfHealth/measuredAt", ev, changes(set(state+"stateOfHealth/measuredAt", `"2026-11-23T12:05:00Z"`))},
	{state + "stateOfHealth/measuredAt", ev, changes(set(general+"manufacturingDate", `"2026-05-10"`), set(state+"stateOfHealth/measuredAt", `"2026-05-09T23:30:00Z"`))},
	{state + "stateOfHealth/measuredAt", ev, changes(set(general+"manufacturingDate", `"2026-05"`), set(state+"stateOfHealth/measuredAt", `"2026-04-30T23:30:00Z"`))},
	{general + "placingOnMarketDate", ev, changes(set(general+"manufacturingDate", `"2026-05-10"`), set(general+"placingOnMarketDate", `"2026-05-09"`))},
	{general + "placingOnMarketDate", ev, changes(set(general+"placingOnMarketDate", `"2026-11-24"`))},
}

func TestRealValuesAreAccepted(t *testing.T) {
	e := engine(t)
	for _, c := range accepted {
		report := e.Evaluate(compliance.Input{Data: e.Rules.Parse(sample(t, c.base, c.patch)), Now: now, AsOf: ruleset.DateOf(now)})
		if i := slices.IndexFunc(report.Findings, func(f compliance.Finding) bool {
			return strings.HasPrefix(f.Path, c.path) && f.Code != "notYetApplicable"
		}); i >= 0 {
			t.Errorf("%s: got the finding %+v, want none", c.patch, report.Findings[i])
		}
	}
}
