package mongo_test

import (
	"bytes"
	"context"
	"net"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/mongo"
	"github.com/battery-passport/suite/pkg/store/storetest"
	"github.com/battery-passport/suite/pkg/waittest"
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

// open returns a database that is dropped after the test.
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
	cells := store.Open(db, storetest.CellSchema())
	_, get := cells.Get(t.Context(), "id")
	_, insert := cells.Insert(t.Context(), "id", storetest.Cell{})
	for call, err := range map[string]error{"Ping": db.Ping(t.Context()), "Get": get, "Insert": insert} {
		if !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s = %v, want unavailable", call, err)
		}
	}
	start := time.Now()
	if err := db.Ping(t.Context()); err == nil || time.Since(start) > 25*time.Second {
		t.Errorf("Ping = %v after %v", err, time.Since(start))
	}
}

// TestFirstOperationRespectsDeadline uses a server that accepts connections and
// never responds.
func TestFirstOperationRespectsDeadline(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	db, err := mongo.Open("mongodb://"+l.Addr().String(), "none")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := store.Open(db, storetest.CellSchema()).Get(ctx, "id"); !fault.Is(err, fault.Unavailable) || time.Since(start) > 2*time.Second {
		t.Errorf("Get = %v after %v, want unavailable after 0.1 s", err, time.Since(start))
	}
}

// TestSlowIndexCreationDoesNotBlockOperations delays the creation of indexes.
func TestSlowIndexCreationDoesNotBlockOperations(t *testing.T) {
	addr, release := slowIndexes(t)
	db, err := mongo.Open("mongodb://"+addr, newName())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	defer db.Drop(context.Background())
	defer release() // if the test fails early
	cells := store.Open(db, storetest.CellSchema())
	for range 2 {
		start := time.Now()
		if _, err := cells.Get(t.Context(), "id"); !fault.Is(err, fault.Unavailable) || time.Since(start) > 25*time.Second {
			t.Fatalf("Get = %v after %v, want unavailable before the 30 s of the driver", err, time.Since(start))
		}
	}
	release()
	waittest.Success(t, "Insert", func() error {
		_, err := cells.Insert(t.Context(), "id", storetest.Cell{})
		return err
	})
}

// slowIndexes returns the address of a proxy to the server that holds back requests
// to create indexes until release is called.
func slowIndexes(t *testing.T) (addr string, release func()) {
	t.Helper()
	u, err := url.Parse(server(t))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	released := make(chan struct{})
	forward := func(to, from net.Conn, hold string) {
		defer to.Close()
		for buf := make([]byte, 64<<10); ; {
			n, err := from.Read(buf)
			if hold != "" && bytes.Contains(buf[:n], []byte(hold)) {
				<-released
			}
			if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
				return
			}
		}
	}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", u.Host)
			if err != nil {
				client.Close()
				continue
			}
			go forward(server, client, "createIndexes")
			go forward(client, server, "")
		}
	}()
	return l.Addr().String(), sync.OnceFunc(func() { close(released) })
}

func TestOpenRejectsInvalidURI(t *testing.T) {
	if _, err := mongo.Open("postgres://localhost", "x"); err == nil {
		t.Error("Open of a postgres URI = nil, want an error")
	}
}
