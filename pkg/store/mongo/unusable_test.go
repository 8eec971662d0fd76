package mongo_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/mongo"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// TestUnusableServerIsUnavailable checks that every operation fails with
// fault.Unavailable within 3 seconds.
func TestUnusableServerIsUnavailable(t *testing.T) {
	for name, c := range map[string]struct {
		uri  func(*testing.T) string
		want string
	}{
		"wrong password": {func(t *testing.T) string {
			uri, err := url.Parse(server(t))
			if err != nil {
				t.Fatal(err)
			}
			uri.User = url.UserPassword("nobody", "wrong-password")
			return uri.String()
		}, "the database denied access to the user in MONGODB_URI"},
		"connection refused": {func(t *testing.T) string { return "mongodb://" + resttest.UnusedAddress(t) }, "the database does not respond"},
		"no MongoDB":         {func(t *testing.T) string { return "mongodb://" + httpServer(t) }, "the database does not respond"},
		"no response": {func(t *testing.T) string {
			return "mongodb://" + listener(t, func(c net.Conn) { io.Copy(io.Discard, c) })
		}, "the database does not respond"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, err := mongo.Open(c.uri(t), newName())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close(t.Context()) })
			cells := store.Open(db, storetest.CellSchema())
			for operation, do := range map[string]func() error{
				"Ping": func() error { return db.Ping(t.Context()) },
				"Get":  func() error { _, err := cells.Get(t.Context(), "1"); return err },
				"List": func() error {
					_, err := cells.List(t.Context(), store.Query{Scopes: []string{store.All}, Limit: 1})
					return err
				},
				"Insert": func() error { _, err := cells.Insert(t.Context(), "1", storetest.Cell{}); return err },
			} {
				begin := time.Now()
				err := do()
				if f, ok := errors.AsType[*fault.Error](err); !ok || f.Kind != fault.Unavailable || f.Message != c.want {
					t.Errorf("%s = %v, want unavailable, %s", operation, err, c.want)
				}
				if strings.Contains(err.Error(), "wrong-password") {
					t.Errorf("the error of %s contains the password: %v", operation, err)
				}
				if took := time.Since(begin); took > 25*time.Second {
					t.Errorf("%s failed after %v, want less than the 30 s of the driver", operation, took)
				}
			}
		})
	}
}

// httpServer returns the address of a server that sends an HTTP response to each byte.
func httpServer(t *testing.T) string {
	return listener(t, func(c net.Conn) {
		for r := bufio.NewReader(c); ; {
			if _, err := r.ReadByte(); err != nil {
				return
			}
			io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
		}
	})
}

// listener returns the address of a server that calls serve for each connection.
func listener(t *testing.T, serve func(net.Conn)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); serve(c) }()
		}
	}()
	return l.Addr().String()
}
