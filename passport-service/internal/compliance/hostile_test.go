package compliance_test

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/compliance"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/wire"
)

// TestHostileDataIsBounded evaluates data of the maximum size with as many errors as
// possible. Findings, time and memory must stay within limits.
func TestHostileDataIsBounded(t *testing.T) {
	const (
		size      = 1 << 20
		maxTime   = time.Minute // far above the normal time, because the machine may be busy
		maxCopies = 100         // allocated bytes per byte of data
	)
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
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begin := time.Now()
		r := e.Evaluate(compliance.Input{Data: e.Rules.Parse(wire.Value(data)), Now: now, AsOf: ruleset.DateOf(now)})
		took := time.Since(begin)
		runtime.ReadMemStats(&after)
		copies := (after.TotalAlloc - before.TotalAlloc) / size
		t.Logf("%s: %v, %d bytes per byte", name, took, copies)
		if took > maxTime || copies > maxCopies {
			t.Errorf("%s: took %v and %d bytes per byte, want at most %v and %d", name, took, copies, maxTime, maxCopies)
		}
		if len(r.Findings) == 0 || len(r.Findings) > 10_000 || r.Complete {
			t.Errorf("%s: got %d findings, complete %v, want 1 to 10,000, false", name, len(r.Findings), r.Complete)
		}
	}
}
