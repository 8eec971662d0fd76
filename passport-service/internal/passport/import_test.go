package passport

import (
	"context"
	"fmt"
	"hash/maphash"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/wire"
)

// TestDryRunHasBoundedMemory plans more rows than a dry run remembers, and then one battery with
// another passport identifier in each row.
func TestDryRunHasBoundedMemory(t *testing.T) {
	rules := ruleset.Embedded()[0]
	im := &Importer{dryRun: newDryRun(nil), seed: maphash.MakeSeed()}
	row := pendingRow{sub: submission{data: rules.ParseCanonical([]byte("{}"))}, result: RowResult{Version: 1, State: Draft}}
	before := heap()
	for i := range 2 * maxPlanned {
		if i%100 == 0 {
			im.dryRun.savepoint()
		}
		row.key, row.passportKey = strconv.Itoa(i), "urn:"+strconv.Itoa(i)
		im.plan(&row)
	}
	row.key, row.result.Version = "7", 2
	for i := range 2 * maxPlanned {
		if i%100 == 0 {
			im.dryRun.savepoint()
		}
		row.passportKey = "urn:other:" + strconv.Itoa(i)
		im.plan(&row)
	}
	if grown := heap() - before; len(im.dryRun.planned) != maxPlanned || len(im.dryRun.identified) != maxPlanned || grown > 16<<20 {
		t.Errorf("after %d rows: %d batteries and %d identifiers are remembered in %d KiB, want %d in at most 16 MiB",
			4*maxPlanned, len(im.dryRun.planned), len(im.dryRun.identified), grown>>10, maxPlanned)
	}
	if plan := im.dryRun.planned[im.hash("7")]; plan.version != 2 {
		t.Errorf("version %d, want that of the last row of a battery that is remembered", plan.version)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestDryRunRepeatsABatch fails in the middle of a batch, as if the store did not respond. The
// repeated batch must not see the first attempt.
func TestDryRunRepeatsABatch(t *testing.T) {
	c := newCounting(t, time.Now())
	s := c.instances[0]
	s.Usage.Quotas.Organisation.Passports = 2
	row := func(battery string, mass int) *Row {
		return &Row{Body: wire.Value(fmt.Sprintf(`{"data":{"generalInformation":{"batteryIdentifier":"https://a.example/%s","batteryMass":%d}}}`, battery, mass))}
	}
	_, _, err := s.Create(c.ctx, row("S", 1).Body, NoIdentifier, "")
	c.must(err)
	im, err := s.NewImporter(c.ctx, ImportParams{DryRun: true, OnExisting: SkipExisting})
	c.must(err)
	failing, fail := context.WithCancel(c.ctx)
	first, stored, second := row("A", 1), row("S", 2), row("A", 1)
	stored.RoundTrip = func(wire.Value) wire.Value { fail(); return wire.Value("{}") } // after the look-up for first and stored, before that for second
	for _, ctx := range []context.Context{failing, c.ctx} {
		results, err := im.Import(ctx, []*Row{first, stored, second})
		if ctx == failing {
			if err == nil {
				t.Fatal("the look-up for the last row succeeded")
			}
			continue
		}
		c.must(err)
		for i, want := range []RowStatus{RowCreated, RowUnchanged, RowUnchanged} {
			if results[i].Status != want {
				t.Errorf("row %d: got %s %v, want %s", i+1, results[i].Status, results[i].Errors, want)
			}
		}
	}
}
