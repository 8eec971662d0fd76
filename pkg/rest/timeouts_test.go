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
)

// TestEachTimeout has a server that waits long for all but one thing.
func TestEachTimeout(t *testing.T) {
	const soon, long = 300 * time.Millisecond, time.Minute
	for name, v := range map[string]struct {
		timeouts rest.Timeouts
		send     string
		cut      func(*testing.T, net.Conn)
	}{
		"a header":         {rest.Timeouts{ReadHeader: soon, Read: long, Write: long, Idle: long, Transfer: long}, "GET /livez HTTP/1.1\r\nX-A: ", waitForEnd},
		"the next request": {rest.Timeouts{ReadHeader: long, Read: long, Write: long, Idle: soon, Transfer: long}, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", waitForEnd},
		"a body":           {rest.Timeouts{ReadHeader: long, Read: soon, Write: long, Idle: long, Transfer: long}, "POST /api/things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n", waitForEnd},
		"a reader":         {rest.Timeouts{ReadHeader: long, Read: long, Write: long, Idle: long, Transfer: soon}, "GET /api/large HTTP/1.1\r\nHost: x\r\n\r\n", waitForCut},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := resttest.Start(t, func(ctx context.Context, cfg rest.Config) error {
				cfg.Timeouts = v.timeouts
				a := rest.New(rest.Options{Title: "Test Service", Log: slog.New(slog.NewJSONHandler(t.Output(), nil)), HTTP: cfg})
				rest.Handle(a, "POST /api/things", rest.Open, func(context.Context, *thingInput) (*output, error) { return &output{}, nil }, "makeAThing", "Make a thing")
				rest.Handle(a, "GET /api/large", rest.Open, func(context.Context, *struct{}) (*struct{ Body string }, error) {
					return &struct{ Body string }{strings.Repeat("x", 16<<20)}, nil
				}, "readMuch", "Read much")
				return rest.Serve(ctx, cfg.Listener, a, cfg.Drain)
			})
			v.cut(t, dial(t, c, v.send))
		})
	}
}

// waitForEnd reads until a connection is closed.
func waitForEnd(t *testing.T, conn net.Conn) {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(8 * time.Second))
	if answer, err := io.ReadAll(conn); err != nil {
		t.Errorf("it is not cut: %q, %v", answer, err)
	}
}
