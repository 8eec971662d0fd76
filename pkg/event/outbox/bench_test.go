package outbox_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/outbox"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/sqlite"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// BenchmarkDrain publishes events of different aggregates from SQLite to a broker that
// responds immediately.
func BenchmarkDrain(b *testing.B) {
	db, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "outbox.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close(context.Background())
	cells := store.Open(db, storetest.CellSchema())
	writes := make([]store.Write[storetest.Cell], b.N)
	for i := range writes {
		id := fmt.Sprint(i)
		writes[i] = store.Write[storetest.Cell]{ID: id, Events: []event.Envelope{event.New("/bench", id, time.Now(), storetest.Counted{})}}
	}
	if _, err := cells.InsertMany(b.Context(), writes); err != nil {
		b.Fatal(err)
	}
	got := make(chan event.Envelope)
	relay := &outbox.Relay{Source: onlyExpired{cells.Outbox()}, Publisher: broker{published: got}, Log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error)
	b.ResetTimer()
	go func() { ended <- relay.Run(ctx) }()
	for range b.N {
		<-got
	}
	b.StopTimer()
	cancel()
	if err := <-ended; err != nil {
		b.Error(err)
	}
}
