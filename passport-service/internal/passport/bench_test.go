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
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/wire"
)

// The benchmarks report the CPU time of the process per operation, because the
// elapsed time would mostly be disk time. Set TMPDIR to a file system in memory.

// benchSizes return bodies of passports by their size.
var benchSizes = map[string]func(*testing.B) []wire.Value{"12kB": benchBodies, "715B": smallBodies}

func BenchmarkCreate(b *testing.B) {
	for name, bodies := range benchSizes {
		b.Run(name, func(b *testing.B) {
			ctx, s := newService(b)
			bodies := bodies(b)
			measure(b, func(i int) {
				if _, _, err := s.Create(ctx, bodies[i], NoIdentifier, ""); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

// smallBodies returns b.N bodies with different batteries.
func smallBodies(b *testing.B) []wire.Value {
	bodies := make([]wire.Value, b.N)
	for i := range bodies {
		bodies[i] = smallBody(i)
	}
	return bodies
}

func BenchmarkPublish(b *testing.B) {
	ctx, s := newService(b)
	var ids []string
	for _, body := range benchBodies(b) {
		p, _, err := s.Create(ctx, body, NoIdentifier, "")
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
		p, _, err := s.Create(ctx, body, NoIdentifier, "")
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

// BenchmarkImport imports the bodies in batches of 100. The time is that of one row.
func BenchmarkImport(b *testing.B) {
	for name, bodies := range benchSizes {
		b.Run(name, func(b *testing.B) {
			ctx, s := newService(b)
			bodies := bodies(b)
			im, err := s.NewImporter(ctx, ImportParams{OnExisting: FailExisting})
			if err != nil {
				b.Fatal(err)
			}
			var rows []*Row
			measure(b, func(i int) {
				if rows = append(rows, &Row{Body: bodies[i]}); len(rows) < 100 && i < b.N-1 {
					return
				}
				results, err := im.Import(ctx, rows)
				if err != nil || results[0].Status != RowCreated {
					b.Fatal(results[0], err)
				}
				rows = nil
			})
		})
	}
}

// BenchmarkInsertMany stores the records of BenchmarkImport without any checks.
func BenchmarkInsertMany(b *testing.B) {
	for name, bodies := range benchSizes {
		b.Run(name, func(b *testing.B) {
			ctx, s := newService(b)
			var writes []store.Write[Passport]
			for i, body := range bodies(b) {
				sub, err := parseRow(body, s.rules())
				if err != nil {
					b.Fatal(err)
				}
				p, err := newDraft(auth.Caller(ctx), fmt.Sprint(i), sub, s.now())
				if err != nil {
					b.Fatal(err)
				}
				writes = append(writes, store.Write[Passport]{ID: p.ID, Doc: p, Events: []event.Envelope{p.created()}})
			}
			measure(b, func(i int) {
				if i%100 < 99 && i < b.N-1 {
					return
				}
				if _, err := s.Passports.InsertMany(ctx, writes[i-i%100:i+1]); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}
