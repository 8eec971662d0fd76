package mongo_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/mongo"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// server returns the URI of a MongoDB to test against.
func server(t *testing.T) string {
	t.Helper()
	uri := os.Getenv("MONGODB_URI")
	if uri == "" {
		t.Skip("MONGODB_URI is not set")
	}
	return uri
}

// open returns a database of its own, which it drops afterwards.
func open(t *testing.T, name string) *mongo.DB {
	t.Helper()
	db, err := mongo.Open(server(t), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Drop(context.Background()); err != nil {
			t.Error(err)
		}
		db.Close(context.Background())
	})
	return db
}

func newName() string { return "test-" + uuid.NewString() }

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.DB { return open(t, newName()) })
}

func TestMain(m *testing.M) { storetest.Main(m, openName) }

func openName(_ context.Context, name string) (store.DB, error) {
	return mongo.Open(os.Getenv("MONGODB_URI"), name)
}

func TestKilledWritersLoseNothing(t *testing.T) {
	name := newName()
	open(t, name)
	storetest.Crash(t, name, openName)
}

func TestNoServerIsUnavailableWithinThreeSeconds(t *testing.T) {
	db, err := mongo.Open("mongodb://127.0.0.1:1", "none")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	cells := store.Open(db, storetest.Cells())
	_, get := cells.Get(t.Context(), "id")
	_, insert := cells.Insert(t.Context(), "id", storetest.Cell{})
	for call, err := range map[string]error{"Ping": db.Ping(t.Context()), "Get": get, "Insert": insert} {
		if !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s = %v, want unavailable", call, err)
		}
	}
	start := time.Now()
	if err := db.Ping(t.Context()); err == nil || time.Since(start) > 3*time.Second {
		t.Errorf("Ping = %v after %v", err, time.Since(start))
	}
}

func TestWrongURIIsRefused(t *testing.T) {
	if _, err := mongo.Open("postgres://localhost", "x"); err == nil {
		t.Error("Open = nil")
	}
}
