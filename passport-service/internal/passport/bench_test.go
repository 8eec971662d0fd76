//go:build unix

package passport

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/passport-service/samples"
	"github.com/battery-passport/suite/pkg/wire"
)

// The benchmarks report the CPU time of the process per operation, because the
// elapsed time would mostly be disk time. Set TMPDIR to a file system in memory.

func BenchmarkCreate(b *testing.B) {
	ctx, s := newService(b)
	bodies := benchBodies(b)
	measure(b, func(i int) {
		if _, _, err := s.Create(ctx, bodies[i], ""); err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkPublish(b *testing.B) {
	ctx, s := newService(b)
	var ids []string
	for _, body := range benchBodies(b) {
		p, _, err := s.Create(ctx, body, "")
		if err != nil {
			b.Fatal(err)
		}
		ids = append(ids, p.ID)
	}
	measure(b, func(i int) {
		if _, err := s.Publish(ctx, ids[i]); err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkPatch(b *testing.B) {
	ctx, s := newService(b)
	var ids []string
	for i, body := range benchBodies(b) {
		if i%100 > 0 { // 100 patches for each passport: no outbox becomes full
			continue
		}
		p, _, err := s.Create(ctx, body, "")
		if err != nil {
			b.Fatal(err)
		}
		ids = append(ids, p.ID)
	}
	measure(b, func(i int) {
		patch := fmt.Appendf(nil, `{"data":{"generalInformation":{"batchIdentifier":"%d"}}}`, i)
		if _, err := s.Patch(ctx, ids[i/100], patch); err != nil {
			b.Fatal(err)
		}
	})
}

// measure runs op b.N times and reports the CPU time per call.
func measure(b *testing.B, op func(i int)) {
	b.Helper()
	b.ReportAllocs()
	b.ResetTimer()
	start := cpuTime()
	for i := range b.N {
		op(i)
	}
	b.ReportMetric(float64(cpuTime()-start)/float64(b.N), "cpu-ns/op")
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// benchBodies returns b.N bodies with different batteries.
func benchBodies(b *testing.B) []wire.Value {
	b.Helper()
	text, err := samples.FS.ReadFile("ev-nmc-complete.json")
	if err != nil {
		b.Fatal(err)
	}
	bodies := make([]wire.Value, b.N)
	for i := range bodies {
		serial := fmt.Sprintf("NB%06d", i)
		body := strings.ReplaceAll(string(text), "NB7K2Q9X", serial)
		bodies[i] = wire.Value(strings.ReplaceAll(body, "6a2f6c1e-3f0b-4d55-9c1e-5f1a7d2b8e01", uuid.NewString()))
	}
	return bodies
}
