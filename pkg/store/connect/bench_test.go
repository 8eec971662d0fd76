package connect_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// drivers runs a benchmark on SQLite, and on MongoDB if MONGODB_URI is set.
func drivers(b *testing.B, bench func(*testing.B, *store.Collection[storetest.Cell])) {
	b.Helper()
	uris := []string{""}
	if uri := os.Getenv("MONGODB_URI"); uri != "" {
		uris = append(uris, uri)
	}
	for _, uri := range uris {
		b.Run(map[bool]string{true: "SQLite", false: "MongoDB"}[uri == ""], func(b *testing.B) {
			db, err := connect.Open(b.Context(), connect.Config{URI: uri, Dir: b.TempDir()}, "bench-"+uuid.NewString())
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() {
				if mongo, ok := db.(interface{ Drop(context.Context) error }); ok {
					mongo.Drop(context.Background())
				}
				db.Close(context.Background())
			})
			bench(b, store.Open(db, storetest.CellSchema()))
		})
	}
}

// insert adds a cell with an event.
func insert(b *testing.B, cells *store.Collection[storetest.Cell]) (id string) {
	b.Helper()
	id = uuid.NewString()
	cell := storetest.Cell{Serial: id, Owner: "ann", Colour: "red", Made: time.Now()}
	if _, err := cells.Insert(b.Context(), id, cell, event.New("/bench", id, time.Now(), storetest.Counted{})); err != nil {
		b.Error(err)
	}
	return id
}

func BenchmarkInsert(b *testing.B) {
	drivers(b, func(b *testing.B, cells *store.Collection[storetest.Cell]) {
		for b.Loop() {
			insert(b, cells)
		}
	})
}

// BenchmarkInsertParallel runs 16 writers per processor.
func BenchmarkInsertParallel(b *testing.B) {
	drivers(b, func(b *testing.B, cells *store.Collection[storetest.Cell]) {
		b.SetParallelism(16)
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				insert(b, cells)
			}
		})
	})
}

func BenchmarkUpdate(b *testing.B) {
	drivers(b, func(b *testing.B, cells *store.Collection[storetest.Cell]) {
		id := insert(b, cells)
		for b.Loop() {
			if _, err := cells.Update(b.Context(), id, func(c *storetest.Cell) (store.Change, error) { c.Count++; return store.Change{}, nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkGet(b *testing.B) {
	drivers(b, func(b *testing.B, cells *store.Collection[storetest.Cell]) {
		id := insert(b, cells)
		for b.Loop() {
			if _, err := cells.Get(b.Context(), id); err != nil {
				b.Fatal(err)
			}
		}
	})
}
