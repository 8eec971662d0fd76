package passport

import (
	"hash/maphash"
	"runtime"
	"strconv"
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// TestDryRunHasBoundedMemory plans more rows than a dry run remembers, and then one battery with
// another passport identifier in each row.
func TestDryRunHasBoundedMemory(t *testing.T) {
	rules := ruleset.Embedded()[0]
	im := &Importer{planned: map[uint64]rowPlan{}, identified: map[uint64]uint64{}, seed: maphash.MakeSeed()}
	row := importing{sub: submission{data: rules.ParseCanonical([]byte("{}"))}, result: RowResult{Version: 1, State: Draft}}
	before := heap()
	for i := range 2 * maxPlanned {
		row.key, row.passportKey = strconv.Itoa(i), "urn:"+strconv.Itoa(i)
		im.plan(&row)
	}
	row.key, row.result.Version = "7", 2
	for i := range 2 * maxPlanned {
		row.passportKey = "urn:other:" + strconv.Itoa(i)
		im.plan(&row)
	}
	if grown := heap() - before; len(im.planned) != maxPlanned || len(im.identified) != maxPlanned || grown > 16<<20 {
		t.Errorf("after %d rows: %d batteries and %d identifiers are remembered in %d KiB, want %d in at most 16 MiB",
			4*maxPlanned, len(im.planned), len(im.identified), grown>>10, maxPlanned)
	}
	if plan := im.planned[im.hash("7")]; plan.version != 2 {
		t.Errorf("version %d, want that of the last row of a battery that is remembered", plan.version)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
