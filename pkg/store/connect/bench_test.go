package connect_test

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/outbox"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
	"github.com/battery-passport/suite/pkg/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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

// BenchmarkPage reads pages of 200 cells of 12 kB, as an export does. The time is that of a page.
func BenchmarkPage(b *testing.B) {
	drivers(b, func(b *testing.B, cells *store.Collection[storetest.Cell]) {
		data := wire.Value("[" + strings.Repeat(`{"materialName":"Nickel","massKg":41.2,"hazardous":false},`, 210) + "{}]") // 12 kB
		writes := make([]store.Write[storetest.Cell], store.MaxLimit+1)
		for i := range writes {
			writes[i] = store.Write[storetest.Cell]{ID: uuid.NewString(), Doc: storetest.Cell{Owner: "ann", Made: time.Now(), Data: data}}
		}
		if _, err := cells.InsertMany(b.Context(), writes); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if page, err := cells.List(b.Context(), store.Query{Scopes: []string{"ann"}, Limit: store.MaxLimit}); err != nil || len(page.Rows) != store.MaxLimit {
				b.Fatal(len(page.Rows), err)
			}
		}
	})
}

// BenchmarkPublished updates cells and publishes an event of each update.
func BenchmarkPublished(b *testing.B) {
	drivers(b, func(b *testing.B, cells *store.Collection[storetest.Cell]) {
		var ids []string
		published := make(chan struct{}, 1)
		relay := &outbox.Relay{Source: cells.Outbox(), Publisher: publisher(published), Log: slog.New(slog.DiscardHandler)}
		ctx, stop := context.WithCancel(b.Context())
		ended := make(chan error)
		go func() { ended <- relay.Run(ctx) }()
		for range 64 { // an update finds the outbox empty
			ids = append(ids, insert(b, cells))
			<-published
		}
		for i := 0; b.Loop(); i++ {
			id := ids[i%len(ids)]
			if _, err := cells.Update(b.Context(), id, func(c *storetest.Cell) (store.Change, error) {
				c.Count++
				return store.Change{Events: []event.Envelope{event.New("/bench", id, time.Now(), storetest.Counted{})}}, nil
			}); err != nil {
				b.Fatal(err)
			}
			<-published
		}
		stop()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	})
}

type publisher chan struct{}

func (p publisher) Publish(context.Context, event.Envelope) error { p <- struct{}{}; return nil }
