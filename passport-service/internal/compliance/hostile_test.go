package compliance_test

import (
	"strings"
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/compliance"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/wire"
)

// TestHostileBodies are as large as a body may be, and wrong all over: they are
// told so, and no more than that.
func TestHostileBodies(t *testing.T) {
	const size = 1 << 20
	list := func(item string, size int) string {
		return "[" + strings.TrimSuffix(strings.Repeat(item+",", size/(len(item)+1)), ",") + "]"
	}
	many := func(item string) string { return list(item, size-100) }
	half := func(item string) string { return list(item, size/2-100) }
	e := engine(t)
	for name, data := range map[string]string{
		"empty materials":    `{"materialComposition":{"materials":` + many(`{}`) + `}}`,
		"unknown metals":     `{"materialComposition":{"criticalRawMaterials":` + many(`"x"`) + `}}`,
		"critical materials": `{"materialComposition":{"criticalRawMaterials":` + half(`"Lithium"`) + `,"materials":` + half(`{"materialName":"x","isCriticalRawMaterial":true}`) + `}}`,
		"events":             `{"batteryCondition":{"declaredPerformance":` + many(`{"event":"placingOnMarket","date":"2026-01-01"}`) + `}}`,
		"statements":         `{"materialComposition":{"hazardousSubstances":[{"hazardStatements":` + many(`"H"`) + `}]}}`,
		"unknown members":    `{"generalInformation":{` + strings.Trim(many(`"x":1`), "[]") + `}}`,
		"readings":           `{"lifecycle":{"statusHistory":` + many(`{"status":"waste","since":"2026-02-30"}`) + `,"previousPassports":[{}]}}`,
	} {
		r := e.Evaluate(compliance.Input{Data: wire.Value(data), Now: now, On: ruleset.DateOf(now)})
		if len(r.Findings) == 0 || len(r.Findings) > ruleset.MaxFindings || r.Complete {
			t.Errorf("%s: %d findings, complete %v", name, len(r.Findings), r.Complete)
		}
	}
}
