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

// TestHostileBodies are as large as a body may be, and wrong all over: they are
// told so, and no more than that. Each takes a bounded time, and allocates no
// more than so many times its size.
func TestHostileBodies(t *testing.T) {
	const (
		size    = 1 << 20
		longest = 5 * time.Second // many times what it takes, as the machine may be busy
		most    = 80
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
		times := (after.TotalAlloc - before.TotalAlloc) / size
		t.Logf("%s: %v, %d times its size", name, took, times)
		if took > longest || times > most {
			t.Errorf("%s: it took %v, and %d times its size", name, took, times)
		}
		if len(r.Findings) == 0 || len(r.Findings) > 10_000 || r.Complete {
			t.Errorf("%s: %d findings, complete %v", name, len(r.Findings), r.Complete)
		}
	}
}
