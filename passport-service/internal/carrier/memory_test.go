//go:build !race

package carrier

import (
	"io"
	"iter"
	"runtime"
	"testing"
)

// The race detector needs memory itself, and makes this test more than ten times as slow.

// TestTenThousandLabelsNeedConstantMemory compares the memory in use near the end of an
// order with that near its beginning.
func TestTenThousandLabelsNeedConstantMemory(t *testing.T) {
	const early, late, bound = 1_000, 9_999, 256 << 10
	sheets, _ := SheetLayout("a4-24")
	for name, write := range map[string]func(iter.Seq2[Label, error]) error{
		"pdf": func(labels iter.Seq2[Label, error]) error {
			return WriteSheets(io.Discard, Template{sheets, DataMatrix, ""}, labels)
		},
		"zpl": func(labels iter.Seq2[Label, error]) error {
			return WriteZPL(io.Discard, Template{SingleLayout(70, 37), DataMatrix, ""}, 300, labels)
		},
	} {
		inUse := map[int]uint64{}
		n := 0
		labels := func(yield func(Label, error) bool) {
			for label := range repeat(late + 1) {
				if n++; n == early || n == late {
					runtime.GC()
					var m runtime.MemStats
					runtime.ReadMemStats(&m)
					inUse[n] = m.HeapAlloc
				}
				if !yield(label, nil) {
					return
				}
			}
		}
		if err := write(labels); err != nil {
			t.Fatal(err)
		}
		if inUse[late] > inUse[early]+bound {
			t.Errorf("%s: %d bytes after %d labels and %d after %d", name, inUse[early], early, inUse[late], late)
		}
		t.Logf("%s: %d bytes after %d labels, %d after %d", name, inUse[early], early, inUse[late], late)
	}
}
