package rest_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/waittest"
)

// TestEachTimeout starts a server with one short timeout and checks that it closes the
// connection.
func TestEachTimeout(t *testing.T) {
	const soon, long = 300 * time.Millisecond, time.Minute
	for name, v := range map[string]struct {
		timeouts rest.Timeouts
		send     string
		wait     func(*testing.T, net.Conn)
	}{
		"header":       {rest.Timeouts{ReadHeader: soon, Read: long, Write: long, Idle: long, Transfer: long}, "GET /livez HTTP/1.1\r\nX-A: ", waitForEnd},
		"next request": {rest.Timeouts{ReadHeader: long, Read: long, Write: long, Idle: soon, Transfer: long}, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", waitForEnd},
		"body":         {rest.Timeouts{ReadHeader: long, Read: soon, Write: long, Idle: long, Transfer: long}, "POST /api/things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n", waitForEnd},
		"response":     {rest.Timeouts{ReadHeader: long, Read: long, Write: long, Idle: long, Transfer: soon}, "GET /api/large HTTP/1.1\r\nHost: x\r\n\r\n", waitUntilClosed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := resttest.Start(t, func(ctx context.Context, cfg rest.Config) error {
				cfg.Timeouts = v.timeouts
				a := rest.New(rest.Options{Document: rest.Document{Title: "Test Service"}, Log: slog.New(slog.NewJSONHandler(t.Output(), nil)), HTTP: cfg})
				rest.Handle(a, "POST /api/things", rest.Open, func(context.Context, *thingInput) (*output, error) { return &output{}, nil }, "createThing", "Create a thing")
				rest.Handle(a, "GET /api/large", rest.Open, func(context.Context, *struct{}) (*struct{ Body string }, error) {
					return &struct{ Body string }{strings.Repeat("x", 16<<20)}, nil
				}, "getLarge", "Get a large body")
				return rest.Serve(ctx, cfg.Listener, a, cfg.Drain)
			})
			v.wait(t, dial(t, c, v.send))
		})
	}
}

// waitForEnd reads until the server closes a connection.
func waitForEnd(t *testing.T, conn net.Conn) {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(waittest.Limit))
	if response, err := io.ReadAll(conn); err != nil {
		t.Errorf("the connection is not closed: %q, %v", response, err)
	}
}
