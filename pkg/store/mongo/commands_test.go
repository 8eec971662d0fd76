package mongo_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driverevent "go.mongodb.org/mongo-driver/v2/event"
	driver "go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/outbox"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/mongo"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// commands are those that were sent to the server: each is a round trip.
type commands struct {
	db    *driver.Database // not monitored
	mu    sync.Mutex
	names []string
	raw   bson.Raw // the last one
}

// take returns the names of the commands since the last call.
func (c *commands) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := c.names
	c.names = nil
	return names
}

func (c *commands) last() bson.Raw {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.raw
}

// openMonitored returns an empty collection with indexes, and the commands that it sends.
func openMonitored(t *testing.T) (*store.Collection[storetest.Cell], *commands) {
	t.Helper()
	name := newName()
	open(t, name) // drops the database after the test
	sent := &commands{db: collection(t, name).Database()}
	db, err := mongo.OpenMonitored(server(t), name, &driverevent.CommandMonitor{Started: func(_ context.Context, e *driverevent.CommandStartedEvent) {
		sent.mu.Lock()
		defer sent.mu.Unlock()
		sent.names, sent.raw = append(sent.names, e.CommandName), slices.Clone(e.Command)
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(context.Background()) })
	cells := store.Open(db, storetest.CellSchema())
	if _, err := cells.Version(t.Context(), "none"); err == nil {
		t.Fatal("Version of an empty collection = nil")
	}
	sent.take()
	return cells, sent
}

// TestRoundTrips checks which commands each operation sends.
func TestRoundTrips(t *testing.T) {
	cells, sent := openMonitored(t)
	ctx := t.Context()
	counted := func(id string) event.Envelope { return event.New("/test", id, time.Now(), storetest.Counted{}) }
	insert := func(id string, events ...event.Envelope) error {
		_, err := cells.Insert(ctx, id, storetest.Cell{Serial: id, Owner: "ann", Colour: "red", Shape: "flat"}, events...)
		return err
	}
	update := func(id string, change store.Change) error {
		_, err := cells.Update(ctx, id, func(c *storetest.Cell) (store.Change, error) { c.Count++; return change, nil })
		return err
	}
	list := func(filters map[string]string) error {
		_, err := cells.List(ctx, store.Query{Scopes: []string{"ann"}, Filters: filters, Limit: store.MaxLimit})
		return err
	}
	writes, published := make([]store.Write[storetest.Cell], 250), make([]outbox.Published, 250)
	for i := range writes {
		id := fmt.Sprint(i)
		e := counted(id)
		writes[i] = store.Write[storetest.Cell]{ID: id, Doc: storetest.Cell{Owner: "ann"}, Events: []event.Envelope{e}}
		published[i] = outbox.Published{ID: id, Event: e.ID}
	}
	for _, c := range []struct {
		operation string
		do        func() error
		want      []string
	}{
		{"insert", func() error { return insert("a") }, []string{"insert"}},
		{"insert with an event", func() error { return insert("b", counted("b")) }, []string{"insert"}},
		{"publication of the event", func() error { return relay(t, cells.Outbox()) }, []string{"update"}},
		{"insert of 250", func() error { _, err := cells.InsertMany(ctx, writes); return err }, []string{"insert", "insert", "insert"}},
		{"acknowledgement of 250 events", func() error { return cells.Outbox().Acknowledge(ctx, published) }, []string{"update"}},
		{"get", func() error { _, err := cells.Get(ctx, "a"); return err }, []string{"find"}},
		{"get by a unique value", func() error { _, err := cells.GetBy(ctx, "serial", "a"); return err }, []string{"find"}},
		{"version", func() error { _, err := cells.Version(ctx, "a"); return err }, []string{"find"}},
		{"ids by unique values", func() error { _, err := cells.IDsBy(ctx, "serial", []string{"a", "b"}); return err }, []string{"find"}},
		{"update", func() error { return update("a", store.Change{}) }, []string{"find", "update"}},
		{"update with history and an event", func() error {
			history := []store.HistoryRecord{store.HistoryOf(cells, "a/1", storetest.Cell{})}
			return update("a", store.Change{Events: []event.Envelope{counted("a")}, History: history})
		}, []string{"find", "insert", "update"}},
		{"update while an event waits", func() error { return update("a", store.Change{Events: []event.Envelope{counted("a")}}) }, []string{"find", "update", "update"}},
		{"replace", func() error { _, err := cells.Replace(ctx, store.Row[storetest.Cell]{ID: "a", Version: 4}); return err }, []string{"update"}},
		{"delete", func() error { return cells.Delete(ctx, "a/1", 1) }, []string{"delete"}},
		{"delete with an event", func() error { return cells.Delete(ctx, "b", 1, counted("b")) }, []string{"update"}},
		{"list of 200 of 251", func() error { return list(nil) }, []string{"find"}},
		{"list with a filter", func() error { return list(map[string]string{"colour": "red"}) }, []string{"find"}},
	} {
		if err := c.do(); err != nil {
			t.Fatalf("%s: %v", c.operation, err)
		}
		if got := sent.take(); !slices.Equal(got, c.want) {
			t.Errorf("%s sends %v, want %v", c.operation, got, c.want)
		}
	}
}

// relay publishes the event of one notification.
func relay(t *testing.T, source outbox.Source) error {
	ctx, stop := context.WithCancel(t.Context())
	return (&outbox.Relay{Source: onlyNotified{source}, Publisher: publisher(stop), Log: slog.New(slog.DiscardHandler)}).Run(ctx)
}

type publisher func()

func (p publisher) Publish(context.Context, event.Envelope) error { p(); return nil }

// onlyNotified never returns expired leases.
type onlyNotified struct{ outbox.Source }

func (onlyNotified) Expired(context.Context, time.Time, int) ([]outbox.ExpiredLease, error) {
	return nil, nil
}
