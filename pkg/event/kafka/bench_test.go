package kafka_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/sqlite"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// BenchmarkDrain publishes waiting events of different aggregates from SQLite to the
// in-process broker, after the leases of their writes have expired.
func BenchmarkDrain(b *testing.B) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		b.Fatal(err)
	}
	defer cluster.Close()
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
	time.Sleep(10*time.Second + 100*time.Millisecond) // the leases of the writes expire
	forwarder := kafka.NewForwarder(kafka.Config{Brokers: cluster.ListenAddrs()}, []string{storetest.Counted{}.Topic()}, slog.New(slog.DiscardHandler), cells.Outbox())
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error)
	b.ResetTimer()
	go func() { ended <- forwarder.Run(ctx) }()
	for {
		backlog, err := cells.Outbox().Backlog(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if backlog.Events == 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	b.StopTimer()
	cancel()
	if err := <-ended; err != nil {
		b.Error(err)
	}
}
